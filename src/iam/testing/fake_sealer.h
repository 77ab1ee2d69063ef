#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "base/ids.h"
#include "ports/sealer.h"

namespace strongroom::iam::testing {

/// Stands for the domain cluster: what it seals is a ticket, the secrets stay in here.
class FakeSealer final : public ports::Sealer {
 public:
  Task<Result<Bytes>> Seal(std::string purpose, std::string name, SecretBuffer plaintext) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    const Bytes ticket = ToBytes(AsBytes(NewUuid()));
    const std::lock_guard lock(mutex_);
    sealed_.emplace(std::tuple(std::move(purpose), std::move(name), ticket), std::move(plaintext));
    co_return ticket;
  }
  Task<Result<SecretBuffer>> Open(std::string purpose, std::string name, Bytes sealed) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    const std::lock_guard lock(mutex_);
    const auto found = sealed_.find(std::tuple(std::move(purpose), std::move(name), std::move(sealed)));
    if (found == sealed_.end()) co_return Error(Errc::kBadCiphertext, "");
    ++opened;
    co_return found->second.Clone();
  }

  Task<Result<bool>> Renew(std::uint32_t) override { co_return false; }

  std::atomic<bool> away = false;
  std::atomic<int> opened = 0;

 private:
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, Bytes>, SecretBuffer> sealed_;
};

}  // namespace strongroom::iam::testing
