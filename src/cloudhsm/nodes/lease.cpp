#include "cloudhsm/nodes/lease.h"

#include <charconv>
#include <optional>

namespace strongroom::cloudhsm {
namespace {

struct Lease {
  std::string owner;
  std::int64_t until = 0;
};

std::string RowName(std::string_view name) { return "lease/" + std::string(name); }

// Kept as "<until> <owner>".
Result<std::optional<Lease>> Load(store::Transaction& t, std::string_view name) {
  SR_TRY(const auto row, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(RowName(name))}));
  if (!row) return std::optional<Lease>();
  const std::string text(AsText(row->Blob(0)));
  Lease lease;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lease.until);
  if (error != std::errc() || end == text.data() + text.size()) {
    return Error(Errc::kCorrupted, "A lease in the store is not readable.").WithDetail(RowName(name));
  }
  lease.owner.assign(end + 1, text.data() + text.size());
  return std::optional<Lease>(std::move(lease));
}

Status Write(store::Transaction& t, std::string_view name, std::string_view owner, std::int64_t until) {
  const std::string value = std::to_string(until) + " " + std::string(owner);
  SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                     {store::Text(RowName(name)), store::Blob(AsBytes(value))}));
  return {};
}

}  // namespace

Result<bool> TakeLease(store::Transaction& t, std::string_view name, std::string_view owner,
                       std::chrono::milliseconds duration) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const std::optional<Lease> held, Load(t, name));
  if (held && held->owner != owner && held->until > now) return false;
  SR_CHECK(Write(t, name, owner, now + duration.count()));
  return true;
}

Status RenewLease(store::Transaction& t, std::string_view name, std::string_view owner,
                  std::chrono::milliseconds duration) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const std::optional<Lease> held, Load(t, name));
  if (!held || held->owner != owner) return {};
  return Write(t, name, owner, now + duration.count());
}

Status RequireLease(store::Transaction& t, std::string_view name, std::string_view owner) {
  SR_TRY(const std::optional<Lease> held, Load(t, name));
  // A lease that ran out unnoticed is still good: nobody has taken it since.
  if (held && held->owner == owner) return {};
  return Error(Errc::kCancelled, "Another front end has taken over this work.").WithDetail(std::string(name));
}

Status ReleaseLease(store::Transaction& t, std::string_view name, std::string_view owner) {
  SR_TRY(const std::optional<Lease> held, Load(t, name));
  if (!held || held->owner != owner) return {};
  SR_CHECK(t.Execute("DELETE FROM deployment WHERE name = $1", {store::Text(RowName(name))}));
  return {};
}

}  // namespace strongroom::cloudhsm
