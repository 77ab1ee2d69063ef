#include "cloudhsm/domain.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

#include "base/ids.h"
#include "base/log.h"
#include "cloudhsm/certificates.h"
#include "cluster.pb.h"
#include "domain_keys.pb.h"
#include "keys.pb.h"
#include "messages.pb.h"
#include "signing.pb.h"
#include "wire/key_token.h"

namespace strongroom::cloudhsm {
namespace {

constexpr std::string_view kServiceToken = "service-token";
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxPlaintextBytes = 4096;
constexpr std::chrono::milliseconds kLongestPause{2000};
constexpr std::chrono::minutes kSayAgain{1};

void AppendText(Bytes& to, std::string_view text) {
  to.push_back(static_cast<std::uint8_t>(text.size()));
  Append(to, AsBytes(text));
}

// docs/formats.md 5: the deployment's service key is bound as a key of no account could be.
Bytes ServiceBinding() { return wire::Encode({"deployment", "service", "1", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"}); }

Result<std::string> Header(std::string_view purpose, std::string_view name) {
  if (purpose.empty() || name.empty() || purpose.size() > kMaxNameBytes || name.size() > kMaxNameBytes) {
    return Error(Errc::kInvalidArgument, "A sealed secret has a purpose and a name of 1 to 255 bytes.");
  }
  Bytes header = ToBytes(AsBytes("SRV"));
  header.push_back(1);
  AppendText(header, purpose);
  AppendText(header, name);
  return std::string(AsText(header));
}

struct Known {
  std::string trust_anchor;
  std::vector<std::string> addresses;
  Bytes service_token;
};

Result<Known> LoadKnown(store::Transaction& t) {
  Known known;
  SR_TRY(const auto row, t.QueryOne("SELECT cluster_id FROM clusters WHERE kind = 'domain'"));
  if (!row) return known;
  SR_TRY(const std::optional<ClusterRow> cluster, LoadClusterById(t, row->Text(0)));
  if (!cluster || cluster->state != ClusterState::kActive) return known;
  known.trust_anchor = cluster->trust_anchor;
  for (const HsmRow& hsm : cluster->hsms) {
    if (hsm.state == HsmState::kActive) known.addresses.push_back(hsm.eni_ip);
  }
  SR_TRY(const auto token, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(kServiceToken)}));
  if (token) known.service_token = token->Blob(0);
  return known;
}

// The first front end's token wins; all use it.
Result<Bytes> KeepToken(store::Transaction& t, const Bytes& token) {
  SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                     {store::Text(kServiceToken), store::Blob(token)}));
  SR_TRY(const auto row, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(kServiceToken)}));
  return row->Blob(0);
}

HsmRow NewHsm(const ClusterRow& cluster, const std::string& zone, Place place, std::int64_t now) {
  return {.account = cluster.account,
          .region = cluster.region,
          .hsm_id = NewBase32Id("hsm-"),
          .cluster_id = cluster.cluster_id,
          .zone = zone,
          .eni_id = NewHexId("eni-"),
          .eni_ip = std::move(place.address),
          .host_id = std::move(place.host_id),
          .created_at = now};
}

Error TooOld() {
  return Error(
      Errc::kCorrupted,
      "The database is a copy from before its backups' retention: what it holds is sealed under a generation of "
      "the domain key that was destroyed since. Restore a newer backup.");
}

Error NotYet() { return Error(Errc::kUnavailable, "The domain cluster is not reachable yet."); }

}  // namespace

struct DomainCluster::State {
  State(store::Database& d, const Placement& p, Options o) : database(d), placement(p), options(std::move(o)) {}

  struct Connected {
    std::shared_ptr<hsm_client::ClusterClient> client;
    std::string token;
  };

  store::Database& database;
  const Placement& placement;
  const Options options;
  std::atomic<bool> stopped{false};
  mutable std::mutex mutex;
  Connected connected;  // under mutex

  Connected Get() const {
    const std::lock_guard lock(mutex);
    return connected;
  }

  /// Uses the token that the store has by now, which another front end may have renewed.
  Task<Result<Connected>> Reload() {
    SR_CO_TRY(const Known known, co_await database.RunRead(&LoadKnown));
    const std::lock_guard lock(mutex);
    if (!known.service_token.empty()) connected.token = std::string(AsText(known.service_token));
    co_return connected;
  }

  Task<Result<std::string>> LetInBy() {
    if (!options.let_in_by) co_return std::string();
    co_return co_await database.RunRead(options.let_in_by);
  }

