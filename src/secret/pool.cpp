#include "secret/pool.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <mutex>

#include "base/log.h"
#include "secret/secret_vector.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define SR_POISON(memory, size) ASAN_POISON_MEMORY_REGION(memory, size)
#define SR_UNPOISON(memory, size) ASAN_UNPOISON_MEMORY_REGION(memory, size)
#else
#define SR_POISON(memory, size) static_cast<void>(0)
#define SR_UNPOISON(memory, size) static_cast<void>(0)
#endif

namespace strongroom::secret {

void Wipe(void* memory, std::size_t size_bytes) noexcept {
  if (size_bytes != 0) ::explicit_bzero(memory, size_bytes);
}

namespace pool {
namespace {

// Blocks are powers of two from 32 bytes to 1 MiB, each class with its own list of free blocks. A free block's first
// word links to the next; the rest of it is zero.
constexpr std::size_t kSmallestShift = 5, kLargestShift = 20;
constexpr std::size_t kClasses = kLargestShift - kSmallestShift + 1;
constexpr std::size_t kStepBytes = std::size_t{1} << 20;  // memory is committed and locked by this much at a time
constexpr std::size_t kCachedClasses = 8;                 // 32..4096 bytes go through the per-thread cache
static_assert(kLargestSecretBytes == std::size_t{1} << kLargestShift && kStepBytes >= kLargestSecretBytes);

struct FreeBlock {
  FreeBlock* next;
};

constexpr std::size_t ClassOf(std::size_t bytes) noexcept {
  if (bytes <= (std::size_t{1} << kSmallestShift)) return 0;
  return static_cast<std::size_t>(std::bit_width(bytes - 1)) - kSmallestShift;
}
constexpr std::size_t ClassBytes(std::size_t size_class) noexcept {
  return std::size_t{1} << (size_class + kSmallestShift);
}
/// How many blocks of a class one thread may keep; a refill takes half of it.
constexpr std::size_t CacheLimit(std::size_t size_class) noexcept {
  return std::clamp<std::size_t>((std::size_t{32} << 10) / ClassBytes(size_class), 8, 64);
}

enum class Failure : std::uint8_t { kNone, kFull, kReserve, kLock };
thread_local constinit Failure last_failure = Failure::kNone;
thread_local constinit int last_errno = 0;

/// The shared part. Never destroyed, since buffers of static lifetime outlive every order of destruction.
class Central {
 public:
  Status Configure(const PoolOptions& options) {
    const std::lock_guard lock(mutex_);
    if (base_ != nullptr) {
      return Error(Errc::kInvalidState, "The pool of locked memory is in use already; its bound stays.");
    }
    if (options.max_bytes < kStepBytes || options.max_bytes > (std::size_t{64} << 30)) {
      return Error(Errc::kInvalidArgument, "The pool of locked memory holds between 1 MiB and 64 GiB.");
    }
    max_bytes_ = (options.max_bytes + kStepBytes - 1) / kStepBytes * kStepBytes;
    require_lock_ = options.require_lock;
    return {};
  }

  /// Up to `count` linked blocks; null when there is none to have.
  FreeBlock* TakeChain(std::size_t size_class, std::size_t count, std::size_t& taken) noexcept {
    const std::lock_guard lock(mutex_);
    FreeBlock* chain = nullptr;
    taken = 0;
    while (taken < count) {
      FreeBlock* block = free_[size_class];
      if (block != nullptr) {
        free_[size_class] = block->next;
      } else {
        if (taken != 0 && count_left(size_class) == 0) break;  // do not grow merely to fill a cache
        block = Carve(size_class);
        if (block == nullptr) break;
      }
      block->next = chain;
      chain = block;
      ++taken;
    }
    handed_out_ += taken * ClassBytes(size_class);
    return chain;
  }

  void GiveChain(std::size_t size_class, FreeBlock* chain) noexcept {
    const std::lock_guard lock(mutex_);
    while (chain != nullptr) {
      FreeBlock* next = chain->next;
      chain->next = free_[size_class];
      free_[size_class] = chain;
      handed_out_ -= ClassBytes(size_class);
      chain = next;
    }
  }

  bool Owns(const void* memory) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    const auto base = reinterpret_cast<std::uintptr_t>(base_.load(std::memory_order_relaxed));
    return address - base < max_bytes_;
  }

  PoolUsage Usage() {
    const std::lock_guard lock(mutex_);
    return {.reserved_bytes = max_bytes_, .locked_bytes = committed_, .handed_out_bytes = handed_out_};
  }

  void BeforeFork() { mutex_.lock(); }
  void AfterForkInParent() { mutex_.unlock(); }
  /// The child's copy of the region is wiped by the kernel and not locked, so the child starts a region of its own;
  /// blocks of the old one are never handed out again.
  void AfterForkInChild() noexcept {
    base_ = nullptr;
    next_ = committed_ = handed_out_ = 0;
    free_.fill(nullptr);
    mutex_.unlock();
  }

