#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "aws/dispatch/operation.h"
#include "base/task.h"
#include "store/database.h"

namespace strongroom::iam {

/// When access keys and roles were last used, for GetAccessKeyLastUsed and RoleLastUsed: kept in memory, written in
/// groups.
///
/// Promise   Note costs some nanoseconds for the key that the same thread noted last within this minute, and a look-up
/// in
///           memory for others; it never waits for the database. A process that is killed loses the seconds since the
///           last writing, one that is stopped none.
/// Units     times are exact to the minute, as AWS's are.
/// Threads   Note: any. Start and Stop: not from `loop`.
/// Lifetime  Stop() before the loop ends; the database outlives the loop's last handler.
class KeyUses {
 public:
  struct Options {
    std::chrono::milliseconds interval{5'000};
  };
  KeyUses(Loop& loop, store::Database& database) : KeyUses(loop, database, Options()) {}
  KeyUses(Loop& loop, store::Database& database, Options options);
  ~KeyUses();

  /// For each call whose signature was right; `service` is the one that it was signed for.
  void Note(const aws::Call& call, std::string_view service);
  /// Writes what is new. Errors: the store's; nothing is forgotten then.
  Status Write();
  void Start();
  /// Ends the writing, with what is left. Idempotent.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::iam
