#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "base/task.h"
#include "iam/sessions/tokens.h"
#include "ports/authorizer.h"
#include "ports/credentials.h"
#include "ports/signing_keys.h"
#include "store/change_feed.h"
#include "store/database.h"

namespace strongroom::iam {

/// Every access key of the deployment, the principals behind them with their policies, and the temporary credentials
/// and signing keys in use: what signatures are checked against.
///
/// Promise   Find never waits. What is made, switched, changed or deleted anywhere is so here within a second of the
///           change feed's report; all is read again every `recheck` in any case. Deleting and switching off need no
///           HSM. A session's rights are those that its role or user has now; without that one it has none.
/// Secrets   no secret access key, and of a session token its hash only. Signing keys of one day, Region and service
///           each, in the locked pool: fetched from an HSM when first needed, those of permanent keys in use for the
///           next day `ahead` of midnight (UTC). Of keys and sessions at most `most_keys` and `most_sessions` are held;
///           those used longest ago go first, and sessions that have expired.
/// Threads   Find and Judge: any. Fetch and Reload: any loop. The rest: the one loop given.
/// Lifetime  Stop() before the loop ends; what Parts refers to outlives the loop's last handler.
class CredentialCache final : public ports::Credentials, public ports::SigningKeySource {
 public:
  struct Parts {
    Loop& loop;
    store::Database& database;
    const ports::Authorizer& authorizer;
    ports::SigningSecrets& secrets;
    SessionTokens& tokens;
  };
  struct Options {
    std::chrono::milliseconds recheck{60'000};
    std::chrono::milliseconds retry{1'000};  ///< after a reload that failed
    std::chrono::minutes ahead{20};
    std::size_t most_keys = 16'384, most_sessions = 16'384;
    const ports::Clock* clock = nullptr;  ///< null: the machine's
  };

  explicit CredentialCache(Parts parts) : CredentialCache(parts, Options()) {}
  CredentialCache(Parts parts, Options options);
  ~CredentialCache() override;

  std::shared_ptr<const ports::Credential> Find(std::string_view access_key_id) const override;
  std::shared_ptr<const SecretBuffer> Find(const ports::Credential& credential,
                                           const crypto::SigningScope& scope) const override;
  Token Judge(std::string_view access_key_id, std::string_view session_token, ports::WallTime now) const override;
  Task<Status> Fetch(ports::WantedKey wanted) override;

  /// Reads all keys and principals now. Errors: the store's.
  Task<Status> Reload();
  /// Fetches tomorrow's signing keys for the scopes of today's, and forgets those of the day before yesterday and
  /// earlier. Runs by itself when it is time.
  Task<void> FetchAhead();
  /// Drops sessions that have expired. Runs by itself with every re-reading.
  void ForgetExpired();
  /// Subscribes to the feed, which must not have been started, and re-reads from time to time. Call before Reload().
  void Watch(store::ChangeFeed& feed);
  /// Ends the re-reading; from any thread.
  void Stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace strongroom::iam
