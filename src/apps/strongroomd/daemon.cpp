#include "apps/strongroomd/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "apps/strongroomd/delivery.h"
#include "apps/strongroomd/recording.h"
#include "apps/strongroomd/root_key.h"
#include "apps/strongroomd/store_metrics.h"
#include "aws/dispatch/dispatcher.h"
#include "aws/http/server.h"
#include "aws/policy/engine.h"
#include "base/file.h"
#include "base/log.h"
#include "channel/tls_context.h"
#include "cloudhsm/control_host.h"
#include "cloudhsm/domain.h"
#include "cloudhsm/machines/watch.h"
#include "cloudhsm/nodes/lease.h"
#include "cloudhsm/service.h"
#include "crypto/hash.h"
#include "iam/accounts.h"
#include "iam/credential_cache.h"
#include "iam/key_uses.h"
#include "iam/principals/directory.h"
#include "iam/service.h"
#include "iam/sts_service.h"
#include "store/change_feed.h"
#include "store/clock_guard.h"
#include "trail/keeping/digest_key.h"
#include "trail/keeping/keeper.h"
#include "trail/service.h"
#include "trail/trail.h"
#include "xks_proxy/admin.h"
#include "xks_proxy/handler.h"
#include "xks_proxy/proxies.h"

#if defined(STRONGROOM_HAS_KMS)
#include "kms/attestation/verifier.h"
#include "kms/service.h"
#endif

namespace strongroom::service {
namespace {

// Long enough for every HSM to ask for news of its log (it does so every second) once the hosts are connected.
constexpr std::chrono::milliseconds kLogGrace{3000};
// A front end that is gone is looked after by one of the others at a time; far longer than between two steps of it.
constexpr std::chrono::milliseconds kGoneLease{60'000};
/// The commercial regions, for deployments whose configuration names none.
/// Source: AWS General Reference, "Service endpoints".
constexpr std::string_view kRegions[] = {
    "us-east-1",      "us-east-2",      "us-west-1",      "us-west-2",      "af-south-1",     "ap-east-1",
    "ap-south-1",     "ap-south-2",     "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ca-central-1",   "ca-west-1",      "eu-central-1",
    "eu-central-2",   "eu-west-1",      "eu-west-2",      "eu-west-3",      "eu-south-1",     "eu-south-2",
    "eu-north-1",     "il-central-1",   "me-south-1",     "me-central-1",   "sa-east-1"};

// The database is asked every quarter of a second.
constexpr std::chrono::seconds kNoticeable{5};

Result<Bytes> LoadPublicKey(const std::filesystem::path& file) {
  SR_TRY(const std::string pem, ReadFile(file, 64 * 1024));
  constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----", kEnd = "-----END PUBLIC KEY-----";
  const auto begin = pem.find(kBegin), end = pem.find(kEnd);
  std::string base64;
  if (begin != std::string::npos && end != std::string::npos && end > begin) {
    for (const char c : pem.substr(begin + kBegin.size(), end - begin - kBegin.size())) {
      if (c != '\n' && c != '\r' && c != ' ') base64 += c;
    }
  }
  const auto der = FromBase64(base64);
  if (base64.empty() || !der.ok() || !crypto::PublicKey::FromSpki(*der).ok()) {
    return Error(Errc::kInvalidArgument, file.string() + " is not a PEM public key.");
  }
  return *der;
}

Result<std::unique_ptr<store::Database>> OpenStore(const Config& config) {
  store::Config options;
  if (config.store.postgresql.empty()) {
    options.sqlite_path = config.store.sqlite;
  } else {
    options.engine = store::Config::Engine::kPostgres;
    options.conninfo = config.store.postgresql;
  }
  return store::Database::Open(options);
}

void SayClock(const std::string& doubt) {
  if (doubt.empty()) return log::Info("the clock is believed again: what is due is deleted, expired and rotated");
  log::Warn("nothing is deleted, expired or rotated until the clock is believed: {}", doubt);
}

std::vector<cloudhsm::HostSite> SitesOf(const Config& config) {
  std::vector<cloudhsm::HostSite> sites;
  for (const HostEntry& host : config.hosts) sites.push_back({host.id, host.network + "."});
  return sites;
}

template <typename T>
Task<void> Fulfil(Task<T> task, std::promise<T>* promise) {
  promise->set_value(co_await std::move(task));
}
/// Runs a task on a loop and waits for it; not on that loop's thread. (Asio would want a T that can be made empty.)
template <typename T>
T RunOn(Loop& loop, Task<T> task) {
  std::promise<T> promise;
  boost::asio::co_spawn(loop, Fulfil(std::move(task), &promise), boost::asio::detached);
  return promise.get_future().get();
}

Error WasRemoved() { return Error(Errc::kPermission, "This machine was removed from the deployment."); }

/// This machine, as the others shall know it.
Result<cloudhsm::MachineRow> SelfOf(const Config& config, const crypto::Certificate& front_end) {
  const HostEntry& own = config.hosts.front();
  SR_TRY(const crypto::Certificate control, channel::LoadCertificate(own.certificate));
  return cloudhsm::MachineRow{.host_id = own.id,
                              .address = own.address,
                              .port = own.port,
                              .network = own.network,
                              .control_certificate = control.ToPem(),
                              .front_end_certificate = front_end.ToPem(),
                              .invitation_id = {},
                              .proof = {},
                              .approval = {}};
}

}  // namespace

// Members are destroyed from the last to the first: what uses something stands below it.
struct Daemon::Parts {
  Parts(Config c, std::unique_ptr<store::Database> d, channel::Identity i)
      : config(std::move(c)),
        loops(config.https.threads),
        database(std::move(d)),
        identity(std::move(i)),
        placement(SitesOf(config),
                  [this](const std::string& host_id) {
                    const cloudhsm::Host* host = hosts.Find(host_id);
                    return host != nullptr && host->connected();
                  }),
        feed(*database),
        clock(*database, {.front_end = config.hosts.front().id, .on_change = &SayClock}) {}

