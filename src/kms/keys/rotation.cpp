#include "kms/keys/rotation.h"

#include <algorithm>

#include "base/log.h"
#include "kms/events.h"
#include "kms/keys/material_rows.h"
#include "store/clock_guard.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kBatch = 100;

/// As Due has it. COALESCE keeps SQLite from reading all keys that are not to be deleted instead of those that are due.
constexpr std::string_view kDue =
    "rotation_next <= $1 AND rotation_enabled = 1 AND enabled = 1 AND COALESCE(deletion_at, pending_window_days, "
    "on_demand_started, 0) = 0 AND (multi_region = 0 OR primary_region = region) LIMIT $2";
/// What RotateKeyOnDemand began and did not end.
constexpr std::string_view kOpen = "on_demand_started <= $1 AND (multi_region = 0 OR primary_region = region) LIMIT $2";

bool Due(const KeyRow& row, std::int64_t now) {
  return row.rotation_enabled && row.rotation_next_millis && *row.rotation_next_millis <= now && row.enabled &&
         !row.deletion_millis && !row.pending_window_days && !row.on_demand_started_millis && !row.replica();
}

/// The schedule goes on from the date that has come; one that was missed for longer than a period begins anew.
std::int64_t NextAfter(const KeyRow& row, std::int64_t now) {
  const std::int64_t period = row.rotation_period_days * kDayMillis;
  const std::int64_t next = row.rotation_next_millis.value_or(now) + period;
  return next > now ? next : now + period;
}

/// Rotates once, if `wanted` still says so when the new material is there: two front ends may have made one each, and
/// the second finds it done.
Task<Status> Rotate(Kms& kms, KeyRow key, RotationType type, bool (*wanted)(const KeyRow&, std::int64_t)) {
  Material next;
  SR_CO_TRY(next.id, NewMaterialId(key));
  SR_CO_TRY(NewMaterial made, co_await kms.domain().Create(key, next.id));
  next.token = std::move(made.token);
  auto work = [key, next, type, wanted](store::Transaction& t) -> Result<std::vector<KeyRow>> {
    SR_TRY(auto set, LoadKeySet(t, key));
    SR_TRY(const std::int64_t now, t.NowMillis());
    SR_TRY(const bool trusted, store::ClockIsTrusted(t));
    if (type == RotationType::kAutomatic && !trusted) return std::vector<KeyRow>();
    if (set.empty() || set.front().material_id != key.material_id || !wanted(set.front(), now))
      return std::vector<KeyRow>();
    const std::int64_t next_date = NextAfter(set.front(), now);
    SR_CHECK(RotateTo(t, set, next, type, now));
    for (KeyRow& row : set) {
      if (type == RotationType::kOnDemand)
        row.on_demand_started_millis.reset();
      else
        row.rotation_next_millis = next_date;
    }
    SR_CHECK(UpdateKeySet(t, set));
    return set;
  };
  auto rotated = co_await kms.database().Run(std::move(work));
  if (!rotated.ok()) co_return std::move(rotated).error();
  ForgetKeySet(kms, *rotated);
  if (rotated->empty()) co_return Status();
  log::Info("rotated {} ({})", key.Arn(), Name(type));
  RecordRotation(kms, *rotated, Name(type), key.material_id);
  co_return Status();
}

bool OnDemandIsOpen(const KeyRow& row, std::int64_t) { return row.on_demand_started_millis.has_value(); }

using RotateOne = Task<Status> (*)(Kms&, KeyRow);
/// `by_date`: because a time has come, which the clock must be trusted for.
Task<void> RotateThose(Kms& kms, std::string_view which, RotateOne rotate, bool by_date) {
  for (bool more = true; more;) {
    auto find = [which, by_date](store::Transaction& t) -> Result<std::vector<KeyRow>> {
      SR_TRY(const bool trusted, store::ClockIsTrusted(t));
      if (by_date && !trusted) return std::vector<KeyRow>();
      SR_TRY(const std::int64_t now, t.NowMillis());
      return LoadThose(t, which, {now, kBatch});
    };
    auto rows = co_await kms.database().RunRead(std::move(find));
    if (!rows.ok()) co_return;
    more = rows->size() == static_cast<std::size_t>(kBatch);
    for (const KeyRow& row : *rows) {
      if (kms.background().stopping()) co_return;
      const Status done = co_await rotate(kms, row);
      if (done.ok()) continue;
      LogError("rotating " + row.Arn(), done.error());
      more = false;  // the same keys would come again at once
    }
  }
}

}  // namespace

Status RequireRotatable(const KeyRow& row, bool also_imported) {
  if (!row.symmetric()) return Error(Errc::kUnsupported, "");
  if (row.origin == Origin::kAwsKms || (also_imported && row.origin == Origin::kExternal)) return {};
  return Error(Errc::kUnsupported,
               row.Arn() + " origin is " + std::string(Name(row.origin)) + " which is not valid for this operation.");
}

Status RotateTo(store::Transaction& t, std::vector<KeyRow>& set, const Material& next, RotationType type,
                std::int64_t now_millis) {
  for (KeyRow& row : set) {
    for (Material& material : row.materials) {
      if (material.state != MaterialState::kCurrent) continue;
      material.state = MaterialState::kNonCurrent;
      SR_CHECK(UpdateMaterial(t, row, material));
    }
    const auto known = std::ranges::find(row.materials, next.id, &Material::id);
    const bool there = known != row.materials.end();
    Material material = there ? *known : next;
    material.state = MaterialState::kCurrent;
    material.rotated_millis = now_millis;
    material.rotation_type = type;
    if (there) {
      SR_CHECK(UpdateMaterial(t, row, material));
      *known = std::move(material);
    } else {
      material.created_millis = now_millis;
      material.position = NextPosition(row);
      SR_CHECK(InsertMaterial(t, row, material));
      row.materials.push_back(std::move(material));
    }
    row.material_id = next.id;
  }
  return {};
}

Task<Status> FinishOnDemandRotation(Kms& kms, KeyRow key) {
  if (!key.on_demand_started_millis) co_return Status();
  co_return co_await Rotate(kms, std::move(key), RotationType::kOnDemand, &OnDemandIsOpen);
}

Task<Status> RotateIfDue(Kms& kms, KeyRow key) {
  if (!key.rotation_enabled) co_return Status();
  auto look = [](store::Transaction& t) { return t.NowMillis(); };
  SR_CO_TRY(const std::int64_t now, co_await kms.database().RunRead(std::move(look)));
  if (!Due(key, now)) co_return Status();
  co_return co_await Rotate(kms, std::move(key), RotationType::kAutomatic, &Due);
}

Task<void> RotateDueKeys(Kms& kms) {
  co_await RotateThose(kms, kOpen, &FinishOnDemandRotation, false);
  co_await RotateThose(kms, kDue, &RotateIfDue, true);
}

}  // namespace strongroom::kms