 private:
  std::size_t count_left(std::size_t size_class) const noexcept {
    return (committed_ - next_) / ClassBytes(size_class);
  }

  /// A fresh block from the end of what is committed.
  FreeBlock* Carve(std::size_t size_class) noexcept {
    const std::size_t bytes = ClassBytes(size_class);
    std::size_t start = (next_ + bytes - 1) / bytes * bytes;  // aligned to its size, so no block straddles a page end
    if (start + bytes > committed_) {
      if (!Grow(start + bytes)) return nullptr;
    }
    // The gap that alignment leaves is cut into blocks of the classes that fit it.
    while (next_ < start) {
      const std::size_t piece = std::min(std::bit_floor(start - next_), next_ & (~next_ + 1));
      if (piece < ClassBytes(0)) break;
      Keep(ClassOf(piece), base_ + next_);
      next_ += piece;
    }
    next_ = start + bytes;
    SR_UNPOISON(base_ + start, sizeof(FreeBlock));
    return ::new (base_ + start) FreeBlock{nullptr};
  }

  void Keep(std::size_t size_class, std::uint8_t* memory) noexcept {
    SR_UNPOISON(memory, sizeof(FreeBlock));
    free_[size_class] = ::new (memory) FreeBlock{free_[size_class]};
  }

  bool Grow(std::size_t up_to) noexcept {
    if (base_ == nullptr && !Reserve()) return false;
    if (up_to > max_bytes_) {
      last_failure = Failure::kFull;
      return false;
    }
    while (committed_ < up_to) {
      std::uint8_t* step = base_ + committed_;
      if (::mprotect(step, kStepBytes, PROT_READ | PROT_WRITE) != 0) return Fail(Failure::kReserve);
      if (::mlock(step, kStepBytes) != 0) {
        const int error = errno;
        if (!MayRelax()) {
          ::mprotect(step, kStepBytes, PROT_NONE);
          errno = error;
          return Fail(Failure::kLock);
        }
      }
      SR_POISON(step, kStepBytes);
      committed_ += kStepBytes;
    }
    return true;
  }

  /// One stretch of address space with an inaccessible page on each side; what is not committed is inaccessible too.
  bool Reserve() noexcept {
    static std::once_flag fork_handlers;
    std::call_once(fork_handlers, [] { ::pthread_atfork(&Prepare, &Parent, &Child); });
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    // A step more than needed, to align the base to a whole step; what stands before it is guard as well.
    const std::size_t span = max_bytes_ + kStepBytes + 2 * page;
    void* memory = ::mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return Fail(Failure::kReserve);
    const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(memory) + page;
    std::uint8_t* base = reinterpret_cast<std::uint8_t*>((first + kStepBytes - 1) / kStepBytes * kStepBytes);
    // Without these two a dump or a child would hold secrets, so failing them fails the reservation.
    if (::madvise(base, max_bytes_, MADV_DONTDUMP) != 0 || ::madvise(base, max_bytes_, MADV_WIPEONFORK) != 0) {
      const int error = errno;
      ::munmap(memory, span);
      errno = error;
      return Fail(Failure::kReserve);
    }
    base_ = base;
    return true;
  }

  bool MayRelax() noexcept {
#if defined(STRONGROOM_DEV)
    if (!relax_allowed()) return false;
    if (!warned_) {
      warned_ = true;
      log::Warn("Secrets are NOT in locked memory: raise `ulimit -l` (systemd: LimitMEMLOCK). Development only.");
    }
    return true;
#else
    return false;
#endif
  }

  [[maybe_unused]] bool relax_allowed() const noexcept { return !require_lock_; }

  static bool Fail(Failure failure) noexcept {
    last_errno = errno;
    last_failure = failure;
    return false;
  }
  static void Prepare();
  static void Parent();
  static void Child();

