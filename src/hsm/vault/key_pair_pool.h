#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "crypto/key_pair.h"

namespace strongroom::hsm {

/// RSA key pairs made ahead by one idle-priority thread, since one takes 0.1 s to a second. Elliptic curve pairs take
/// microseconds and are not kept. The priority alone would not do: with each process in a group of its own (containers,
/// sessions) the kernel divides the core between the groups first. So the thread also waits while commands are served.
///
/// Promise   a pair is handed out once and to one caller.
/// Threads   any.
class KeyPairPool {
 public:
  struct Stock {
    std::size_t rsa2048 = 8, rsa3072 = 2, rsa4096 = 2;
  };
  /// Tests put a maker of their own in place of crypto::PrivateKey::Generate.
  using Maker = std::function<Result<crypto::PrivateKey>(crypto::KeySpec)>;
  /// No pair is begun until at most kFewCommands came within `quiet`.
  explicit KeyPairPool(Stock target, Maker make = &crypto::PrivateKey::Generate,
                       std::chrono::milliseconds quiet = std::chrono::milliseconds(250));
  ~KeyPairPool();
  KeyPairPool(const KeyPairPool&) = delete;
  KeyPairPool& operator=(const KeyPairPool&) = delete;

  /// Begins to keep a stock of every size. Without it a size is kept in stock once it has been asked for.
  void FillAll();
  /// One from the stock; empty when there is none (the caller then makes one on a worker).
  std::optional<crypto::PrivateKey> Take(crypto::KeySpec spec);
  std::size_t InStock(crypto::KeySpec spec) const;
  /// A command is being served: the pool keeps out of its way.
  void NoteCommand() noexcept { commands_.fetch_add(1, std::memory_order_relaxed); }
  void Stop();

 private:
  static constexpr std::uint64_t kFewCommands = 25;
  struct Shelf {
    crypto::KeySpec spec;
    std::size_t target = 0;
    bool wanted = false;
    std::deque<crypto::PrivateKey> pairs;
  };
  void Work();
  Shelf* NextToFill();
  /// False when it is time to stop.
  bool WaitForQuiet(std::unique_lock<std::mutex>& lock);

  const Maker make_;
  const std::chrono::milliseconds quiet_;
  std::atomic<std::uint64_t> commands_{0};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::array<Shelf, 3> shelves_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace strongroom::hsm
