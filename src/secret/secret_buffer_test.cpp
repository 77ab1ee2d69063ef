#include "secret/secret_buffer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <numeric>

#include "secret/peek_for_tests.h"
#include "secret/secret_vector.h"

namespace strongroom::secret {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBuffer> && std::is_nothrow_move_constructible_v<SecretBuffer>);
static_assert(!std::is_default_constructible_v<KeyAccess> && !std::is_aggregate_v<KeyAccess>);

Bytes Pattern(std::size_t size) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
  return bytes;
}

struct SizeRow {
  std::string name;
  std::size_t size;
};
class SizeTable : public ::testing::TestWithParam<SizeRow> {};
TEST_P(SizeTable, KeepsWhatItWasGiven) {
  const Bytes in = Pattern(GetParam().size);
  const auto buffer = SecretBuffer::CopyOf(in);
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(ToBytes(Peek::At(*buffer)), in);
  EXPECT_TRUE(buffer->EqualsInConstantTime(in));
  const auto clone = buffer->Clone();
  ASSERT_TRUE(clone.ok());
  EXPECT_TRUE(clone->EqualsInConstantTime(*buffer));
}
INSTANTIATE_TEST_SUITE_P(SecretBuffer, SizeTable,
                         ::testing::Values(SizeRow{"Empty", 0}, SizeRow{"One", 1}, SizeRow{"ClassEdge", 32},
                                           SizeRow{"OverClassEdge", 33}, SizeRow{"Page", 4096},
                                           SizeRow{"PageAndOne", 4097}, SizeRow{"Largest", kLargestSecretBytes}),
                         [](const auto& info) { return info.param.name; });

TEST(SecretBuffer, RefusesMoreThanTheLargest) {
  const auto result = SecretBuffer::CopyOf(Bytes(kLargestSecretBytes + 1));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Errc::kInvalidArgument);
}

TEST(SecretBuffer, DiffersWhenSizeOrByteDiffers) {
  const auto a = SecretBuffer::CopyOf(Pattern(40));
  Bytes changed = Pattern(40);
  changed[39] ^= 1;
  EXPECT_FALSE(a->EqualsInConstantTime(changed));
  EXPECT_FALSE(a->EqualsInConstantTime(Pattern(39)));
  EXPECT_FALSE(a->EqualsInConstantTime(SecretBuffer()));
  EXPECT_TRUE(SecretBuffer().EqualsInConstantTime(SecretBuffer()));
}

TEST(SecretBuffer, MovedFromIsEmptyAndSelfAssignmentIsHarmless) {
  auto a = SecretBuffer::CopyOf(Pattern(64)).value();
  SecretBuffer b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT: the promise under test
  SecretBuffer& alias = b;
  b = std::move(alias);
  EXPECT_TRUE(b.EqualsInConstantTime(Pattern(64)));
  b = SecretBuffer();
  EXPECT_TRUE(b.empty());
}

TEST(SecretBuffer, ProducerSeesZeroesAlthoughTheBlockWasUsed) {
  for (int round = 0; round < 200; ++round) {
    auto buffer = SecretBuffer::Produce(100, [](std::span<std::uint8_t> room) {
      EXPECT_TRUE(std::all_of(room.begin(), room.end(), [](std::uint8_t b) { return b == 0; }));
      std::fill(room.begin(), room.end(), 0xAA);
      return room.size() - 1;
    });
    ASSERT_TRUE(buffer.ok());
    EXPECT_EQ(buffer->size(), 99U);
  }
}

TEST(SecretBuffer, ProducersErrorPassesAndOverstatementIsRefused) {
  const auto failed = SecretBuffer::Produce(
      8, [](std::span<std::uint8_t>) -> Result<std::size_t> { return Error(Errc::kTimeout, "no bytes came"); });
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), Errc::kTimeout);
  const auto over = SecretBuffer::Produce(8, [](std::span<std::uint8_t>) { return std::size_t{9}; });
  ASSERT_FALSE(over.ok());
  EXPECT_EQ(over.error().code(), Errc::kInternal);
}

#if !defined(STRONGROOM_SANITIZED)
TEST(SecretBuffer, IsWipedWhenGivenBack) {
  const std::uint8_t* where = nullptr;
  {
    const auto buffer = SecretBuffer::CopyOf(Pattern(512)).value();
    where = Peek::At(buffer).data();
  }
  // The pool keeps the block mapped; its first word is the free list's.
  EXPECT_TRUE(std::all_of(where + sizeof(void*), where + 512, [](std::uint8_t b) { return b == 0; }));
}
#endif

TEST(SecretBuffer, ManyThreadsPassBuffersToOneAnother) {
  std::mutex mutex;
  std::vector<SecretBuffer> shared;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 5000; ++i) {
        const std::size_t size = 1 + (i * 37 + static_cast<std::size_t>(t)) % 5000;
        auto buffer = SecretBuffer::CopyOf(Pattern(size));
        if (!buffer.ok() || !buffer->EqualsInConstantTime(Pattern(size))) ++wrong;
        SecretBuffer taken;
        const std::lock_guard lock(mutex);
        if (shared.size() > 50) {
          taken = std::move(shared[i % shared.size()]);
          shared[i % shared.size()] = std::move(shared.back());
          shared.pop_back();
        }
        shared.push_back(std::move(buffer).value());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (const auto& buffer : shared) EXPECT_TRUE(buffer.EqualsInConstantTime(Pattern(buffer.size())));
}

