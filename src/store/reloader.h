#pragma once

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "store/change_feed.h"

namespace strongroom::store {

/// Has something that is kept in memory read again whenever the change feed reports a change that concerns it, and from
/// time to time in any case.
///
/// Promise   one reload at a time; whatever is wanted meanwhile is one more. A failure is logged once, until a reload
///           succeeds again.
/// Threads   Watch and Stop: any; the reloads run on the one loop given.
/// Lifetime  made by make_shared. Stop() before the loop ends; what `reload` uses outlives the loop's last handler.
class Reloader : public std::enable_shared_from_this<Reloader> {
 public:
  struct Options {
    std::string what;                 ///< for the log: "reading external key store proxies"
    std::chrono::milliseconds every;  ///< after a reload that was complete
    std::chrono::milliseconds retry;  ///< after one that failed
    std::function<bool(const FeedEntry&)> concerns;
    std::function<Task<Status>()> reload;
  };

  Reloader(Loop& loop, Options options) : loop_(loop), options_(std::move(options)), timer_(loop.get_executor()) {}

  /// Subscribes to the feed, which must not have been started.
  void Watch(ChangeFeed& feed);
  /// No reload begins any more. Idempotent.
  void Stop();

 private:
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
  void Want();
  static Task<void> ReloadWhileWanted(std::shared_ptr<Reloader> self);
  void Arm(std::chrono::milliseconds after);

  Loop& loop_;
  const Options options_;
  Timer timer_;
  std::atomic<bool> stopped_ = false;
  // On loop_.
  bool running_ = false, wanted_ = false, failing_ = false;
};

}  // namespace strongroom::store
