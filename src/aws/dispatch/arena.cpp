#include "aws/dispatch/arena.h"

#include <algorithm>

#include "secret/secret_vector.h"

namespace strongroom::aws {
namespace {
constexpr std::size_t kFirstBlock = 8 * 1024;
constexpr std::size_t kMostKept = 64;

std::vector<std::unique_ptr<Arena>>& Stock() {
  thread_local std::vector<std::unique_ptr<Arena>> stock;
  return stock;
}
}  // namespace

Arena::~Arena() { Reset(); }

void* Arena::do_allocate(std::size_t size, std::size_t alignment) {
  if (!blocks_.empty()) {
    Block& last = blocks_.back();
    const std::size_t start = (last.used + alignment - 1) / alignment * alignment;
    if (start <= last.size && size <= last.size - start) {
      last.used = start + size;
      return last.memory.get() + start;
    }
  }
  const std::size_t capacity = std::max(size, blocks_.empty() ? kFirstBlock : 2 * blocks_.back().size);
  Block block{std::unique_ptr<std::byte[]>(new std::byte[capacity]), capacity, size};
  void* start = block.memory.get();  // aligned for everything, as operator new[] gives it
  blocks_.push_back(std::move(block));
  return start;  // cppcheck-suppress returnDanglingLifetime
}

void Arena::Reset() noexcept {
  for (Block& block : blocks_) {
    secret::Wipe(block.memory.get(), block.used);
    block.used = 0;
  }
  if (blocks_.size() > 1) blocks_.resize(1);
}

ArenaLease::ArenaLease() {
  auto& stock = Stock();
  if (stock.empty()) {
    arena_ = std::make_unique<Arena>();
  } else {
    arena_ = std::move(stock.back());
    stock.pop_back();
  }
}

ArenaLease::~ArenaLease() {
  arena_->Reset();
  auto& stock = Stock();
  if (stock.size() < kMostKept) stock.push_back(std::move(arena_));
}

}  // namespace strongroom::aws
