#include "kms/usage/last_usage.h"

#include <algorithm>

namespace strongroom::kms {
namespace {

constexpr std::array<std::string_view, 12> kCryptographic{"Encrypt",
                                                          "Decrypt",
                                                          "ReEncrypt",
                                                          "GenerateDataKey",
                                                          "GenerateDataKeyWithoutPlaintext",
                                                          "GenerateDataKeyPair",
                                                          "GenerateDataKeyPairWithoutPlaintext",
                                                          "GenerateMac",
                                                          "VerifyMac",
                                                          "Sign",
                                                          "Verify",
                                                          "DeriveSharedSecret"};
/// How many rows one transaction writes: well inside what a transaction may take.
constexpr std::size_t kBatch = 500;

/// "arn:aws:kms:<region>:<account>:key/<key id>", as KeyRow::Arn makes it.
struct ArnParts {
  std::string region, account, key_id;
};
ArnParts Split(std::string_view arn) {
  std::array<std::string_view, 6> parts{};
  for (std::size_t i = 0; i < 6; ++i) {
    const std::size_t colon = i < 5 ? arn.find(':') : std::string_view::npos;
    parts[i] = arn.substr(0, colon);
    arn.remove_prefix(std::min(parts[i].size() + 1, arn.size()));
  }
  return {std::string(parts[3]), std::string(parts[4]), std::string(parts[5].substr(parts[5].find('/') + 1))};
}
std::string Arn(const std::string& account, const std::string& region, const std::string& key_id) {
  return "arn:aws:kms:" + region + ":" + account + ":key/" + key_id;
}

/// Newer uses stay, whoever wrote them; a key that is gone gets no row.
Status Write(store::Transaction& t, const std::string& arn, const KeyUse& use) {
  const ArnParts key = Split(arn);
  SR_CHECK(t.Execute(
      "INSERT INTO kms_last_usage (account_id, region, key_id, operation, used_at, request_id) "
      "SELECT account_id, region, key_id, CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS TEXT) FROM kms_keys "
      "WHERE account_id = $1 AND region = $2 AND key_id = $3 "
      "ON CONFLICT (account_id, region, key_id) DO UPDATE SET operation = excluded.operation, "
      "used_at = excluded.used_at, request_id = excluded.request_id WHERE kms_last_usage.used_at < excluded.used_at",
      {key.account, key.region, key.key_id, use.operation, use.millis, use.request_id}));
  return {};
}

}  // namespace

void LastUsage::Record(const aws::Call& call) {
  if (std::ranges::find(kCryptographic, call.operation) == kCryptographic.end()) return;
  const std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(call.time.time_since_epoch()).count();
  for (const std::string& arn : call.audit_resources) {
    Shard& shard = ShardOf(arn);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.uses.find(std::string_view(arn));
    Kept& kept = found == shard.uses.end() ? shard.uses[arn] : found->second;
    if (kept.use.millis > now) continue;
    kept.use.operation.assign(call.operation);
    kept.use.request_id.assign(call.request_id);
    kept.use.millis = now;
    kept.written = false;
  }
}

std::vector<LastUsage::Use> LastUsage::ToWrite(Which which) {
  std::vector<Use> due;
  const auto now = Clock::now();
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    std::erase_if(shard.uses, [&](const auto& use) { return use.second.written && use.second.due <= now; });
    for (const auto& [arn, kept] : shard.uses)
      if (!kept.written && (which == Which::kAll || kept.due <= now)) due.emplace_back(arn, kept.use);
  }
  return due;
}

void LastUsage::Written(const std::vector<Use>& uses) {
  const auto due = Clock::now() + write_again_;
  for (const auto& [arn, use] : uses) {
    Shard& shard = ShardOf(arn);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.uses.find(std::string_view(arn));
    if (found == shard.uses.end()) continue;
    found->second.written = found->second.use.request_id == use.request_id;  // else it has been used again meanwhile
    found->second.due = due;
  }
}

Task<Status> LastUsage::Flush(Which which) {
  const std::vector<Use> all = ToWrite(which);
  for (std::size_t begin = 0; begin < all.size(); begin += kBatch) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<Use> batch(first, first + static_cast<std::ptrdiff_t>(std::min(kBatch, all.size() - begin)));
    auto write = [batch](store::Transaction& t) -> Status {
      for (const auto& [arn, use] : batch) SR_CHECK(Write(t, arn, use));
      return {};
    };
    SR_CO_CHECK(co_await database_.Run(std::move(write)));
    Written(batch);
  }
  co_return Status();
}

Task<Result<std::optional<KeyUse>>> LastUsage::Find(std::string account, std::string region, std::string key_id) {
  std::optional<KeyUse> newest;
  const std::string arn = Arn(account, region, key_id);
  {
    Shard& shard = ShardOf(arn);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.uses.find(std::string_view(arn));
    if (found != shard.uses.end()) newest = found->second.use;
  }
  auto load = [account, region, key_id](store::Transaction& t) -> Result<std::optional<KeyUse>> {
    SR_TRY(const auto row, t.QueryOne("SELECT operation, used_at, request_id FROM kms_last_usage WHERE account_id = $1 "
                                      "AND region = $2 AND key_id = $3",
                                      {account, region, key_id}));
    if (!row) return std::optional<KeyUse>();
    return std::optional<KeyUse>(KeyUse{row->Text(0), row->Int(1), row->Text(2)});
  };
  SR_CO_TRY(auto stored, co_await database_.RunRead(std::move(load)));
  if (stored && (!newest || stored->millis > newest->millis)) newest = std::move(stored);
  co_return newest;
}

}  // namespace strongroom::kms
