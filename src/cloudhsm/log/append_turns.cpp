#include "cloudhsm/log/append_turns.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace strongroom::cloudhsm {
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

struct AppendTurns::Timer : asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, LoopExecutor> {
  using basic_waitable_timer::basic_waitable_timer;
};

Task<void> AppendTurns::Wait(std::string cluster_id, std::string hsm_id) {
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable_t<LoopExecutor>{});
  const LoopExecutor executor = co_await asio::this_coro::executor;
  for (;;) {
    const auto found = lines_.find(cluster_id);
    if (found == lines_.end()) co_return;
    Line& line = found->second;
    while (!line.losers.empty() && line.losers.front().until <= Clock::now()) line.losers.pop_front();
    if (line.losers.empty() && line.waiting.empty()) lines_.erase(found);
    if (!lines_.contains(cluster_id) || line.losers.empty() || line.losers.front().hsm_id == hsm_id) co_return;
    Timer timer(executor, line.losers.front().until);
    line.waiting.push_back(&timer);
    co_await timer.async_wait(kToken);
    std::erase(line.waiting, &timer);
  }
}

void AppendTurns::Lost(const std::string& cluster_id, const std::string& hsm_id) {
  Line& line = lines_[cluster_id];
  const auto until = Clock::now() + hold_;
  const auto known = std::ranges::find(line.losers, hsm_id, &Loser::hsm_id);
  if (known != line.losers.end()) {
    known->until = until;
  } else {
    line.losers.push_back({hsm_id, until});
  }
  Wake(line);
}

void AppendTurns::Won(const std::string& cluster_id, const std::string& hsm_id) {
  const auto found = lines_.find(cluster_id);
  if (found == lines_.end()) return;
  std::erase_if(found->second.losers, [&](const Loser& loser) { return loser.hsm_id == hsm_id; });
  Wake(found->second);
}

void AppendTurns::Wake(Line& line) {
  for (Timer* timer : line.waiting) timer->cancel();
}

}  // namespace strongroom::cloudhsm
