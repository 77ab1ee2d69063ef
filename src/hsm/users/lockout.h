#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/task.h"
#include "hsm/replica/replica.h"

namespace strongroom::hsm {

/// Counts wrong passwords for the whole cluster. A failure counts on this HSM at once and in the log as soon as that is
/// written; while the store is away it stays counted here and is written with the next one. Only existing, unlocked
/// users are counted, so nobody outside can make the log grow without end.
///
/// Threads   the loop of the HSM.
class Lockout {
 public:
  explicit Lockout(replica::Replica& replica) : replica_(replica) {}

  /// Failures in a row, those not yet in the log included.
  std::uint32_t Failures(const replica::User& user) const;
  bool Locked(const replica::User& user) const;

  /// One more. Ends when it stands in the log, or when that cannot be done now.
  Task<void> CountFailure(std::uint32_t user_id);
  /// A right password: the count goes back to 0. Ends as CountFailure does.
  Task<void> Reset(std::uint32_t user_id);
  /// A new password, or the user is gone.
  void Forget(std::uint32_t user_id) { counts_.erase(user_id); }

 private:
  struct Count {
    std::uint32_t unwritten = 0;
    bool writing = false;
  };
  replica::Replica& replica_;
  std::unordered_map<std::uint32_t, Count> counts_;  // at most one entry per user
};

}  // namespace strongroom::hsm
