#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/deferred.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "base/task.h"

namespace strongroom::channel {

using LoopTimer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                    boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

/// What a coroutine that waits for a `T` leaves behind to be resumed with one. Its type is concrete, and with
/// asio::deferred the waiting costs neither a coroutine frame nor type erasure.
template <typename T>
using Resume = boost::asio::detail::awaitable_async_op_handler<void(T), LoopExecutor>;

/// Where one coroutine waits for one value on its own loop. Set resumes the coroutine before it returns.
///
/// Threads   one loop.
/// Lifetime  must not be destroyed while somebody waits.
template <typename T>
class Waiter {
 public:
  /// The value, now or when it is set.
  Task<T> Wait() {
    if (value_) {
      T value = std::move(*value_);
      value_.reset();
      co_return value;
    }
    auto keep = [this](Resume<T> handler) { handler_.emplace(std::move(handler)); };
    auto set = boost::asio::async_initiate<const boost::asio::deferred_t, void(T)>(keep, boost::asio::deferred);
    T value = co_await std::move(set);
    co_return value;
  }
  void Set(T value) {
    if (!handler_) {
      value_.emplace(std::move(value));
      return;
    }
    Resume<T> handler = std::move(*handler_);
    handler_.reset();
    std::move(handler)(std::move(value));
  }

  /// Forgets a value that nobody waited for.
  void Clear() { value_.reset(); }

 private:
  std::optional<Resume<T>> handler_;
  std::optional<T> value_;
};

}  // namespace strongroom::channel
