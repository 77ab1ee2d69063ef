#include "cloudhsm/machines/watch.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "cloudhsm/control_host.h"
#include "cloudhsm/nodes/ask.h"
#include "crypto/hash.h"
#include "terminal/terminal.h"

namespace strongroom::cloudhsm {
namespace {

namespace fs = std::filesystem;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
constexpr std::string_view kSealPurpose = "machine";
constexpr std::size_t kMaxPemBytes = 8192;
// For a sign of life: a host that takes longer is not one to wait for.
constexpr std::chrono::milliseconds kGreeting{2000};
// One that is late once is busy; one that is late twice in a row stands still.
constexpr int kMissedGreetings = 2;

Result<crypto::Certificate> FromRow(const std::string& pem) { return crypto::Certificate::FromPem(pem, kMaxPemBytes); }

Result<std::optional<ClusterRow>> LoadDomain(store::Transaction& t) {
  SR_TRY(const auto row, t.QueryOne("SELECT cluster_id FROM clusters WHERE kind = 'domain'"));
  if (!row) return std::optional<ClusterRow>();
  return LoadClusterById(t, row->Text(0));
}

/// By this machine's own clock: who can write the store cannot prolong it. None when it is not ours or has expired.
std::optional<SecretBuffer> Invitation(const fs::path& directory, const std::string& id) {
  if (id.empty() || id.find('/') != std::string::npos || id.front() == '.') return std::nullopt;
  const fs::path file = directory / id;
  std::error_code failed;
  const auto made = fs::last_write_time(file, failed);
  if (failed) return std::nullopt;
  if (fs::file_time_type::clock::now() - made > kInvitationLife) {
    fs::remove(file, failed);
    return std::nullopt;
  }
  auto secret = cli::Terminal::ReadKeyFile(file);
  if (!secret.ok()) {
    LogError("reading an invitation", secret.error());
    return std::nullopt;
  }
  return *std::move(secret);
}

}  // namespace

struct MachineWatch::State {
  explicit State(Parts p) : parts(std::move(p)), timer(parts.loop), sign_timer(parts.loop) {}

  const Parts parts;
  Timer timer, sign_timer;
  bool stopped = false;
  bool has_domain_hsm = false, told_removed = false;
  std::map<std::string, MachineRow> known;                // approved, by host id
  std::set<std::pair<std::string, Bytes>> told;           // host id and the certificate that it lets in
  std::map<std::string, crypto::Sha256Digest> bad;        // refused rows, so that it is said once
  std::set<std::pair<std::string, std::string>> put_out;  // host id and the id of the machine that it lets in no more
  std::map<std::string, std::shared_ptr<ControlHost>> connected;  // the newest of each host
  std::map<std::string, int> unanswered;                          // greetings in a row, by host
  ports::AuditSink* sink = nullptr;
  std::vector<ports::AuditEvent> unrecorded;        // as long as there is no sink
  std::vector<std::shared_ptr<ControlHost>> links;  // none is dropped before the end: jobs may be using it

  bool IsSelf(const MachineRow& row) const { return row.host_id == parts.self.host_id; }

  void Record(std::string name, const MachineRow& row) {
    ports::AuditEvent event;
    event.account = parts.account;
    event.region = parts.region;
    event.event_source = "cloudhsm.amazonaws.com";
    event.event_name = std::move(name);
    event.details = {{"machine", row.host_id}, {"address", row.address}, {"network", row.network}};
    if (sink != nullptr)
      sink->Record(event);
    else
      unrecorded.push_back(std::move(event));
  }

  Task<Status> Seal(MachineRow& row) {
    SR_CO_TRY(SecretBuffer facts, SecretBuffer::CopyOf(FactsOf(row)));
    SR_CO_TRY(row.approval, co_await parts.sealer.Seal(std::string(kSealPurpose), row.host_id, std::move(facts)));
    co_return Status();
  }

  /// Has one HSM of the domain cluster do it, which is enough: this machine's, if it can, as a machine that stands
  /// still looks connected.
  Task<Status> AskDomain(proto::Control question) {
    SR_CO_TRY(std::optional<ClusterRow> domain, co_await parts.database.RunRead(&LoadDomain));
    Status outcome = Error(Errc::kUnavailable, "The domain cluster has no ACTIVE HSM.");
    if (!domain) co_return outcome;
    std::ranges::stable_partition(domain->hsms,
                                  [this](const HsmRow& hsm) { return hsm.host_id == parts.self.host_id; });
    for (const HsmRow& hsm : domain->hsms) {
      if (hsm.state != HsmState::kActive) continue;
      const auto answer = co_await AskHsm(parts.jobs, hsm, question);
      if (answer.ok()) co_return Status();
      outcome = answer.error();
    }
    co_return outcome;
  }

