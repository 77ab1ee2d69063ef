#include "iam/web_identity/issuer_keys.h"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace strongroom::iam {
namespace {
constexpr std::size_t kMostIssuers = 1'000;
constexpr std::chrono::milliseconds kLookAgain{10};
}  // namespace

/// Whoever fetches; however that ends, the next one may.
class IssuerKeys::Turn {
 public:
  Turn(IssuerKeys& keys, const std::string& issuer) : keys_(keys), issuer_(issuer) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    const std::lock_guard lock(keys_.mutex_);
    Known& known = keys_.known_[issuer_];
    known.fetching = false;
    known.ever = known.keys || known.failure;
  }

 private:
  IssuerKeys& keys_;
  const std::string& issuer_;
};

IssuerKeys::Next IssuerKeys::Look(const std::string& issuer, Clock::time_point oldest, bool waited,
                                  std::optional<Result<Keys>>& answer) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (known_.size() >= kMostIssuers && !known_.contains(issuer))
    std::erase_if(known_, [](const auto& one) { return !one.second.fetching; });
  Known& known = known_[issuer];
  if (known.keys && known.fetched >= oldest) {
    answer.emplace(known.keys);
    return Next::kAnswer;
  }
  if (known.fetching) return Next::kWait;
  if (!known.ever || (!waited && now - known.tried >= options_.pause)) {
    known.ever = known.fetching = true;
    known.tried = now;
    return Next::kFetch;
  }
  const bool usable = known.keys && (!known.failure || now - known.fetched < options_.stale);
  if (usable)
    answer.emplace(known.keys);
  else
    answer.emplace(*known.failure);
  return Next::kAnswer;
}

Result<IssuerKeys::Keys> IssuerKeys::Keep(const std::string& issuer, Result<Keys> fetched) {
  if (!fetched.ok()) LogError("sts: the keys of " + issuer + " cannot be fetched", fetched.error());
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  Known& known = known_[issuer];
  if (!fetched.ok()) {
    known.failure = fetched.error();
    if (known.keys && now - known.fetched < options_.stale) return known.keys;
    return fetched;
  }
  known.failure.reset();
  known.keys = *fetched;
  known.fetched = now;
  return fetched;
}

Task<Result<IssuerKeys::Keys>> IssuerKeys::Get(std::string issuer, Clock::time_point oldest) {
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, LoopExecutor>;
  std::optional<Result<Keys>> answer;
  for (bool waited = false;; waited = true) {
    const Next next = Look(issuer, oldest, waited, answer);
    if (next == Next::kAnswer) co_return *std::move(answer);
    if (next == Next::kFetch) break;
    // Who fetches may be on another loop, whose end this one is not to depend on.
    Timer timer(co_await boost::asio::this_coro::executor, kLookAgain);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable_t<LoopExecutor>{}, ignored));
  }
  const Turn turn(*this, issuer);
  std::string asked = issuer;
  auto fetched = co_await fetch_(std::move(asked));
  co_return Keep(issuer, std::move(fetched));
}

}  // namespace strongroom::iam