  Task<Result<Connected>> TryConnect() {
    SR_CO_TRY(const Known known, co_await database.RunRead(&LoadKnown));
    if (known.trust_anchor.empty() || known.addresses.empty()) {
      co_return Error(Errc::kUnavailable, "The domain cluster is being made.");
    }
    SR_CO_TRY(crypto::Certificate anchor, crypto::Certificate::FromPem(known.trust_anchor, 20'000));
    SR_CO_TRY(channel::TlsContext outer, channel::OuterClient(options.outer));
    channel::InnerClientOptions inner_options;
    inner_options.owners.push_back(std::move(anchor));
    inner_options.identity = options.front_end;
    SR_CO_TRY(channel::TlsContext inner, channel::InnerClient(inner_options));
    hsm_client::ClusterOptions cluster_options;
    for (const std::string& address : known.addresses) cluster_options.seeds.push_back({.address = address});
    Connected made;
    made.client = hsm_client::ClusterClient::Create(
        options.loops, hsm_client::ClientTrust{std::move(outer), std::move(inner)}, std::move(cluster_options));
    const Status probed = co_await made.client->Probe(hsm_client::Clock::now() + std::chrono::seconds(10));
    if (!probed.ok()) {
      made.client->Close();
      co_return probed.error();
    }
    // Under TLS 1.3 an HSM refuses our certificate after our side of the handshake (RFC 8446, 4.4.2.4): only an answer
    // says that it lets us in.
    const proto::GetInfoRequest question;
    const auto answered = co_await made.client->Call<proto::GetInfoReply>(wire::Command::kGetInfo, question);
    if (!answered.ok()) {
      made.client->Close();
      co_return answered.error();
    }
    Bytes token = known.service_token;
    if (token.empty()) {
      proto::CreateTokenRequest request;
      request.set_binding(std::string(AsText(ServiceBinding())));
      request.set_spec("SYMMETRIC_DEFAULT");
      auto answer = co_await made.client->Call<proto::CreateTokenReply>(wire::Command::kCreateToken, request);
      if (!answer.ok()) {
        made.client->Close();
        co_return std::move(answer).error();
      }
      auto keep = [fresh = ToBytes(AsBytes(answer->reply.token()))](store::Transaction& t) {
        return KeepToken(t, fresh);
      };
      SR_CO_TRY(token, co_await database.Run(std::move(keep)));
    }
    made.token = std::string(AsText(token));
    co_return made;
  }
};

/// A command with the service key, whose token may have to be read again: after a rotation of the domain key.
template <typename Reply, typename Request>
Task<Result<hsm_client::ClusterClient::Answer<Reply>>> DomainCluster::CallWithServiceKey(std::shared_ptr<State> state,
                                                                                         wire::Command command,
                                                                                         Request& request) {
  State::Connected connected = state->Get();
  if (connected.client == nullptr) co_return NotYet();
  request.mutable_key()->set_token(connected.token);
  request.mutable_key()->set_binding(std::string(AsText(ServiceBinding())));
  for (bool again = false;; again = true) {
    auto answer = co_await connected.client->Call<Reply>(command, request);
    if (answer.ok() || answer.error().code() != Errc::kNotFound) co_return answer;
    // Its token is under a generation of the domain key that is gone: there is a newer one.
    if (again) co_return TooOld().WithDetail(answer.error().ForLog());
    SR_CO_TRY(connected, co_await state->Reload());
    request.mutable_key()->set_token(connected.token);
  }
}

DomainCluster::DomainCluster(store::Database& database, const Placement& placement, Options options)
    : state_(std::make_shared<State>(database, placement, std::move(options))) {}

DomainCluster::~DomainCluster() { Stop(); }

void DomainCluster::Stop() {
  state_->stopped = true;
  if (const auto connected = client()) connected->Close();
}

std::shared_ptr<hsm_client::ClusterClient> DomainCluster::client() const { return state_->Get().client; }

Task<Status> DomainCluster::EnsureRows() {
  auto ensure = [&placement = state_->placement, zone = state_->options.zone](store::Transaction& t) -> Status {
    SR_TRY(const auto there, t.QueryOne("SELECT 1 FROM clusters WHERE kind = 'domain'"));
    if (there) return {};
    ClusterRow row{.account = std::string(kDomainAccount),
                   .region = std::string(kDomainRegion),
                   .cluster_id = NewBase32Id("cluster-"),
                   .kind = std::string(kDomainKind),
                   .hsm_type = "hsm2m.medium",
                   .mode = "FIPS",
                   .state = ClusterState::kUninitialized,
                   .network_type = "IPV4"};
    SR_TRY(row.created_at, t.NowMillis());
    SR_TRY(Place place, placement.Choose(t, row, std::nullopt));
    SR_CHECK(InsertCluster(t, row));
    return InsertHsm(t, NewHsm(row, zone, std::move(place), row.created_at));
  };
  co_return co_await state_->database.Run(std::move(ensure));
}

Task<Status> DomainCluster::EnsureHsmOn(std::string host_id) {
  auto ensure = [&placement = state_->placement, zone = state_->options.zone,
                 host_id = std::move(host_id)](store::Transaction& t) -> Status {
    SR_TRY(const auto found, t.QueryOne("SELECT cluster_id FROM clusters WHERE kind = 'domain'"));
    if (!found) return Error(Errc::kUnavailable, "The domain cluster is being made.");
    SR_TRY(const std::optional<ClusterRow> cluster, LoadClusterById(t, found->Text(0)));
    if (!cluster || cluster->state != ClusterState::kActive)
      return Error(Errc::kUnavailable, "The domain cluster is being made.");
    for (const HsmRow& hsm : cluster->hsms)
      if (hsm.host_id == host_id) return {};
    SR_TRY(Place place, placement.ChooseOn(t, *cluster, host_id));
    SR_TRY(const std::int64_t now, t.NowMillis());
    return InsertHsm(t, NewHsm(*cluster, zone, std::move(place), now));
  };
  co_return co_await state_->database.Run(std::move(ensure));
}

Task<Status> DomainCluster::Connect() {
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
  const std::shared_ptr<State> state = state_;
  Timer timer(co_await boost::asio::this_coro::executor);
  std::chrono::milliseconds pause = state->options.pause;
  std::string said;
  std::chrono::steady_clock::time_point said_at;
  const auto say = [&](const std::string& what, const std::string& line) {
    const auto now = std::chrono::steady_clock::now();
    if (what == said && now - said_at < kSayAgain) return;
    said = what;
    said_at = now;
    log::Warn("{}", line);
  };
  while (!state->stopped) {
    const Result<std::string> let_in_by = co_await state->LetInBy();
    if (!let_in_by.ok() && let_in_by.error().code() == Errc::kPermission) co_return let_in_by.error();
    Result<State::Connected> made = NotYet();
    if (!let_in_by.ok()) {
      made = let_in_by.error();
    } else if (let_in_by->empty()) {
      made = co_await state->TryConnect();
    }
    if (made.ok()) {
      {
        const std::lock_guard lock(state->mutex);
        state->connected = *std::move(made);
      }
      log::Info("the domain cluster is reachable");
      co_return Status();
    }
    if (let_in_by.ok() && !let_in_by->empty()) {
      say(*let_in_by, fmt::format("waiting to be let in by {}", *let_in_by));
    } else {
      say(made.error().public_message(), fmt::format("waiting for the domain cluster: {}", made.error().ForLog()));
    }
    timer.expires_after(pause);
    pause = std::min(pause * 2, kLongestPause);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable_t<LoopExecutor>{}, ignored));
  }
  co_return Error(Errc::kCancelled, "The service is stopping.");
}

