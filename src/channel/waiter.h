#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "base/task.h"

namespace strongroom::channel {

using LoopTimer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                    boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

/// Where one coroutine waits for one value on its own loop. The handler's type is concrete: waiting costs one coroutine
/// frame and no type erasure. Set resumes the coroutine before it returns.
///
/// Threads   one loop.
/// Lifetime  must not be destroyed while somebody waits.
template <typename T>
class Waiter {
 public:
  using Token = boost::asio::use_awaitable_t<LoopExecutor>;
  using Handler = typename boost::asio::async_result<Token, void(T)>::handler_type;

  /// The value, now or when it is set.
  Task<T> Wait() {
    if (value_) {
      T value = std::move(*value_);
      value_.reset();
      co_return value;
    }
    auto keep = [this](Handler handler) { handler_.emplace(std::move(handler)); };
    Token token;
    T value = co_await boost::asio::async_initiate<Token, void(T)>(std::move(keep), token);
    co_return value;
  }
  void Set(T value) {
    if (!handler_) {
      value_.emplace(std::move(value));
      return;
    }
    Handler handler = std::move(*handler_);
    handler_.reset();
    std::move(handler)(std::move(value));
  }

  /// Forgets a value that nobody waited for.
  void Clear() { value_.reset(); }

 private:
  std::optional<Handler> handler_;
  std::optional<T> value_;
};

}  // namespace strongroom::channel
