#include "kms/keys/deletion.h"

#include <set>

#include "base/log.h"
#include "kms/events.h"
#include "kms/keys/forgetting.h"
#include "kms/keys/rotation.h"
#include "store/clock_guard.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kBatch = 100;
constexpr std::int64_t kHalfMadeAfterMillis = 120'000;

/// The store's HSMs while it is connected; null where there is none.
Task<std::shared_ptr<HsmKeyStore>> ConnectedStore(Kms& kms, const KeyRow& row) {
  auto view = co_await kms.custom_stores().Find(row.account, row.region, row.custom_key_store_id.value_or(""));
  if (!view.ok()) co_return nullptr;
  co_return (*view)->keys;
}

/// Why the HSMs would not destroy it just now, although they may later; success when there is nothing to wait for. A
/// store that is not connected is its owner's will.
Task<Status> Reach(Kms& kms, const KeyRow& row) {
  auto view = co_await kms.custom_stores().Find(row.account, row.region, row.custom_key_store_id.value_or(""));
  if (!view.ok()) {
    if (view.error().code() == Errc::kCustomKeyStoreNotFound) co_return Status();
    co_return std::move(view).error();
  }
  const CustomStores::View& store = **view;
  if (store.row.external() || !store.connected()) co_return Status();
  if (store.keys == nullptr) co_return store.Unusable();
  const auto keys = store.keys;
  std::function<void()> close = [keys] { keys->cluster()->Close(); };
  const Background::Cut cut(kms.background(), std::move(close));
  const auto found = co_await keys->Find(row);
  if (!found.ok()) co_return found.error();
  co_return Status();
}

/// Best effort: a store that is not connected keeps the orphan, and its owner removes it.
Task<bool> DestroyMaterial(Kms& kms, const KeyRow& row) {
  if (!row.custom_key_store_id) co_return true;
  const auto keys = co_await ConnectedStore(kms, row);
  if (keys == nullptr) co_return false;
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
  struct Due {
    std::vector<KeyRow> rows;
    std::int64_t now = 0;
  };
  std::int64_t waiting = 0;           // stay where they are, first in line
  std::set<std::string> unreachable;  // stores, so that each is asked once
  const std::int64_t patience = kms.deletion_patience().count();
  const bool just_started = kms.running_for() < kms.deletion_patience();
  for (bool more = true; more;) {
    auto look = [waiting](store::Transaction& t) -> Result<Due> {
      Due due;
      SR_TRY(const bool trusted, store::ClockIsTrusted(t));
      if (!trusted) return due;
      SR_TRY(due.now, t.NowMillis());
      SR_TRY(due.rows, DueForDeletion(t, due.now, kBatch, waiting));
      return due;
    };
    auto due = co_await kms.database().RunRead(std::move(look));
    if (!due.ok()) co_return;
    more = due->rows.size() == static_cast<std::size_t>(kBatch);
    for (const KeyRow& row : due->rows) {
      if (kms.background().stopping()) co_return;
      // What came due while no front end ran has not waited yet.
      if (row.custom_key_store_id && (just_started || due->now - row.deletion_millis.value_or(0) < patience)) {
        const std::string& store_id = *row.custom_key_store_id;
        if (!unreachable.contains(store_id)) {
          const Status reached = co_await Reach(kms, row);
          if (reached.ok()) {
            kms.stores_waited_for().erase(store_id);
          } else {
            unreachable.insert(store_id);
            if (kms.stores_waited_for().insert(store_id).second)
              LogError("reaching the cluster of " + store_id + ", where keys are to be destroyed", reached.error());
          }
        }
        if (unreachable.contains(store_id)) {
          ++waiting;
          continue;
        }
      }
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
      if (!removed.ok()) ++waiting;
      if (!removed.ok() || !*removed) continue;
      kms.keys().ForgetKey(row);
      co_await ForgetInHsms(kms, BindingsOf(**removed));
      const bool destroyed = co_await DestroyMaterial(kms, row);
      RecordDeleteKey(kms, row, destroyed);
      log::Info("deleted {}: its waiting period has passed", row.Arn());
    }
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
