#include "aws/dispatch/failure_brake.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace strongroom::aws {

std::string SourceOf(std::string_view address) {
  boost::system::error_code none;
  const auto parsed = boost::asio::ip::make_address(address, none);
  if (none || parsed.is_v4()) return std::string(address.substr(0, 64));
  auto bytes = parsed.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return boost::asio::ip::address_v6(bytes).to_string();
}

FailureBrake::Verdict FailureBrake::Failed(std::string_view address, Time now) {
  if (options_.hold.count() == 0) return {};
  std::string source = SourceOf(address);
  const std::lock_guard lock(mutex_);
  if (sources_.size() >= kMostSources && !sources_.contains(source)) {
    // Those that have been forgiven go; were all of them guessing at once, counting starts anew.
    std::erase_if(sources_, [&](const auto& one) {
      return std::chrono::duration<double>(now - one.second.at).count() >= one.second.failures;
    });
    if (sources_.size() >= kMostSources) sources_.clear();
  }
  Source& counted = sources_[std::move(source)];
  const double forgiven = std::chrono::duration<double>(now - counted.at).count();
  counted.failures = std::max(0.0, counted.failures - forgiven) + 1;
  counted.at = now;
  Verdict verdict;
  verdict.too_many = counted.failures > options_.most;
  const auto doublings = static_cast<unsigned>(counted.failures) / options_.step;
  verdict.hold = std::min(options_.hold * (1 << std::min(doublings, 16U)), options_.longest);
  return verdict;
}

bool FailureBrake::Exhausted(std::string_view address, Time now) const {
  if (options_.hold.count() == 0) return false;
  const std::string source = SourceOf(address);
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(source);
  if (found == sources_.end()) return false;
  const double forgiven = std::chrono::duration<double>(now - found->second.at).count();
  return std::max(0.0, found->second.failures - forgiven) + 1 > options_.most;
}

std::size_t FailureBrake::sources() const {
  const std::lock_guard lock(mutex_);
  return sources_.size();
}

}  // namespace strongroom::aws
