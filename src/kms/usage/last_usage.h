#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "aws/dispatch/operation.h"
#include "base/task.h"
#include "store/database.h"

namespace strongroom::kms {

/// One successful cryptographic use of a key.
struct KeyUse {
  std::string operation;  // "Encrypt"
  std::int64_t millis = 0;
  std::string request_id;
};

/// When keys were last used, for GetKeyLastUsage (spec/kms.md 2.10): kept in memory, written in groups.
///
/// Promise   Record costs a look-up in memory and never waits for the database. What is not written yet is known here.
///           A key in steady use is written once in `kWriteAgain`, so that ten thousand of them cost next to nothing:
///           by so much may what another front end sees, and what is left after a crash, be older than the last use.
/// Threads   any.
class LastUsage {
 public:
  enum class Which { kDue, kAll };
  static constexpr std::chrono::seconds kWriteAgain{60};

  explicit LastUsage(store::Database& database, std::chrono::milliseconds write_again = kWriteAgain)
      : database_(database), write_again_(write_again) {}

  /// For each call that has succeeded: notes the keys of cryptographic operations, which the call's audit names.
  void Record(const aws::Call& call);
  /// Writes what is new, of keys written lately only if all is asked for. Errors: the store's; nothing is forgotten
  /// then.
  Task<Status> Flush(Which which = Which::kDue);
  /// The newest use of a key, in memory or in the store; none when it was never used. Errors: the store's.
  Task<Result<std::optional<KeyUse>>> Find(std::string account, std::string region, std::string key_id);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  using Clock = std::chrono::steady_clock;
  struct Kept {
    KeyUse use;
    bool written = false;
    Clock::time_point due;  // not written before, and forgotten then if it is written
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Kept, Hash, std::equal_to<>> uses;  // by key ARN
  };
  using Use = std::pair<std::string, KeyUse>;
  Shard& ShardOf(std::string_view arn) noexcept { return shards_[Hash()(arn) % shards_.size()]; }
  std::vector<Use> ToWrite(Which which);
  void Written(const std::vector<Use>& uses);

  store::Database& database_;
  const std::chrono::milliseconds write_again_;
  std::array<Shard, 16> shards_;
};

}  // namespace strongroom::kms
