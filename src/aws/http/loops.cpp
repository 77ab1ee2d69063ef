#include "aws/http/loops.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "aws/http/loop_slot.h"
#include "base/log.h"
#include "base/processors.h"

namespace strongroom::aws {
namespace {
thread_local std::size_t current_slot = kNoLoop;

/// An exception that reaches the loop is a bug in one piece of work; the loop and everyone else's work go on.
void RunForever(Loop& loop) {
  for (;;) {
    try {
      loop.run();
      return;
    } catch (const std::exception& failure) {
      log::Error("event loop: unexpected exception: {}", failure.what());
    }
  }
}
}  // namespace

std::size_t CurrentLoopSlot() noexcept { return current_slot; }
std::size_t CurrentLoopIndex() noexcept { return current_slot == kNoLoop ? 0 : current_slot; }

struct LoopGroup::State {
  struct One {
    Loop loop{1};  // one thread runs it
    std::optional<boost::asio::executor_work_guard<LoopExecutor>> work;
    std::thread thread;
  };
  std::vector<std::unique_ptr<One>> loops;
};

LoopGroup::LoopGroup(std::size_t count) : state_(std::make_unique<State>()) {
  if (count == 0) count = UsableProcessors();
  for (std::size_t i = 0; i < count; ++i) {
    auto one = std::make_unique<State::One>();
    one->work.emplace(one->loop.get_executor());
    state_->loops.push_back(std::move(one));
  }
}

LoopGroup::~LoopGroup() { Stop(); }

std::size_t LoopGroup::size() const noexcept { return state_->loops.size(); }
Loop& LoopGroup::at(std::size_t index) noexcept { return state_->loops[index]->loop; }

void LoopGroup::Start() {
  for (std::size_t i = 0; i < state_->loops.size(); ++i) {
    State::One& one = *state_->loops[i];
    one.thread = std::thread([&one, i] {
      current_slot = i;
      RunForever(one.loop);
      current_slot = kNoLoop;
    });
  }
}

void LoopGroup::Stop() {
  for (auto& one : state_->loops) {
    one->work.reset();
    one->loop.stop();
  }
  for (auto& one : state_->loops) {
    if (one->thread.joinable()) one->thread.join();
  }
}

void LoopGroup::ForEach(const std::function<void(std::size_t index, Loop&)>& work) {
  std::latch done(static_cast<std::ptrdiff_t>(size()));
  for (std::size_t i = 0; i < size(); ++i) {
    boost::asio::post(at(i), [&, i] {
      work(i, at(i));
      done.count_down();
    });
  }
  done.wait();
}

}  // namespace strongroom::aws