Task<Result<proto::CertifyDeviceReply>> DomainCluster::Certify(Bytes device_csr, std::string hsm_id) {
  const State::Connected connected = state_->Get();
  if (connected.client == nullptr) co_return NotYet();
  proto::CertifyDeviceRequest request;
  request.set_device_csr(std::string(AsText(device_csr)));
  request.set_hsm_id(hsm_id);
  auto answer = co_await connected.client->Call<proto::CertifyDeviceReply>(wire::Command::kCertifyDevice, request);
  if (!answer.ok()) co_return std::move(answer).error();
  co_return std::move(answer->reply);
}

Task<Result<proto::ReleaseKeysReply>> DomainCluster::Release(proto::ReleaseKeysRequest request) {
  const State::Connected connected = state_->Get();
  if (connected.client == nullptr) co_return NotYet();
  auto answer = co_await connected.client->Call<proto::ReleaseKeysReply>(wire::Command::kReleaseKeys, request);
  if (!answer.ok()) co_return std::move(answer).error();
  co_return std::move(answer->reply);
}

Task<Result<Bytes>> DomainCluster::Seal(std::string purpose, std::string name, SecretBuffer plaintext) {
  const State::Connected connected = state_->Get();
  if (connected.client == nullptr) co_return NotYet();
  if (plaintext.empty() || plaintext.size() > kMaxPlaintextBytes) {
    co_return Error(Errc::kInvalidArgument, "A sealed secret has 1 to 4096 bytes.");
  }
  proto::SealMessageRequest request;
  SR_CO_TRY(*request.mutable_header(), Header(purpose, name));
  request.mutable_key()->set_token(connected.token);
  request.mutable_key()->set_binding(std::string(AsText(ServiceBinding())));
  for (bool again = false;; again = true) {
    SR_CO_TRY(SecretBuffer copy, plaintext.Clone());
    std::vector<SecretBuffer> segments;
    segments.push_back(std::move(copy));
    auto answer = co_await connected.client->Call<proto::SealMessageReply>(wire::Command::kSealMessage, request,
                                                                           std::move(segments));
    if (answer.ok()) co_return ToBytes(AsBytes(answer->reply.sealed()));
    // Its token is under a generation of the domain key that is gone: there is a newer one.
    if (answer.error().code() != Errc::kNotFound) co_return std::move(answer).error();
    if (again) co_return TooOld().WithDetail(answer.error().ForLog());
    SR_CO_TRY(const State::Connected fresh, co_await state_->Reload());
    request.mutable_key()->set_token(fresh.token);
  }
}