  Config config;
  // Before the store: its threads may still be handing an answer to a loop when everything else has stopped.
  aws::LoopGroup loops;  // requests
  Loop control{1};       // links, jobs and caches: never in the way of a request
  boost::asio::executor_work_guard<LoopExecutor> control_work{control.get_executor()};
  std::thread control_thread;
  // Before the store, too: jobs there ask it.
  aws::PolicyEngine authorizer;
  std::unique_ptr<store::Database> database;
  channel::Identity identity;
  channel::OuterClientOptions outer;  // towards every HSM's host
  cloudhsm::Placement placement;
  store::ChangeFeed feed;
  store::ClockGuard clock;
  std::unique_ptr<trail::Trail> trail;
  std::unique_ptr<trail::DigestKey> digest_key;
  std::unique_ptr<trail::Keeper> trail_keeper;
  std::unique_ptr<trail::Delivery> delivery;  // null: nowhere to
  std::unique_ptr<trail::CloudTrail> cloudtrail;

  cloudhsm::Hosts hosts;
  std::vector<std::shared_ptr<cloudhsm::ControlHost>> links;
  std::unique_ptr<cloudhsm::DomainCluster> domain;
  std::unique_ptr<cloudhsm::JobContext> jobs;
  std::unique_ptr<cloudhsm::Lifecycle> lifecycle;
  std::unique_ptr<cloudhsm::LogServer> log;
  std::unique_ptr<cloudhsm::MachineWatch> machines;  // on PostgreSQL
  std::unique_ptr<iam::AccessKeys> access_keys;
  std::unique_ptr<iam::Accounts> accounts;
  std::unique_ptr<iam::SessionTokens> session_tokens;
  std::unique_ptr<iam::CredentialCache> credentials;
  std::unique_ptr<iam::WebIdentityVerifier> web_identity;
  std::unique_ptr<iam::Sts> sts;
  std::unique_ptr<iam::Iam> iam;
  std::unique_ptr<iam::KeyUses> key_uses;
  std::unique_ptr<iam::PrincipalDirectory> principals;
  std::unique_ptr<cloudhsm::CloudHsm> cloudhsm;
#if defined(STRONGROOM_HAS_KMS)
  std::unique_ptr<kms::Kms> kms;
#endif
  std::unique_ptr<xks_proxy::Proxies> proxies;
  std::unique_ptr<xks_proxy::Admin> proxy_admin;
  std::unique_ptr<aws::Dispatcher> dispatcher;
  std::unique_ptr<xks_proxy::Handler> handler;
  std::unique_ptr<aws::HttpServer> server;
  bool started = false, stopped = false;
  std::atomic<bool> serving = false;  // all is there but the HTTPS server, or that too
  std::atomic<bool> removed = false;  // this machine was

