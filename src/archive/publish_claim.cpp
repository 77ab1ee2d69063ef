#include "archive/publish_claim.h"

#include <fmt/format.h>

#include <chrono>
#include <span>
#include <thread>

#include "crypto/random.h"

namespace strongroom::archive {
namespace {

constexpr int kAttempts = 12;
constexpr auto kLongestFirstWait = std::chrono::milliseconds(100);
constexpr std::string_view kContent = "claim\n";

}  // namespace

PublishClaim::~PublishClaim() { Withdraw(); }

void PublishClaim::Withdraw() noexcept {
  if (std::exchange(written_, false)) (void)store_.Delete(std::span(&name_, 1)).ok();
}

Result<bool> PublishClaim::ServerRefusesSecond() {
  const auto first = store_.Put(name_, AsBytes(kContent), aws_client::PutIf::kAny);
  if (!first.ok()) return first.error();
  written_ = true;
  // Other bytes: a store that finds its own in the way takes the write for done.
  const auto second = store_.Put(name_, AsBytes("second\n"), aws_client::PutIf::kAbsentToServer);
  Withdraw();
  if (second.ok() || second.error().code() == Errc::kUnsupported) return false;
  if (second.error().code() == Errc::kAlreadyExists) return true;
  return second.error();
}

Result<bool> PublishClaim::Alone() {
  SR_TRY(const auto page, store_.List(prefix_, "", 2));
  for (const aws_client::ObjectInfo& claim : page.objects)
    if (claim.name != name_) other_ = claim.name;
  const bool mine = std::any_of(page.objects.begin(), page.objects.end(),
                                [&](const aws_client::ObjectInfo& claim) { return claim.name == name_; });
  return mine && page.objects.size() == 1;
}

Status PublishClaim::Take() {
  auto longest = kLongestFirstWait;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto put = store_.Put(name_, AsBytes(kContent), aws_client::PutIf::kAny);
    if (!put.ok()) return put.error();
    written_ = true;
    SR_TRY(const bool alone, Alone());
    if (alone) return {};
    Withdraw();
    std::array<std::uint8_t, 2> random{};
    SR_CHECK(crypto::Random(random));
    const unsigned share = random[0] << 8 | random[1];
    std::this_thread::sleep_for(longest * static_cast<int>(share) / 65536);
    longest = std::min<std::chrono::milliseconds>(longest * 2, std::chrono::seconds(4));
  }
  return Error(Errc::kConflict,
               fmt::format("Somebody else is finishing a snapshot of this name now. If nobody is, he was "
                           "interrupted and has left the object {}: delete it, and say the same again.",
                           other_));
}

}  // namespace strongroom::archive
