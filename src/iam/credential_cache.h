#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "base/task.h"
#include "ports/credentials.h"
#include "ports/sealer.h"
#include "store/change_feed.h"
#include "store/database.h"

namespace strongroom::iam {

/// Every access key of the deployment, opened and in memory: what signatures are checked against.
///
/// Promise   Find() never waits. A key that is made, switched or deleted anywhere is so here within a second of the
///           change feed's report; all keys are looked at again every `recheck` in any case. While the domain cluster
///           is away, new keys wait for it, and switching off and deleting take effect all the same. A key whose seal
///           does not open (a swapped or damaged row) is left out and logged.
/// Secrets   holds every secret access key, in the locked pool.
/// Threads   Find() from any thread; the rest on the one loop given.
/// Lifetime  Stop() before the loop ends; the Database and the Sealer outlive the loop's last handler.
class CredentialCache final : public ports::Credentials {
 public:
  struct Options {
    std::chrono::milliseconds recheck{60'000};
    std::chrono::milliseconds retry{1'000};  ///< after a reload that failed or was incomplete
  };

  CredentialCache(Loop& loop, store::Database& database, ports::Sealer& sealer)
      : CredentialCache(loop, database, sealer, Options()) {}
  CredentialCache(Loop& loop, store::Database& database, ports::Sealer& sealer, Options options);
  ~CredentialCache() override;

  std::shared_ptr<const ports::Credential> Find(std::string_view access_key_id) const override;

  /// Reads all keys now. Errors: the store's; kUnavailable when some key could not be opened yet (the others are
  /// there).
  Task<Status> Reload();
  /// Subscribes to the feed, which must not have been started, and re-reads from time to time. Call before Reload().
  void Watch(store::ChangeFeed& feed);
  /// Ends the re-reading; from any thread.
  void Stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace strongroom::iam