  std::vector<Loop*> AllLoops();
  Result<hsm_client::ClientTrust> TrustFor(const crypto::Certificate& owner) const;
  Status MakeControlPlane();
  Status MakeServices();
  aws::Service MakeProxies();
  Status OpenTrail();
  Status RefuseRemoved();
  Result<std::string> LetInBy(store::Transaction& t) const;
  trail::GoneFrontEnds Gone();
  Task<Status> EnsureDomainHsm();
  Task<Status> BecomeReady();
  Status Health() const;
  std::chrono::seconds StoreSilence() const;  // since the database has answered last
  std::string Alarms() const;
};

std::vector<Loop*> Daemon::Parts::AllLoops() {
  std::vector<Loop*> all;
  for (std::size_t i = 0; i < loops.size(); ++i) all.push_back(&loops.at(i));
  all.push_back(&control);
  return all;
}

Result<hsm_client::ClientTrust> Daemon::Parts::TrustFor(const crypto::Certificate& owner) const {
  SR_TRY(channel::TlsContext to_host, channel::OuterClient(outer));
  channel::InnerClientOptions options;
  options.owners.push_back(owner);
  SR_TRY(channel::TlsContext to_hsm, channel::InnerClient(options));
  return hsm_client::ClientTrust{std::move(to_host), std::move(to_hsm)};
}

Status Daemon::Parts::MakeControlPlane() {
  SR_TRY(Bytes recovery, LoadPublicKey(config.recovery_public_key));
  SR_TRY(channel::Identity client, channel::LoadIdentity(config.client.certificate, config.client.key));
  cloudhsm::DomainCluster::Options options{.front_end = identity};
  options.loops = AllLoops();
  if (!config.store.postgresql.empty()) options.let_in_by = [this](store::Transaction& t) { return LetInBy(t); };
  outer.directory = config.client.hosts;
  outer.identity = std::move(client);
  options.outer = outer;
  domain = std::make_unique<cloudhsm::DomainCluster>(*database, placement, std::move(options));
  jobs = std::make_unique<cloudhsm::JobContext>(
      cloudhsm::JobContext{.database = *database,
                           .hosts = hosts,
                           .certifier = *domain,
                           .domain = {identity.key.public_key().ToSpki(), config.front_end.name, std::move(recovery)},
                           .owner = Hex(crypto::Sha256(identity.key.public_key().ToSpki()))});
  log = std::make_unique<cloudhsm::LogServer>(
      *database,
      [this](const std::string& host_id, const std::string& hsm_id, const proto::Control& notice) {
        if (cloudhsm::Host* host = hosts.Find(host_id)) host->Notify(hsm_id, notice);
      },
      domain.get(), kLogGrace);
  for (const HostEntry& entry : config.hosts) {
    SR_TRY(crypto::Certificate pinned, channel::LoadCertificate(entry.certificate));
    SR_TRY(const channel::TlsContext tls, channel::ControlClient({.identity = identity, .peers = {std::move(pinned)}}));
    cloudhsm::ControlHostOptions host{.host_id = entry.id, .address = entry.address, .port = entry.port};
    links.push_back(std::make_shared<cloudhsm::ControlHost>(control, std::move(host), tls, *log));
    hosts.Add(entry.id, links.back());
  }
  lifecycle = std::make_unique<cloudhsm::Lifecycle>(control, *jobs, cloudhsm::Lifecycle::Options{});
  if (config.store.postgresql.empty()) return {};
  SR_TRY(cloudhsm::MachineRow self, SelfOf(config, identity.certificate));
  machines = std::make_unique<cloudhsm::MachineWatch>(
      cloudhsm::MachineWatch::Parts{.loop = control,
                                    .database = *database,
                                    .jobs = *jobs,
                                    .sealer = *domain,
                                    .hosts = hosts,
                                    .placement = placement,
                                    .log = *log,
                                    .lifecycle = *lifecycle,
                                    .identity = identity,
                                    .self = std::move(self),
                                    .invitations = config.front_end.invitations,
                                    .ensure_domain_hsm = [this] { return EnsureDomainHsm(); },
                                    .removed =
                                        [this] {
                                          removed = true;
                                          // As from outside: everything ends in its order.
                                          ::kill(::getpid(), SIGTERM);
                                        },
                                    .account = config.account.id,
                                    .region = config.audit.region});
  return {};
}

Task<Status> Daemon::Parts::EnsureDomainHsm() {
  SR_CO_CHECK(co_await domain->EnsureHsmOn(config.hosts.front().id));
  lifecycle->Wake();
  co_return Status();
}

Status Daemon::Parts::Health() const {
  if (!domain->ready()) return Error(Errc::kUnavailable, "The domain cluster is not reachable.");
  if (StoreSilence() > store::ChangeFeed::kStaleLimit)
    return Error(Errc::kUnavailable, "The database has been away for so long that nothing is served.");
  return {};
}

std::chrono::seconds Daemon::Parts::StoreSilence() const {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - feed.last_success());
}

/// Anybody may read it: reasons, which name files, are in the log.
std::string Daemon::Parts::Alarms() const {
  std::string lines;
  if (!config.memory_is_locked)
    lines += "memory: not all of strongroomd's is locked, so parts of it may be swapped to disk. Raise LimitMEMLOCK.\n";
  if (const auto silence = StoreSilence(); silence > kNoticeable)
    lines += fmt::format(
        "store: the database has not answered for {} s. Keys that are in use are served for {} s in all; everything "
        "else waits for it. The log says why.\n",
        silence.count(), store::ChangeFeed::kStaleLimit.count());
  if (const store::ClockView seen = clock.view(); !seen.doubt.empty())
    lines += fmt::format(
        "clock: {} Meanwhile nothing is deleted, expired or rotated because its time has come. {}\n", seen.doubt,
        seen.acceptable ? "Put the clock right, or, when it is right: strongroom clock accept." : "Put it right.");
  const trail::TrailHealth health = trail->health();
  if (!health.failure.empty())
    lines += fmt::format("audit: records cannot be written; {} bytes wait. The log says why.\n", health.waiting_bytes);
  if (health.lost != 0) lines += fmt::format("audit: {} records were lost since the start.\n", health.lost);
  if (!trail_keeper->failure().empty())
    lines += "audit: records do not reach the store, or digests are not signed. The log says why.\n";
  if (!delivery) return lines;
  const trail::DeliveryHealth delivered = delivery->health();
  if (!delivered.failure.empty())
    lines += fmt::format("audit: records do not reach the bucket; {} closed segments wait. The log says why.\n",
                         delivered.waiting_segments);
  return lines;
}

/// Nothing of a machine that was taken for gone goes on: others have closed its trail and its HSMs are no members.
Status Daemon::Parts::RefuseRemoved() {
  if (!machines) return {};
  SR_TRY(const auto standing,
         database->Read([this](store::Transaction& t) { return cloudhsm::StandingOf(t, config.hosts.front().id); }));
  if (standing != cloudhsm::Standing::kRemoved && standing != cloudhsm::Standing::kUnknown) return {};
  removed = true;
  return WasRemoved();
}

/// Whom a machine that has joined waits for: no HSM of the domain cluster knows its front end before.
Result<std::string> Daemon::Parts::LetInBy(store::Transaction& t) const {
  SR_TRY(const auto standing, cloudhsm::StandingOf(t, config.hosts.front().id));
  if (standing == cloudhsm::Standing::kRemoved || standing == cloudhsm::Standing::kUnknown) return WasRemoved();
  if (standing != cloudhsm::Standing::kWaiting) return std::string();
  constexpr std::string_view kHow = "Strongroom has to run there within an hour of the invitation";
  if (const auto inviter = channel::LoadCertificate(config.front_end.invited_by); inviter.ok()) {
    SR_TRY(const auto machines_known, cloudhsm::LoadMachines(t));
    for (const cloudhsm::MachineRow& row : machines_known)
      if (row.front_end_certificate == inviter->ToPem())
        return fmt::format("machine {} ({}): {}", row.host_id, row.address, kHow);
  }
  return fmt::format("the machine that invited it: {}", kHow);
}

trail::GoneFrontEnds Daemon::Parts::Gone() {
  if (!machines) return {};
  trail::GoneFrontEnds gone;
  gone.names = [this] {
    return database->Read([](store::Transaction& t) -> Result<std::vector<std::string>> {
      SR_TRY(const auto all, cloudhsm::LoadMachines(t));
      std::vector<std::string> names;
      for (const cloudhsm::MachineRow& row : all)
        if (row.removed) names.push_back(row.host_id);
      return names;
    });
  };
  gone.claim = [this](const std::string& name) {
    return database->Transact(
        [&](store::Transaction& t) { return cloudhsm::TakeLease(t, "audit/" + name, jobs->owner, kGoneLease); });
  };
  return gone;
}

/// The chain goes on where it ended, before anything happens that has to be in it.
Status Daemon::Parts::OpenTrail() {
  const std::string& name = config.hosts.front().id;
  SR_TRY(const trail::ChainHead stored, trail::StoredHead(*database, name));
  SR_TRY(trail,
         trail::Trail::Open({.directory = config.audit.directory,
                             .front_end = name,
                             .mode = config.audit.mode == "strict" ? trail::Mode::kStrict : trail::Mode::kGrouped,
                             .stored = stored,
                             .home = {config.account.id, config.audit.region},
                             .loops = loops.size()}));
  digest_key = std::make_unique<trail::DigestKey>(*database, domain->client());
  trail::KeeperOptions options{.directory = config.audit.directory,
                               .front_end = name,
                               .digest_every = std::chrono::minutes(config.audit.digest_minutes),
                               .keep = std::chrono::hours(24 * config.audit.retention_days)};
  options.sign = [this](Bytes message) { return RunOn(control, digest_key->Sign(std::move(message))); };
  options.public_key = [this] { return RunOn(control, digest_key->Ensure()); };
  options.gone = Gone();
  delivery = MakeDelivery(config, *database, options);
  if (delivery) options.close_every = std::chrono::minutes(config.audit.s3.minutes);
  trail_keeper = std::make_unique<trail::Keeper>(*database, *trail, std::move(options));
  cloudtrail.reset(new trail::CloudTrail{*database, authorizer, trail::LookupRate(config.audit.throttling == "aws")});
  return {};
}

aws::Service Daemon::Parts::MakeProxies() {
  std::vector<Loop*> request_loops;
  for (std::size_t i = 0; i < loops.size(); ++i) request_loops.push_back(&loops.at(i));
  proxies = std::make_unique<xks_proxy::Proxies>(
      xks_proxy::Proxies::Parts{.loop = control,
                                .database = *database,
                                .sealer = *domain,
                                .clusters = *cloudhsm,
                                .loops = std::move(request_loops),
                                .trust = [this](const crypto::Certificate& owner) { return TrustFor(owner); }});
  proxies->Watch(feed);
  proxy_admin = std::make_unique<xks_proxy::Admin>(xks_proxy::Admin::Parts{
      .database = *database, .sealer = *domain, .clusters = *cloudhsm, .authorizer = authorizer, .proxies = *proxies});
  return xks_proxy::Describe(*proxy_admin);
}

Status Daemon::Parts::MakeServices() {
  std::vector<std::string> regions = config.account.regions;
  if (regions.empty()) regions.assign(std::begin(kRegions), std::end(kRegions));
  principals = std::make_unique<iam::PrincipalDirectory>(*database);
  cloudhsm = std::make_unique<cloudhsm::CloudHsm>(
      cloudhsm::CloudHsm::Parts{.database = *database,
                                .authorizer = authorizer,
                                .principals = *principals,
                                .placement = placement,
                                .regions = regions,
                                .limits = {.clusters = config.limits.clusters,
                                           .hsms = config.limits.hsms,
                                           .hsms_per_cluster = config.limits.hsms_per_cluster},
                                .wake = [this] { lifecycle->Wake(); }});
  accounts = std::make_unique<iam::Accounts>(*access_keys, config.account.id);
  SR_TRY(auto oidc_network, xks::Network::Make(config.oidc));
  web_identity = std::make_unique<iam::WebIdentityVerifier>(std::move(oidc_network));
  sts = std::make_unique<iam::Sts>(iam::Sts::Parts{.database = *database,
                                                   .authorizer = authorizer,
                                                   .sealer = *domain,
                                                   .tokens = *session_tokens,
                                                   .web_identity = *web_identity});
  iam = std::make_unique<iam::Iam>(
      iam::Iam::Parts{.database = *database, .authorizer = authorizer, .sealer = *domain, .access_keys = *access_keys});
  key_uses = std::make_unique<iam::KeyUses>(control, *database);
  aws::DispatcherConfig options;
  options.authenticated = [this](const aws::Call& call, std::string_view service) { key_uses->Note(call, service); };
  options.regions = regions;
  options.services = {cloudhsm::Describe(*cloudhsm), sts->Service(), iam::Describe(*iam), MakeProxies(),
                      iam::Describe(*accounts)};
#if defined(STRONGROOM_HAS_KMS)
  std::shared_ptr<const kms::AttestationVerifier> attestation;
  if (!config.kms.attestation_roots.empty()) {
    SR_TRY(const std::string roots, ReadFile(config.kms.attestation_roots));
    SR_TRY(attestation, kms::AttestationVerifier::Make(roots));
  }
  SR_TRY(auto xks_network, xks::Network::Make(config.xks));
  SR_TRY(kms,
         kms::Kms::Make({.database = *database,
                         .authorizer = authorizer,
                         .principals = *principals,
                         .clusters = *cloudhsm,
                         .sealer = *domain,
                         .domain = domain->client(),
                         .loops = AllLoops(),
                         .cluster_trust = [this](const crypto::Certificate& owner) { return TrustFor(owner); },
                         .regions = options.regions,
                         .limits = {.keys = config.kms.keys,
                                    .aliases_per_key = config.kms.aliases_per_key,
                                    .grants_per_key = config.kms.grants_per_key,
                                    .custom_key_stores = config.kms.custom_key_stores,
                                    .on_demand_rotations = config.kms.on_demand_rotations},
                         .throttling = config.kms.throttling == "aws" ? kms::Throttling::kAws : kms::Throttling::kOff,
                         .sm2 = config.kms.sm2 == "on",
                         .attestation = std::move(attestation),
                         .xks = std::move(xks_network),
                         .domain_keys = {.period = std::chrono::hours(24 * config.kms.domain_key_days),
                                         .retention = std::chrono::hours(24 * config.kms.backup_retention_days)},
                         .audit = trail.get()}));
  feed.Subscribe([this](std::span<const store::FeedEntry> entries) { kms->OnChanges(entries); });
  options.services.push_back(kms::Describe(*kms));
#endif
  options.credentials = credentials.get();
  options.signing_keys = credentials.get();
  options.services.push_back(trail::Describe(*cloudtrail));
  trail->Know(options.services);
  options.trail = RecorderOfCalls(*trail);
  options.metrics.push_back(StoreMetrics([this] { return StoreSilence(); }));
  options.metrics.push_back(trail->metrics());
  if (delivery) options.metrics.push_back(delivery->metrics());
  options.loops = loops.size();
  options.health = [this] { return Health(); };
  options.alarms = [this] { return Alarms(); };
  SR_TRY(dispatcher, aws::Dispatcher::Create(std::move(options)));
  SR_TRY(handler, xks_proxy::Handler::Create(*proxies, *dispatcher, loops.size()));
  handler->RecordTo(*trail, *trail);
  return {};
}

Task<Status> Daemon::Parts::BecomeReady() {
  SR_CO_CHECK(co_await domain->EnsureRows());
  lifecycle->Start();
  for (const auto& link : links) link->Start(*lifecycle);
  const Status connected = co_await domain->Connect();
  if (!connected.ok() && connected.error().code() == Errc::kPermission) removed = true;
  SR_CO_CHECK(connected);
  if (machines) machines->Start();
  SR_CO_CHECK(co_await session_tokens->Start());
  co_return co_await EnsureAccount(*database, *access_keys, config.account.id, config.account.name,
                                   config.account.root_access_key);
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() { Stop(); }

Result<std::unique_ptr<Daemon>> Daemon::Make(Config config) {
  SR_TRY(channel::Identity identity, channel::LoadIdentity(config.front_end.certificate, config.front_end.key));
  SR_TRY(auto database, OpenStore(config));
  auto parts = std::make_unique<Parts>(std::move(config), std::move(database), std::move(identity));
  SR_CHECK(parts->MakeControlPlane());
  parts->access_keys = std::make_unique<iam::AccessKeys>(*parts->database, *parts->domain);
  parts->session_tokens = std::make_unique<iam::SessionTokens>(*parts->database, *parts->domain, *parts->domain);
  parts->credentials =
      std::make_unique<iam::CredentialCache>(iam::CredentialCache::Parts{.loop = parts->control,
                                                                         .database = *parts->database,
                                                                         .authorizer = parts->authorizer,
                                                                         .secrets = *parts->domain,
                                                                         .tokens = *parts->session_tokens});
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

bool Daemon::removed() const { return parts_->removed; }

Result<std::string> Daemon::Start() {
  Parts& parts = *parts_;
  parts.started = true;
  parts.credentials->Watch(parts.feed);
  parts.control_thread = std::thread([&parts] { parts.control.run(); });
  parts.loops.Start();
  SR_CHECK(parts.RefuseRemoved());
  // Before anything is done because its time has come.
  SR_CHECK(parts.clock.Look());
  parts.clock.Start();
  auto ready = boost::asio::co_spawn(parts.control, parts.BecomeReady(), boost::asio::use_future);
  SR_CHECK(ready.get());
  SR_CHECK(parts.OpenTrail());
  if (parts.machines) parts.machines->RecordTo(*parts.trail);
  SR_CHECK(parts.MakeServices());
  parts.trail_keeper->Start();
  if (parts.delivery) parts.delivery->Start();
  parts.key_uses->Start();
  SR_CHECK(parts.feed.Start());
  // After the feed has begun, so that no key made meanwhile is missed.
  SR_CHECK(boost::asio::co_spawn(parts.control, parts.credentials->Reload(), boost::asio::use_future).get());
  // What could not be opened yet is tried again by itself.
  if (const Status read = boost::asio::co_spawn(parts.control, parts.proxies->Reload(), boost::asio::use_future).get();
      !read.ok())
    LogError("reading external key store proxies", read.error());
#if defined(STRONGROOM_HAS_KMS)
  parts.kms->Start();
#endif
  aws::HttpServerConfig http;
  http.address = parts.config.https.address;
  http.port = parts.config.https.port;
  http.certificate_chain = parts.config.https.certificate.string();
  http.private_key = parts.config.https.key.string();
  parts.serving = true;
  SR_TRY(parts.server, aws::HttpServer::Start(http, parts.loops, *parts.handler));
  const bool v6 = http.address.find(':') != std::string::npos;
  return fmt::format("https://{}:{}", v6 ? "[" + http.address + "]" : http.address, parts.server->port());
}

void Daemon::RequestStop() {
  // Only what waits for the domain cluster has to be called off; requests in flight still need it until Stop.
  if (!parts_->serving) parts_->domain->Stop();
}

void Daemon::Stop() {
  Parts& parts = *parts_;
  if (parts.stopped) return;
  parts.stopped = true;
  if (parts.server) parts.server->Stop();
#if defined(STRONGROOM_HAS_KMS)
  if (parts.kms) parts.kms->Stop();
#endif
  parts.domain->Stop();
  if (parts.delivery) parts.delivery->Stop();
  if (parts.trail) parts.trail->Stop();
  if (parts.trail_keeper) parts.trail_keeper->Stop();
  parts.clock.Stop();
  if (!parts.started) return;
  parts.credentials->Stop();
  if (parts.key_uses) parts.key_uses->Stop();
  if (parts.proxies) parts.proxies->Stop();
  parts.lifecycle->Stop();
  if (parts.machines) parts.machines->Stop();
  for (const auto& link : parts.links) link->Stop();
  parts.loops.Stop();
  parts.control_work.reset();
  parts.control.stop();
  if (parts.control_thread.joinable()) parts.control_thread.join();
}

}  // namespace strongroom::service
