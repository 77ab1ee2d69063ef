#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "iam/web_identity/jwt.h"

namespace strongroom::iam {

/// The keys that issuers publish, kept and shared.
///
/// Promise   of one issuer there is one fetch at a time, whose outcome all who ask meanwhile get; after one that failed
///           the next begins `pause` later, and until then its keys from before are used for `stale`.
/// Errors    those of the fetch, as long as it is not repeated.
/// Threads   any loop.
class IssuerKeys {
 public:
  using Clock = std::chrono::steady_clock;
  using Keys = std::shared_ptr<const std::vector<Jwk>>;
  /// Asks an issuer ("https://issuer.example.com/id"). Errors: kBadSignature, kTimeout.
  using Fetch = std::function<Task<Result<Keys>>(std::string issuer)>;

  struct Options {
    std::chrono::seconds pause{10}, stale{86'400};
  };
  IssuerKeys(Fetch fetch, Options options) : fetch_(std::move(fetch)), options_(options) {}

  /// The issuer's keys, fetched anew when they are from before `oldest`.
  Task<Result<Keys>> Get(std::string issuer, Clock::time_point oldest);

 private:
  struct Known {
    Keys keys;
    Clock::time_point fetched{}, tried{};
    std::optional<Error> failure;         // of the last fetch
    bool ever = false, fetching = false;  // ever: there are keys or a failure, or soon
  };
  class Turn;
  /// What is to be done now.
  enum class Next { kFetch, kWait, kAnswer };
  Next Look(const std::string& issuer, Clock::time_point oldest, bool waited, std::optional<Result<Keys>>& answer);
  Result<Keys> Keep(const std::string& issuer, Result<Keys> fetched);

  const Fetch fetch_;
  const Options options_;
  std::mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;  // by issuer; under mutex_
};

}  // namespace strongroom::iam
