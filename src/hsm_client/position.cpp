#include <algorithm>
#include <atomic>
#include <mutex>

#include "hsm_client/connection.h"

namespace strongroom::hsm_client {
namespace {

/// Version, epoch and number: they stand in the clear and order the tokens of one cluster (docs/formats.md, 4).
constexpr std::size_t kOrderedBytes = 1 + 8 + 8;

/// Replies of several HSMs arrive in any order, so the later one is not always the newer.
bool IsNewer(ByteView offered, ByteView kept) noexcept {
  if (offered.empty()) return false;
  if (offered.size() < kOrderedBytes || kept.size() < kOrderedBytes || offered[0] != kept[0])
    return !std::ranges::equal(offered, kept);
  return std::ranges::lexicographical_compare(kept.first(kOrderedBytes), offered.first(kOrderedBytes));
}

class LocalKeeper final : public PositionKeeper {
 public:
  std::uint64_t version() const noexcept override { return version_; }
  Bytes newest() const override { return token_; }
  std::uint64_t Offer(ByteView token) override {
    if (!IsNewer(token, token_)) return 0;
    token_ = ToBytes(token);
    return ++version_;
  }

 private:
  std::uint64_t version_ = 0;
  Bytes token_;
};

class SharedKeeper final : public PositionKeeper {
 public:
  std::uint64_t version() const noexcept override { return version_.load(std::memory_order_acquire); }
  Bytes newest() const override {
    const std::lock_guard lock(mutex_);
    return token_;
  }
  std::uint64_t Offer(ByteView token) override {
    const std::lock_guard lock(mutex_);
    if (!IsNewer(token, token_)) return 0;
    token_ = ToBytes(token);
    return version_.fetch_add(1, std::memory_order_release) + 1;
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<std::uint64_t> version_{0};
  Bytes token_;
};

}  // namespace

std::shared_ptr<PositionKeeper> MakePositionKeeper() { return std::make_shared<LocalKeeper>(); }
std::shared_ptr<PositionKeeper> MakeSharedPositionKeeper() { return std::make_shared<SharedKeeper>(); }

}  // namespace strongroom::hsm_client