TEST(Pool, MemoryIsLockedAndLeftOutOfDumps) {
  const auto buffer = SecretBuffer::CopyOf(Pattern(64)).value();
  const auto address = reinterpret_cast<std::uintptr_t>(Peek::At(buffer).data());
  std::ifstream maps("/proc/self/smaps");
  std::string line, flags;
  bool here = false;
  while (std::getline(maps, line)) {
    unsigned long from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2 && line.find("kB") == std::string::npos) {
      here = address >= from && address < to;
    }
    if (here && line.starts_with("VmFlags:")) flags = line + " ";
  }
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
  EXPECT_NE(flags.find(" wf "), std::string::npos) << flags;
#if !defined(STRONGROOM_SANITIZED)
  EXPECT_NE(flags.find(" lo "), std::string::npos) << flags;
#endif
}

TEST(Pool, CannotBeConfiguredOnceUsed) {
  const auto buffer = SecretBuffer::CopyOf(Pattern(1));
  const Status status = ConfigurePool({});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kInvalidState);
}

/// Runs `body` in a child that has a pool of its own, and gives back its exit code.
template <typename Body>
int InChild(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Pool, FullPoolAnswersResourceExhaustedAndRecovers) {
  EXPECT_EQ(InChild([] {
              if (!ConfigurePool({.max_bytes = std::size_t{2} << 20}).ok()) return 1;
              std::vector<SecretBuffer> held;
              for (int i = 0; i < 2; ++i) {
                auto buffer = SecretBuffer::CopyOf(Bytes(kLargestSecretBytes));
                if (!buffer.ok()) return 2;
                held.push_back(std::move(buffer).value());
              }
              const auto none = SecretBuffer::CopyOf(Bytes(1));
              if (none.ok() || none.error().code() != Errc::kResourceExhausted) return 3;
              held.pop_back();
              return SecretBuffer::CopyOf(Bytes(kLargestSecretBytes)).ok() ? 0 : 4;
            }),
            0);
}

#if !defined(STRONGROOM_SANITIZED)
TEST(Pool, RefusedLockNamesTheLimit) {
  EXPECT_EQ(InChild([] {
              if (!ConfigurePool({.require_lock = true}).ok()) return 1;
              const rlimit none{0, 0};
              if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return 2;
              if (::geteuid() == 0 && ::setuid(65534) != 0) return 3;  // root may lock whatever the limit says
              const auto buffer = SecretBuffer::CopyOf(Bytes(32));
              if (buffer.ok() || buffer.error().code() != Errc::kResourceExhausted) return 4;
              return buffer.error().public_message().find("LimitMEMLOCK") != std::string::npos ? 0 : 5;
            }),
            0);
}

TEST(Pool, WritingPastTheRegionIsCaught) {
  EXPECT_EQ(InChild([] {
              const auto buffer = SecretBuffer::CopyOf(Bytes(32)).value();
              volatile auto* before = const_cast<std::uint8_t*>(Peek::At(buffer).data());
              before[-(64L << 20)] = 1;
              return 0;
            }),
            1000 + SIGSEGV);
}
#endif

TEST(Pool, ChildReadsZeroesAndHasAPoolOfItsOwn) {
  auto parents = SecretBuffer::CopyOf(Pattern(48)).value();
  EXPECT_EQ(InChild([&parents] {
              if (!parents.EqualsInConstantTime(Bytes(48))) return 1;
              parents = SecretBuffer();
              const auto own = SecretBuffer::CopyOf(Pattern(48));
              if (!own.ok() || !own->EqualsInConstantTime(Pattern(48))) return 2;
              return CurrentPoolUsage().locked_bytes > 0 ? 0 : 3;
            }),
            0);
  EXPECT_TRUE(parents.EqualsInConstantTime(Pattern(48)));
}

TEST(Pool, ReusesBlocksInsteadOfGrowing) {
  const auto first = SecretBuffer::CopyOf(Bytes(64));
  const std::size_t before = CurrentPoolUsage().locked_bytes;
  for (int i = 0; i < 100000; ++i) ASSERT_TRUE(SecretBuffer::CopyOf(Bytes(2000)).ok());
  EXPECT_LE(CurrentPoolUsage().locked_bytes, before + (std::size_t{1} << 20));
}

TEST(SecretVector, GrowsAndHoldsBytes) {
  SecretBytes bytes;
  for (int i = 0; i < 100000; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  for (int i = 0; i < 100000; ++i) ASSERT_EQ(bytes[static_cast<std::size_t>(i)], static_cast<std::uint8_t>(i));
}

TEST(SecretVector, WipeOverwritesAll) {
  std::array<std::uint8_t, 33> bytes;
  bytes.fill(7);
  Wipe(bytes.data(), 32);
  EXPECT_TRUE(std::all_of(bytes.begin(), bytes.begin() + 32, [](std::uint8_t b) { return b == 0; }));
  EXPECT_EQ(bytes[32], 7);
}

}  // namespace
}  // namespace strongroom::secret