Task<Result<SecretBuffer>> DomainCluster::Open(std::string purpose, std::string name, Bytes sealed) {
  const State::Connected connected = state_->Get();
  if (connected.client == nullptr) co_return NotYet();
  proto::OpenMessageRequest request;
  SR_CO_TRY(*request.mutable_header(), Header(purpose, name));
  request.mutable_key()->set_token(connected.token);
  request.mutable_key()->set_binding(std::string(AsText(ServiceBinding())));
  request.set_sealed(std::string(AsText(sealed)));
  for (bool again = false;; again = true) {
    auto answer = co_await connected.client->Call<proto::OpenMessageReply>(wire::Command::kOpenMessage, request);
    if (answer.ok() && answer->segments.size() != 1)
      co_return Error(Errc::kInternal, "The HSM answered without the secret.");
    if (answer.ok()) co_return std::move(answer->segments.front());
    if (answer.error().code() != Errc::kNotFound) co_return std::move(answer).error();
    if (again) co_return TooOld().WithDetail(answer.error().ForLog());
    SR_CO_TRY(const State::Connected fresh, co_await state_->Reload());
    request.mutable_key()->set_token(fresh.token);
  }
}

Task<Result<ports::SigningSecrets::Made>> DomainCluster::Make(Terms terms, Bytes claims) {
  proto::MakeSigningSecretRequest request;
  request.mutable_terms()->set_binding(terms.binding);
  request.mutable_terms()->set_expires_millis(terms.expires_millis);
  request.set_claims(std::string(AsText(claims)));
  SR_CO_TRY(auto answer, co_await CallWithServiceKey<proto::MakeSigningSecretReply>(
                             state_, wire::Command::kMakeSigningSecret, request));
  if (answer.segments.size() != 1) co_return Error(Errc::kInternal, "The HSM answered without the secret.");
  Made made;
  made.secret = std::move(answer.segments.front());
  made.sealed = ToBytes(AsBytes(answer.reply.sealed()));
  co_return made;
}

Task<Result<ports::SigningSecrets::Derived>> DomainCluster::Derive(Terms terms, Bytes sealed, std::string date,
                                                                   std::string region, std::string service) {
  proto::DeriveSigningKeyRequest request;
  request.mutable_terms()->set_binding(terms.binding);
  request.mutable_terms()->set_expires_millis(terms.expires_millis);
  request.set_sealed(std::string(AsText(sealed)));
  request.set_date(date);
  request.set_region(region);
  request.set_service(service);
  SR_CO_TRY(auto answer, co_await CallWithServiceKey<proto::DeriveSigningKeyReply>(
                             state_, wire::Command::kDeriveSigningKey, request));
  if (answer.segments.size() != 1) co_return Error(Errc::kInternal, "The HSM answered without the signing key.");
  Derived derived;
  derived.signing_key = std::move(answer.segments.front());
  derived.claims = ToBytes(AsBytes(answer.reply.claims()));
  co_return derived;
}

Task<Result<bool>> DomainCluster::Renew(std::uint32_t newest) {
  if (state_->Get().client == nullptr) co_return NotYet();
  SR_CO_TRY(const State::Connected connected, co_await state_->Reload());
  if (wire::KeyTokenGeneration(AsBytes(connected.token)).value_or(0) >= newest) co_return false;
  proto::RewrapTokenRequest request;
  request.mutable_key()->set_token(connected.token);
  request.mutable_key()->set_binding(std::string(AsText(ServiceBinding())));
  auto answer = co_await connected.client->Call<proto::RewrapTokenReply>(wire::Command::kRewrapToken, request);
  if (!answer.ok()) co_return std::move(answer).error();
  auto write = [old = ToBytes(AsBytes(connected.token)),
                fresh = ToBytes(AsBytes(answer->reply.token()))](store::Transaction& t) -> Status {
    SR_CHECK(t.Execute("UPDATE deployment SET value = $2 WHERE name = $1 AND value = $3",
                       {store::Text(kServiceToken), store::Blob(fresh), store::Blob(old)}));
    return {};
  };
  SR_CO_CHECK(co_await state_->database.Run(std::move(write)));
  SR_CO_CHECK(co_await state_->Reload());
  co_return true;
}

}  // namespace strongroom::cloudhsm