  /// Until it is in the log of the domain cluster, no HSM of that lets the front end in.
  Task<Status> Enroll(MachineRow row) {
    SR_CO_TRY(const crypto::Certificate certificate, FromRow(row.front_end_certificate));
    proto::Control question;
    question.mutable_enroll_front_end()->set_public_key(std::string(AsText(certificate.public_key_spki())));
    question.mutable_enroll_front_end()->set_name(row.host_id);
    co_return co_await AskDomain(std::move(question));
  }

  /// This machine's own row, and whoever was invited here. True: the row is approved now.
  Task<Result<bool>> Approve(MachineRow row) {
    SR_CO_CHECK(Check(row));
    const std::optional<SecretBuffer> invitation = Invitation(parts.invitations, row.invitation_id);
    if (!invitation) co_return false;
    if (!crypto::ConstantTimeEqual(ProofOf(row, *invitation), row.proof))
      co_return Error(Errc::kUntrusted, "Machine " + row.host_id + " was not made with the invitation that it names.");
    SR_CO_CHECK(co_await Enroll(row));
    SR_CO_CHECK(co_await Seal(row));
    auto note = [row](store::Transaction& t) { return ApproveMachine(t, row); };
    SR_CO_TRY(const bool noted, co_await parts.database.Run(std::move(note)));
    if (!noted) co_return false;
    log::Info("machine {} has joined, invited by {}", row.host_id, row.invitation_id);
    Record("JoinMachine", row);
    std::error_code ignored;
    fs::remove(parts.invitations / row.invitation_id, ignored);
    co_return true;
  }

  Task<Status> ApproveSelf(MachineRow row) {
    SR_CO_CHECK(Check(row));
    SR_CO_CHECK(co_await Seal(row));
    auto put = [row](store::Transaction& t) { return PutMachine(t, row); };
    SR_CO_CHECK(co_await parts.database.Run(std::move(put)));
    known.insert_or_assign(row.host_id, row);
    co_return Status();
  }

  Task<Status> Verify(MachineRow row) {
    SR_CO_CHECK(Check(row));
    SR_CO_TRY(const SecretBuffer facts,
              co_await parts.sealer.Open(std::string(kSealPurpose), row.host_id, row.approval));
    if (facts.EqualsInConstantTime(FactsOf(row))) co_return Status();
    co_return Error(Errc::kUntrusted, "Machine " + row.host_id + " was changed after it had been approved.");
  }

  Status Connect(const MachineRow& row) {
    const auto before = known.find(row.host_id);
    const bool same = before != known.end() && before->second.address == row.address &&
                      before->second.port == row.port && before->second.control_certificate == row.control_certificate;
    // One that the configuration names is connected already.
    if (same || (before == known.end() && parts.hosts.Find(row.host_id) != nullptr)) return {};
    SR_TRY(crypto::Certificate pinned, FromRow(row.control_certificate));
    SR_TRY(const channel::TlsContext tls,
           channel::ControlClient({.identity = parts.identity, .peers = {std::move(pinned)}}));
    ControlHostOptions options{
        .host_id = row.host_id, .address = row.address, .port = static_cast<std::uint16_t>(row.port)};
    auto link = std::make_shared<ControlHost>(parts.loop, std::move(options), tls, parts.log);
    links.push_back(link);
    connected.insert_or_assign(row.host_id, link);
    parts.hosts.Add(row.host_id, link);
    parts.placement.Add({row.host_id, row.network + "."});
    link->Start(parts.lifecycle);
    log::Info("connecting to the host of machine {} at {}:{}", row.host_id, row.address, row.port);
    return {};
  }

  Task<Status> TakeIn(MachineRow row) {
    const auto before = known.find(row.host_id);
    if (before != known.end() && FactsOf(before->second) == FactsOf(row)) co_return Status();
    const crypto::Sha256Digest whole = crypto::Sha256({FactsOf(row), row.proof, row.approval});
    if (const auto refused = bad.find(row.host_id); refused != bad.end() && refused->second == whole)
      co_return Status();
    const bool has_approval = !row.approval.empty();
    bool approved = has_approval;
    Status outcome;
    if (has_approval) {
      outcome = co_await Verify(row);
    } else {
      const auto decided = co_await Approve(row);
      if (decided.ok())
        approved = *decided;
      else
        outcome = decided.error();
    }
    if (!outcome.ok()) {
      const Errc code = outcome.error().code();
      if (code == Errc::kUntrusted || code == Errc::kInvalidArgument || code == Errc::kBadCiphertext)
        bad.insert_or_assign(row.host_id, whole);
      co_return outcome;
    }
    if (!approved) co_return Status();
    SR_CO_CHECK(Connect(row));
    known.insert_or_assign(row.host_id, row);
    co_return Status();
  }

