#include "kms/background.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/log.h"

namespace strongroom::kms {
namespace asio = boost::asio;

using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
struct Background::Timer : SteadyTimer {
  using SteadyTimer::SteadyTimer;
};

void Background::Start(Task<void> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    ++running_;
  }
  asio::co_spawn(loop_.get_executor(), std::move(task), [this](std::exception_ptr failure) {
    if (failure) LogError("background work of KMS", Error(Errc::kInternal, "a task ended with an exception"));
    const std::lock_guard lock(mutex_);
    --running_;
    ended_.notify_all();
  });
}

Task<bool> Background::Pause(std::chrono::milliseconds time) {
  Timer timer(loop_.get_executor());
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) co_return false;
    pauses_.insert(&timer);
  }
  timer.expires_after(time);
  boost::system::error_code ignored;
  const asio::use_awaitable_t<LoopExecutor> await;
  co_await timer.async_wait(asio::redirect_error(await, ignored));
  const std::lock_guard lock(mutex_);
  pauses_.erase(&timer);
  co_return !stopping_;
}

bool Background::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Background::Stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  if (running_ == 0) return;
  // On the loop, where no pause is half begun.
  asio::post(loop_, [this] {
    const std::lock_guard on_loop(mutex_);
    for (Timer* timer : pauses_) timer->cancel();
  });
  ended_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace strongroom::kms
