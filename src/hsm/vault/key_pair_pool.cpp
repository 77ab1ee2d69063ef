#include "hsm/vault/key_pair_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace strongroom::hsm {

KeyPairPool::KeyPairPool(Stock target, Maker make, std::chrono::milliseconds quiet)
    : make_(std::move(make)),
      quiet_(quiet),
      shelves_{Shelf{crypto::KeySpec::kRsa2048, target.rsa2048, false, {}},
               Shelf{crypto::KeySpec::kRsa3072, target.rsa3072, false, {}},
               Shelf{crypto::KeySpec::kRsa4096, target.rsa4096, false, {}}},
      thread_([this] { Work(); }) {}

KeyPairPool::~KeyPairPool() { Stop(); }

void KeyPairPool::FillAll() {
  {
    const std::lock_guard lock(mutex_);
    for (Shelf& shelf : shelves_) shelf.wanted = true;
  }
  wake_.notify_one();
}

std::optional<crypto::PrivateKey> KeyPairPool::Take(crypto::KeySpec spec) {
  std::optional<crypto::PrivateKey> taken;
  {
    const std::lock_guard lock(mutex_);
    const auto shelf = std::ranges::find(shelves_, spec, &Shelf::spec);
    if (shelf == shelves_.end()) return std::nullopt;
    shelf->wanted = true;
    if (!shelf->pairs.empty()) {
      taken.emplace(std::move(shelf->pairs.front()));
      shelf->pairs.pop_front();
    }
  }
  wake_.notify_one();
  return taken;
}

std::size_t KeyPairPool::InStock(crypto::KeySpec spec) const {
  const std::lock_guard lock(mutex_);
  const auto shelf = std::ranges::find(shelves_, spec, &Shelf::spec);
  return shelf == shelves_.end() ? 0 : shelf->pairs.size();
}

void KeyPairPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

/// Of the shelves that want something, the one that is emptiest in proportion. Called with the lock held.
KeyPairPool::Shelf* KeyPairPool::NextToFill() {
  Shelf* next = nullptr;
  for (Shelf& shelf : shelves_) {
    if (!shelf.wanted || shelf.pairs.size() >= shelf.target) continue;
    if (next == nullptr || shelf.pairs.size() * next->target < next->pairs.size() * shelf.target) next = &shelf;
  }
  return next;
}

bool KeyPairPool::WaitForQuiet(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    const std::uint64_t before = commands_.load(std::memory_order_relaxed);
    if (wake_.wait_for(lock, quiet_, [this] { return stopping_; })) return false;
    if (commands_.load(std::memory_order_relaxed) - before <= kFewCommands) return true;
  }
}

void KeyPairPool::Work() {
  // Idle priority: it may only use time that nobody else wants. If the sandbox refuses, it works at normal priority.
  const sched_param none{};
  if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none) != 0)
    log::Debug("key pairs are made ahead at normal priority");
  std::unique_lock lock(mutex_);
  for (;;) {
    Shelf* shelf = nullptr;
    wake_.wait(lock, [&] { return stopping_ || (shelf = NextToFill()) != nullptr; });
    if (stopping_ || !WaitForQuiet(lock)) return;
    shelf = NextToFill();  // others may have been asked for in the meantime
    if (shelf == nullptr) continue;
    const crypto::KeySpec spec = shelf->spec;
    lock.unlock();
    auto pair = make_(spec);
    lock.lock();
    if (!pair) {
      LogError("making a key pair ahead", pair.error());
      shelf->wanted = false;  // until the next request for it
      continue;
    }
    shelf->pairs.push_back(std::move(*pair));
  }
}

}  // namespace strongroom::hsm