  /// What a host notes at once. One that does not is left alone until it answers a greeting: whatever is to be told,
  /// the look is held up once.
  Task<Status> TellHost(std::string host_id, proto::Control question) {
    Host* host = parts.hosts.Find(host_id);
    if (host == nullptr || !host->connected())
      co_return Error(Errc::kUnavailable, "Host " + host_id + " cannot be told now.");
    const auto answer = co_await host->Ask(std::string(), std::move(question), parts.telling);
    if (answer.ok()) co_return Status();
    if (answer.error().code() == Errc::kTimeout) host->SetSilent(true);
    co_return answer.error();
  }

  Task<Status> Tell() {
    const std::map<std::string, MachineRow> machines = known;
    Status outcome;
    for (const auto& [host_id, machine] : machines) {
      Host* host = parts.hosts.Find(host_id);
      if (host == nullptr || !host->connected()) continue;
      for (const auto& [name, other] : machines) {
        if (name == host_id) continue;
        SR_CO_TRY(const crypto::Certificate certificate, FromRow(other.front_end_certificate));
        if (told.contains({host_id, certificate.ToDer()})) continue;
        proto::Control question;
        question.mutable_allow_front_end()->set_name(name);
        question.mutable_allow_front_end()->set_certificate(std::string(AsText(certificate.ToDer())));
        const Status done = co_await TellHost(host_id, std::move(question));
        if (done.ok())
          told.insert({host_id, certificate.ToDer()});
        else if (outcome.ok())
          outcome = done;
      }
    }
    co_return outcome;
  }

  /// A machine that is gone for good: nobody asks its host, and no HSM of the domain cluster and no other host lets its
  /// front end in. Who only writes the store could name any machine here; so its approval must fit.
  Task<Status> PutOut(MachineRow row) {
    if (const auto link = connected.find(row.host_id); link != connected.end()) {
      link->second->Stop();
      connected.erase(link);
      log::Warn("machine {} was removed from the deployment", row.host_id);
    }
    known.erase(row.host_id);
    std::erase_if(told, [&](const auto& one) { return one.first == row.host_id; });
    parts.hosts.Remove(row.host_id);
    parts.placement.Remove(row.host_id);
    const crypto::Sha256Digest whole = crypto::Sha256({FactsOf(row), row.proof, row.approval});
    if (const auto refused = bad.find(row.host_id); refused != bad.end() && refused->second == whole)
      co_return Status();
    std::vector<std::string> hosts;
    for (const auto& [host_id, machine] : known) {
      const Host* host = parts.hosts.Find(host_id);
      if (host != nullptr && host->connected() && !put_out.contains({host_id, row.host_id})) hosts.push_back(host_id);
    }
    if (hosts.empty() && row.withdrawn) co_return Status();
    if (const Status fits = co_await Verify(row); !fits.ok()) {
      if (fits.error().code() != Errc::kUnavailable) bad.insert_or_assign(row.host_id, whole);
      co_return fits;
    }
    SR_CO_TRY(const crypto::Certificate certificate, FromRow(row.front_end_certificate));
    proto::Control question;
    question.mutable_remove_front_end()->set_certificate(std::string(AsText(certificate.ToDer())));
    Status outcome;
    if (!row.withdrawn) {
      outcome = co_await AskDomain(question);
      if (outcome.ok()) {
        auto note = [host_id = row.host_id](store::Transaction& t) { return NoteWithdrawn(t, host_id); };
        const auto first = co_await parts.database.Run(std::move(note));
        if (!first.ok())
          outcome = first.error();
        else if (*first)
          Record("RemoveMachine", row);
      }
    }
    for (const std::string& host_id : hosts) {
      const Status done = co_await TellHost(host_id, question);
      if (done.ok())
        put_out.insert({host_id, row.host_id});
      else if (outcome.ok())
        outcome = done;
    }
    co_return outcome;
  }

