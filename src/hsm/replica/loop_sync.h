#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/task.h"

namespace strongroom::hsm::replica {

using LoopTimer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                    boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

/// Wakes every coroutine that waits; each then looks again at what it waits for. One loop. The timer keeps the waiting
/// coroutines in the loop's own books, so that they end with the loop.
class Signal {
 public:
  explicit Signal(Loop& loop) : timer_(loop, LoopTimer::time_point::max()) {}
  Task<void> Wait() {
    constexpr auto kToken = boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{});
    co_await timer_.async_wait(kToken);
  }
  void NotifyAll() { timer_.cancel(); }

 private:
  LoopTimer timer_;
};

/// A first come, first served lock for coroutines of one loop, which may be held across co_await.
class Turns {
 public:
  explicit Turns(Loop& loop) : changed_(loop) {}
  class Turn {
   public:
    explicit Turn(Turns& turns) noexcept : turns_(&turns) {}
    Turn(Turn&& from) noexcept : turns_(std::exchange(from.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ == nullptr) return;
      ++turns_->serving_;
      turns_->changed_.NotifyAll();
    }

   private:
    Turns* turns_;
  };
  Task<Turn> Take() {
    const std::uint64_t mine = next_++;
    while (mine != serving_) co_await changed_.Wait();
    co_return Turn(*this);
  }

 private:
  Signal changed_;
  std::uint64_t next_ = 0, serving_ = 0;
};

}  // namespace strongroom::hsm::replica