  std::mutex mutex_;
  std::atomic<std::uint8_t*> base_ = nullptr;
  std::size_t max_bytes_ = std::size_t{64} << 20;
  std::size_t next_ = 0, committed_ = 0, handed_out_ = 0;
  bool require_lock_ = PoolOptions{}.require_lock;
  [[maybe_unused]] bool warned_ = false;
  std::array<FreeBlock*, kClasses> free_{};
};

Central& TheCentral() noexcept {
  static Central* const central = new Central;
  return *central;
}

/// A thread's own free blocks. Constant-initialised and without destructor, so reaching it costs no guard; the Flusher
/// beside it empties it when the thread ends.
struct Cache {
  std::array<FreeBlock*, kCachedClasses> free{};
  std::array<std::uint32_t, kCachedClasses> count{};
  bool ready = false;  // a Flusher is there
  bool ended = false;  // and has run: this thread's last frees go to the shared part
};
thread_local constinit Cache cache;

struct Flusher {
  ~Flusher() {
    for (std::size_t i = 0; i < kCachedClasses; ++i) {
      TheCentral().GiveChain(i, cache.free[i]);
      cache.free[i] = nullptr;
      cache.count[i] = 0;
    }
    cache.ended = true;
  }
};

/// Makes sure that this thread's cache will be emptied. False once it has been.
bool CacheUsable() noexcept {
  if (cache.ended) return false;
  if (!cache.ready) {
    thread_local Flusher flusher;
    static_cast<void>(&flusher);
    cache.ready = true;
  }
  return true;
}

void Central::Prepare() { TheCentral().BeforeFork(); }
void Central::Parent() { TheCentral().AfterForkInParent(); }
void Central::Child() {
  cache.free.fill(nullptr);
  cache.count.fill(0);
  TheCentral().AfterForkInChild();
}

FreeBlock* Refill(std::size_t size_class) noexcept {
  const std::size_t wanted = size_class < kCachedClasses && CacheUsable() ? CacheLimit(size_class) / 2 : 1;
  std::size_t taken = 0;
  FreeBlock* chain = TheCentral().TakeChain(size_class, wanted, taken);
  if (chain == nullptr) return nullptr;
  if (taken > 1) {
    cache.free[size_class] = chain->next;
    cache.count[size_class] = static_cast<std::uint32_t>(taken - 1);
  }
  return chain;
}

void GiveSlowly(std::size_t size_class, FreeBlock* block) noexcept {
  Central& central = TheCentral();
  if (size_class >= kCachedClasses || !CacheUsable()) {
    block->next = nullptr;
    central.GiveChain(size_class, block);
    return;
  }
  // The cache is full: half of it goes back in one piece.
  const std::size_t back = CacheLimit(size_class) / 2;
  FreeBlock* first = cache.free[size_class];
  FreeBlock* last = first;
  for (std::size_t i = 1; i < back && last != nullptr; ++i) last = last->next;
  if (last != nullptr) {
    cache.free[size_class] = last->next;
    last->next = nullptr;
    cache.count[size_class] -= static_cast<std::uint32_t>(back);
    central.GiveChain(size_class, first);
  }
  block->next = cache.free[size_class];
  cache.free[size_class] = block;
  ++cache.count[size_class];
}

}  // namespace

Block Take(std::size_t bytes) noexcept {
  const std::size_t size_class = ClassOf(bytes);
  FreeBlock* block = nullptr;
  if (size_class < kCachedClasses && cache.free[size_class] != nullptr) {
    block = cache.free[size_class];
    cache.free[size_class] = block->next;
    --cache.count[size_class];
  } else {
    block = Refill(size_class);
    if (block == nullptr) return {};
  }
  const std::size_t capacity = ClassBytes(size_class);
  SR_UNPOISON(block, capacity);
  block->next = nullptr;
  return {reinterpret_cast<std::uint8_t*>(block), capacity};
}

void Give(Block given) noexcept {
  Wipe(given.data, given.capacity);
  // After a fork, a block of the parent's region: its bytes are gone and its region is out of use.
  if (!TheCentral().Owns(given.data)) return;
  FreeBlock* block = ::new (given.data) FreeBlock{nullptr};  // cppcheck-suppress legacyUninitvar
  SR_POISON(given.data + sizeof(FreeBlock), given.capacity - sizeof(FreeBlock));
  const std::size_t size_class = ClassOf(given.capacity);
  if (size_class < kCachedClasses && cache.ready && !cache.ended && cache.count[size_class] < CacheLimit(size_class)) {
    block->next = cache.free[size_class];
    cache.free[size_class] = block;
    ++cache.count[size_class];
    return;
  }
  GiveSlowly(size_class, block);
}

Error LastFailure() {
  const int error = last_errno;
  switch (last_failure) {
    case Failure::kLock:
      return Error(Errc::kResourceExhausted,
                   "Memory for secrets cannot be locked: raise the limit `ulimit -l` (systemd: LimitMEMLOCK).")
          .WithDetail(fmt::format("mlock: errno {}", error));
    case Failure::kReserve:
      return Error(Errc::kResourceExhausted, "Memory for secrets cannot be reserved.")
          .WithDetail(fmt::format("mmap, mprotect or madvise: errno {}", error));
    default: return Error(Errc::kResourceExhausted, "The pool of locked memory for secrets is full.");
  }
}

}  // namespace pool

Status ConfigurePool(const PoolOptions& options) { return pool::TheCentral().Configure(options); }
PoolUsage CurrentPoolUsage() { return pool::TheCentral().Usage(); }

}  // namespace strongroom::secret
