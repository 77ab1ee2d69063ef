#pragma once

#include <boost/json/memory_resource.hpp>
#include <boost/json/storage_ptr.hpp>
#include <cstddef>
#include <memory>
#include <vector>

namespace strongroom::aws {

/// Memory for one request's parsed body: handed out front to back, never freed singly, and wiped as a whole, since a
/// body may carry plaintext or passwords. Kept and used again by its thread.
class Arena final : public boost::json::memory_resource {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() override;

  /// Wipes everything that was handed out; keeps the first block.
  void Reset() noexcept;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const boost::json::memory_resource& other) const noexcept override { return this == &other; }

  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size = 0, used = 0;
  };
  std::vector<Block> blocks_;
};

/// An arena of the calling thread's stock, given back (wiped) at the end of the scope.
class ArenaLease {
 public:
  ArenaLease();
  ~ArenaLease();
  ArenaLease(const ArenaLease&) = delete;
  ArenaLease& operator=(const ArenaLease&) = delete;
  Arena& operator*() noexcept { return *arena_; }
  Arena* get() noexcept { return arena_.get(); }

 private:
  std::unique_ptr<Arena> arena_;
};

}  // namespace strongroom::aws

template <>
struct boost::json::is_deallocate_trivial<strongroom::aws::Arena> {
  static constexpr bool value = true;
};