  /// That this front end runs, and which hosts answer: what is seen by nobody any more can be removed.
  Task<Status> GiveSign() {
    std::vector<std::string> seen{parts.self.host_id};
    std::vector<std::string> others;
    for (const auto& [host_id, machine] : known)
      if (host_id != parts.self.host_id) others.push_back(host_id);
    for (const std::string& host_id : others) {
      Host* host = parts.hosts.Find(host_id);
      if (host == nullptr) continue;
      proto::Control hello;
      hello.mutable_host_hello();
      const auto answer = co_await host->Ask(std::string(), std::move(hello), kGreeting);
      int& missed = unanswered[host_id];
      missed = !answer.ok() && answer.error().code() == Errc::kTimeout ? missed + 1 : 0;
      if (missed >= kMissedGreetings) host->SetSilent(true);
      if (!answer.ok()) continue;
      seen.push_back(host_id);
      host->SetSilent(false);
    }
    auto note = [seen](store::Transaction& t) { return NoteSeen(t, seen); };
    co_return co_await parts.database.Run(std::move(note));
  }

  Task<Status> Look() {
    SR_CO_TRY(const std::vector<MachineRow> rows, co_await parts.database.RunRead(&LoadMachines));
    Status outcome;
    const auto note = [&outcome](const Status& status) {
      if (!status.ok() && outcome.ok()) outcome = status;
    };
    MachineRow self = parts.self;
    bool approved = false;
    for (const MachineRow& row : rows) {
      if (!IsSelf(row)) continue;
      if (row.removed) {
        if (!std::exchange(told_removed, true) && parts.removed) parts.removed();
        co_return Error(Errc::kPermission, "This machine was removed from the deployment.");
      }
      // What it joined with stays, as its facts are made of it.
      self.invitation_id = row.invitation_id;
      self.proof = row.proof;
      approved = !row.approval.empty() && FactsOf(row) == FactsOf(self);
      if (approved) known.insert_or_assign(row.host_id, row);
    }
    if (!approved) note(co_await ApproveSelf(std::move(self)));
    for (const MachineRow& row : rows)
      if (row.removed) note(co_await PutOut(row));
    for (const MachineRow& row : rows)
      if (!IsSelf(row) && !row.removed) note(co_await TakeIn(row));
    note(co_await Tell());
    if (!has_domain_hsm) {
      const Status ensured = co_await parts.ensure_domain_hsm();
      has_domain_hsm = ensured.ok();
      note(ensured);
    }
    co_return outcome;
  }

  Task<void> Pause(Timer& of, std::chrono::milliseconds time) {
    of.expires_after(time);
    boost::system::error_code ignored;
    co_await of.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable_t<LoopExecutor>{}, ignored));
  }

  /// Beside the looks, any of which may wait long for a host or an HSM that does not answer.
  static Task<void> RunSigns(std::shared_ptr<State> state) {
    while (!state->stopped) {
      const Status given = co_await state->GiveSign();
      if (!given.ok()) LogError("saying that this machine is there", given.error());
      if (!state->stopped) co_await state->Pause(state->sign_timer, state->parts.sign_of_life);
    }
  }

  static Task<void> Run(std::shared_ptr<State> state) {
    std::string said;
    while (!state->stopped) {
      const Status looked = co_await state->Look();
      const std::string failure = looked.ok() ? std::string() : looked.error().public_message();
      if (!looked.ok() && failure != said) LogError("looking at the deployment's machines", looked.error());
      said = failure;
      if (state->stopped) break;
      co_await state->Pause(state->timer, state->parts.poll);
    }
  }
};

MachineWatch::MachineWatch(Parts parts) : state_(std::make_shared<State>(std::move(parts))) {}

MachineWatch::~MachineWatch() {
  Stop();
  // What Stop has posted may be dropped with the loop, which is too late for a link to end on it.
  state_->links.clear();
}

void MachineWatch::Start() {
  boost::asio::co_spawn(state_->parts.loop, State::Run(state_), boost::asio::detached);
  boost::asio::co_spawn(state_->parts.loop, State::RunSigns(state_), boost::asio::detached);
}

void MachineWatch::RecordTo(ports::AuditSink& sink) {
  boost::asio::post(state_->parts.loop, [state = state_, &sink] {
    state->sink = &sink;
    for (const ports::AuditEvent& event : std::exchange(state->unrecorded, {})) sink.Record(event);
  });
}

void MachineWatch::Stop() {
  boost::asio::post(state_->parts.loop, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
    state->sign_timer.cancel();
    for (const auto& link : state->links) link->Stop();
  });
}

Task<Status> MachineWatch::Look() { co_return co_await state_->Look(); }
Task<Status> MachineWatch::GiveSign() { co_return co_await state_->GiveSign(); }

}  // namespace strongroom::cloudhsm
