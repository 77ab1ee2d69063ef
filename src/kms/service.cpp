#include "kms/service.h"

#include "base/log.h"
#include "crypto/random.h"
#include "kms/keys/deletion.h"
#include "kms/keys/imported.h"
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"
#include "kms/wire_error.h"

namespace strongroom::kms {

namespace {

constexpr std::chrono::seconds kHousekeepingInterval{30};
constexpr std::chrono::seconds kUsageInterval{5};
/// For giving up. With the patience before it, less than what a process is given to stop.
constexpr std::chrono::milliseconds kGiveUpPatience{5000};
constexpr std::string_view kMarkerKeyName = "kms-marker-key";

constexpr aws::ConstraintOverride kOverrides[] = {
    {.operation = "ScheduleKeyDeletion", .member = "PendingWindowInDays", .min = 7, .max = 30},
    {.operation = "UpdateCustomKeyStore", .member = "XksProxyVpcEndpointServiceName", .empty_text_passes = true},
};

CustomStores::Parts CustomStoreParts(const Kms::Parts& parts, Background& background) {
  return {.database = parts.database,
          .sealer = parts.sealer,
          .clusters = parts.clusters,
          .background = background,
          .loops = parts.loops,
          .trust = parts.cluster_trust,
          .xks = parts.xks,
          .stale_limit = parts.stale_limit,
          .audit = parts.audit};
}

}  // namespace

Kms::Kms(Parts parts, SecretBuffer marker_key, SecretBuffer token_key)
    : parts_(std::move(parts)),
      background_(*parts_.loops[0]),
      keys_(parts_.database, parts_.authorizer, parts_.stale_limit),
      key_quota_(std::make_shared<KeyQuota>(parts_.limits.keys)),
      grants_(parts_.database, parts_.stale_limit),
      custom_stores_(CustomStoreParts(parts_, background_)),
      domain_(StoreKind::kDomain, parts_.domain),
      markers_(std::move(marker_key)),
      grant_tokens_(std::move(token_key)),
      last_usage_(parts_.database),
      rates_(parts_.throttling) {}

Result<std::unique_ptr<Kms>> Kms::Make(Parts parts) {
  // Shared by all front ends. It protects markers and grant tokens from being made up, not data, so it may lie in the
  // database.
  Bytes fresh(32);
  SR_CHECK(crypto::Random(fresh));
  SR_TRY(const Bytes key, parts.database.Transact([&](store::Transaction& t) -> Result<Bytes> {
    SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                       {store::Text(kMarkerKeyName), store::Blob(fresh)}));
    SR_TRY(const auto row, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(kMarkerKeyName)}));
    if (!row) return Error(Errc::kCorrupted, "The deployment's marker key is missing.");
    return row->Blob(0);
  }));
  if (parts.xks == nullptr) {
    SR_TRY(parts.xks, xks::Network::Make({}));
  }
  SR_TRY(SecretBuffer marker_key, SecretBuffer::CopyOf(key));
  SR_TRY(SecretBuffer token_key, SecretBuffer::CopyOf(key));
  return std::unique_ptr<Kms>(new Kms(std::move(parts), std::move(marker_key), std::move(token_key)));
}

void Kms::Start() {
  custom_stores_.Start();
  background_.Spawn("housekeeping", Housekeeping());
  background_.Spawn("keeping the domain key", KeepGenerations());
  background_.Spawn("writing when keys were used", WriteUsage());
}

void Kms::Stop() {
  // The stores' clients are closed last: what is being finished works through them.
  for (const std::string& name : background_.Stop(parts_.stop_patience, kGiveUpPatience))
    log::Error("stopping although this has not ended: {}", name);
  custom_stores_.Stop();
}

Kms::~Kms() { Stop(); }

void Kms::OnChanges(std::span<const store::FeedEntry> entries) {
  keys_.OnChanges(entries);
  grants_.OnChanges(entries);
  custom_stores_.OnChanges(entries);
}

Task<void> Kms::Housekeeping() {
  for (bool go_on = true; go_on;) {
    co_await DeleteDueKeys(*this);
    co_await RemoveHalfMadeKeys(*this);
    co_await EndTransitions(*this);
    co_await RotateDueKeys(*this);
    co_await ExpireMaterials(*this);
    go_on = co_await background_.Sleep(kHousekeepingInterval);
  }
}

Task<void> Kms::KeepGenerations() {
  for (bool go_on = true; go_on;) {
    co_await KeepDomainKeys(*this);
    go_on = co_await background_.Sleep(kHousekeepingInterval);
  }
}

Task<void> Kms::WriteUsage() {
  // The last round, once stopping has begun, writes what the others left.
  for (bool go_on = true; go_on;) {
    go_on = co_await background_.Sleep(kUsageInterval);
    const Status written = co_await last_usage_.Flush(go_on ? LastUsage::Which::kDue : LastUsage::Which::kAll);
    if (!written.ok() && written.error().code() != Errc::kUnavailable)
      LogError("writing when keys were used", written.error());
  }
}

aws::Service Describe(Kms& service) {
  return {.name = "kms",
          .signing_name = "kms",
          .event_source = "kms.amazonaws.com",
          .protocol = aws::Protocol::kJson11,
          .message_member = aws::MessageMember::kAsKms,
          .operations = kAllRows,
          .instance = &service,
          .errors = &kWireErrors,
          .overrides = kOverrides,
          .admit = [](void* kms, const aws::Call& call) { return static_cast<Kms*>(kms)->rates().Admit(call); },
          .succeeded = [](void* kms, const aws::Call& call) { static_cast<Kms*>(kms)->last_usage().Record(call); }};
}

}  // namespace strongroom::kms
