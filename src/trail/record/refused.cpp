#include "trail/record/refused.h"

#include <algorithm>

#include "aws/dispatch/failure_brake.h"

namespace strongroom::trail {
namespace {

void Refill(double& room, RefusedCalls::Time& at, RefusedCalls::Time now, double each_second, double most) {
  room = std::min(most, room + std::chrono::duration<double>(now - at).count() * each_second);
  at = now;
}

}  // namespace

bool RefusedCalls::Admit(std::string_view address, Time now) {
  std::string name = aws::SourceOf(address);
  const std::lock_guard lock(mutex_);
  Refill(room_, at_, now, kSustained, kBurst);
  auto found = sources_.find(name);
  if (found == sources_.end() && sources_.size() >= kMostSources) {
    std::erase_if(sources_, [&](const auto& one) {
      return one.second.left_out == 0 && now - one.second.at > std::chrono::seconds(1);
    });
    if (sources_.size() >= kMostSources) {
      ++left_out_;
      return false;
    }
  }
  if (found == sources_.end()) found = sources_.emplace(std::move(name), Source{.at = now}).first;
  Source& source = found->second;
  Refill(source.room, source.at, now, kPerSecond, kPerSecond);
  if (source.room < 1 || room_ < 1) {
    ++source.left_out;
    ++left_out_;
    return false;
  }
  source.room -= 1;
  room_ -= 1;
  return true;
}

std::optional<RefusedCalls::LeftOut> RefusedCalls::Take(Time now, bool last) {
  const std::lock_guard lock(mutex_);
  if (left_out_ == 0 || (!last && now - told_ < kTold)) return std::nullopt;
  told_ = now;
  LeftOut told{.count = std::exchange(left_out_, 0)};
  for (auto& [name, source] : sources_)
    if (source.left_out > 0) told.sources.emplace_back(name, std::exchange(source.left_out, 0));
  std::ranges::sort(told.sources, std::ranges::greater(), [](const auto& one) { return one.second; });
  if (told.sources.size() > kMostNamed) told.sources.resize(kMostNamed);
  return told;
}

}  // namespace strongroom::trail
