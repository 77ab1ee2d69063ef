#include "kms/background.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <exception>
#include <list>
#include <map>
#include <mutex>

namespace strongroom::kms {
namespace asio = boost::asio;
namespace {

using LoopTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
/// Of a destructor that finds Stop not called.
constexpr std::chrono::milliseconds kDestructorPatience{1000};

}  // namespace

struct Background::State {
  explicit State(Loop& l) : loop(l) {}

  Loop& loop;
  mutable std::mutex mutex;  // of what follows
  std::condition_variable ended;
  bool stopping = false;
  std::uint64_t next = 0;
  std::map<std::uint64_t, std::string> running;

  // Touched on the loop only.
  bool cut = false;
  std::vector<LoopTimer*> sleeping;
  std::list<std::function<void()>*> cuts;
};

Background::Background(Loop& loop) : state_(std::make_shared<State>(loop)) {}

Background::~Background() { Stop(kDestructorPatience, kDestructorPatience); }

void Background::Spawn(std::string name, Task<void> task) {
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    id = state_->next++;
    state_->running.emplace(id, std::move(name));
  }
  auto ended = [state = state_, id](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);  // a bug: ends the process, as everywhere on a loop
    const std::lock_guard lock(state->mutex);
    state->running.erase(id);
    state->ended.notify_all();
  };
  asio::co_spawn(state_->loop, std::move(task), std::move(ended));
}

bool Background::stopping() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return state_->stopping;
}

Task<bool> Background::Sleep(std::chrono::milliseconds duration) {
  const std::shared_ptr<State> state = state_;
  if (stopping()) co_return false;
  LoopTimer timer(state->loop.get_executor());
  timer.expires_after(duration);
  state->sleeping.push_back(&timer);
  boost::system::error_code ignored;
  constexpr asio::use_awaitable_t<LoopExecutor> await{};
  co_await timer.async_wait(asio::redirect_error(await, ignored));
  std::erase(state->sleeping, &timer);
  const std::lock_guard lock(state->mutex);
  co_return !state->stopping;
}

Background::Cut::Cut(Background& background, std::function<void()> cut)
    : state_(background.state_), cut_(std::move(cut)) {
  if (state_->cut) {
    cut_();
  } else {
    state_->cuts.push_back(&cut_);
  }
}

Background::Cut::~Cut() { state_->cuts.remove(&cut_); }

std::vector<std::string> Background::Stop(std::chrono::milliseconds patience, std::chrono::milliseconds last) {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  const auto none_left = [this] { return state_->running.empty(); };
  const bool may_wait = !state_->loop.get_executor().running_in_this_thread() && !state_->loop.stopped();
  if (!none_left()) {
    asio::post(state_->loop, [state = state_] {
      for (LoopTimer* timer : state->sleeping) timer->cancel();
    });
    if (may_wait) state_->ended.wait_for(lock, patience, none_left);
  }
  if (!none_left()) {
    asio::post(state_->loop, [state = state_] {
      state->cut = true;
      // A cut may end its task at once, and with it the function that it is.
      while (!state->cuts.empty()) {
        const std::function<void()> cut = *state->cuts.front();
        state->cuts.pop_front();
        cut();
      }
    });
    if (may_wait) state_->ended.wait_for(lock, last, none_left);
  }
  std::vector<std::string> names;
  for (const auto& [id, name] : state_->running) names.push_back(name);
  return names;
}

}  // namespace strongroom::kms
