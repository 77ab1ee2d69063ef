#include "kms/keys/deletion.h"

#include "base/log.h"
#include "kms/events.h"
#include "kms/keys/forgetting.h"
#include "kms/keys/rotation.h"
#include "store/clock_guard.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kBatch = 100;
constexpr std::int64_t kHalfMadeAfterMillis = 120'000;

/// Best effort: a store that is not connected keeps the orphan, and its owner removes it.
Task<bool> DestroyMaterial(Kms& kms, const KeyRow& row) {
  if (!row.custom_key_store_id) co_return true;
  auto view = co_await kms.custom_stores().Find(row.account, row.region, *row.custom_key_store_id);
  if (!view.ok() || (*view)->keys == nullptr) co_return false;
  const auto keys = (*view)->keys;
  std::function<void()> close = [keys] { keys->cluster()->Close(); };
  const Background::Cut cut(kms.background(), std::move(close));
  const Status destroyed = co_await keys->Destroy(row);
  if (!destroyed.ok()) LogError("destroying the HSM key of " + row.Arn(), destroyed.error());
  co_return destroyed.ok();
}

/// One key fewer is related to them. The window of a primary key that waited for the last replica begins now.
Status TellRelatives(store::Transaction& t, std::vector<KeyRow>& relatives, std::int64_t now) {
  for (KeyRow& row : relatives) {
    if (row.pending_window_days && relatives.size() == 1) {
      row.deletion_millis = now + *row.pending_window_days * kDayMillis;
      row.pending_window_days.reset();
    }
    SR_CHECK(UpdateKey(t, row));
  }
  return {};
}

}  // namespace

Task<void> DeleteDueKeys(Kms& kms) {
  auto due = [](store::Transaction& t) -> Result<std::vector<KeyRow>> {
    SR_TRY(const bool trusted, store::ClockIsTrusted(t));
    if (!trusted) return std::vector<KeyRow>();
    SR_TRY(const std::int64_t now, t.NowMillis());
    return DueForDeletion(t, now, kBatch);
  };
  auto rows = co_await kms.database().RunRead(std::move(due));
  if (!rows.ok()) co_return;
  for (const KeyRow& row : *rows) {
    if (kms.background().stopping()) co_return;
    // The row goes first: whoever commits this is the one who destroys the material.
    auto remove = [row](store::Transaction& t) -> Result<std::optional<KeyRow>> {
      SR_TRY(const bool trusted, store::ClockIsTrusted(t));
      SR_TRY(const std::int64_t now, t.NowMillis());
      SR_TRY(auto current, LoadKey(t, row.account, row.region, row.key_id));
      if (!trusted || !current || !current->deletion_millis || *current->deletion_millis > now)
        return std::optional<KeyRow>();
      SR_TRY(std::vector<KeyRow> relatives, LoadRelatives(t, *current));
      SR_CHECK(DeleteKey(t, *current));
      SR_CHECK(TellRelatives(t, relatives, now));
      return current;
    };
    auto removed = co_await kms.database().Run(std::move(remove));
    if (!removed.ok() || !*removed) continue;
    kms.keys().ForgetKey(row);
    co_await ForgetInHsms(kms, BindingsOf(**removed));
    const bool destroyed = co_await DestroyMaterial(kms, row);
    RecordDeleteKey(kms, row, destroyed);
    log::Info("deleted {}: its waiting period has passed", row.Arn());
  }
}

Task<void> RemoveHalfMadeKeys(Kms& kms) {
  auto find = [](store::Transaction& t) -> Result<std::vector<KeyRow>> {
    SR_TRY(const std::int64_t now, t.NowMillis());
    return HalfMadeKeys(t, now - kHalfMadeAfterMillis, kBatch);
  };
  auto rows = co_await kms.database().RunRead(std::move(find));
  if (!rows.ok()) co_return;
  for (const KeyRow& row : *rows) {
    if (kms.background().stopping()) co_return;
    const bool destroyed = co_await DestroyMaterial(kms, row);
    if (!destroyed) continue;
    auto remove = [row](store::Transaction& t) { return DeleteKey(t, row); };
    const Status removed = co_await kms.database().Run(std::move(remove));
    if (removed.ok()) log::Info("removed {}: its creation was interrupted", row.Arn());
  }
}

}  // namespace strongroom::kms
