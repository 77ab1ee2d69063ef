#include "store/reloader.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace strongroom::store {
namespace asio = boost::asio;

void Reloader::Watch(ChangeFeed& feed) {
  feed.Subscribe([self = shared_from_this()](std::span<const FeedEntry> entries) {
    if (self->stopped_ || !std::any_of(entries.begin(), entries.end(), self->options_.concerns)) return;
    asio::post(self->loop_, [self] { self->Want(); });
  });
  asio::post(loop_, [self = shared_from_this()] { self->Arm(self->options_.every); });
}

void Reloader::Stop() {
  if (stopped_.exchange(true)) return;
  asio::post(loop_, [self = shared_from_this()] { self->timer_.cancel(); });
}

void Reloader::Want() {
  if (stopped_) return;
  wanted_ = true;
  if (running_) return;
  running_ = true;
  asio::co_spawn(loop_, ReloadWhileWanted(shared_from_this()), asio::detached);
}

Task<void> Reloader::ReloadWhileWanted(std::shared_ptr<Reloader> self) {
  bool complete = true;
  while (self->wanted_ && !self->stopped_) {
    self->wanted_ = false;
    const Status status = co_await self->options_.reload();
    complete = status.ok();
    if (!complete && !self->failing_) LogError(self->options_.what, status.error());
    self->failing_ = !complete;
  }
  self->running_ = false;
  self->Arm(complete ? self->options_.every : self->options_.retry);
}

void Reloader::Arm(std::chrono::milliseconds after) {
  if (stopped_) return;
  timer_.expires_after(after);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
    if (!cancelled) self->Want();
  });
}

}  // namespace strongroom::store
