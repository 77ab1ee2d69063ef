#include "crypto/random.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {
namespace {

constexpr std::size_t kReserveBytes = 4096;

/// A thread's bytes drawn ahead, in locked memory; what was handed out is wiped at once.
struct Reserve {
  SecretBuffer buffer;
  std::uint8_t* bytes = nullptr;  // the buffer's, while `left` of them are unused
  std::size_t left = 0;
  std::uint64_t generation = 0;  // of the process: a forked child must not hand out its parent's bytes
};

std::atomic<std::uint64_t> process_generation = 1;

Reserve& ThisThreads() noexcept {
  thread_local Reserve reserve;
  return reserve;
}

bool Draw(std::uint8_t* out, std::size_t size) {
  // OpenSSL counts in int.
  while (size != 0) {
    const std::size_t piece = std::min<std::size_t>(size, std::size_t{1} << 20);
    if (::RAND_priv_bytes(out, static_cast<int>(piece)) != 1) return false;
    out += piece;
    size -= piece;
  }
  return true;
}

Status Refill(Reserve& reserve) {
  static std::once_flag fork_handler;
  std::call_once(fork_handler, [] { ::pthread_atfork(nullptr, nullptr, [] { ++process_generation; }); });
  reserve.left = 0;
  std::uint8_t* start = nullptr;
  auto filled = SecretBuffer::Produce(kReserveBytes, [&start](std::span<std::uint8_t> room) -> Result<std::size_t> {
    start = room.data();
    if (!Draw(room.data(), room.size())) return OpenSslError("draw random bytes");
    return room.size();
  });
  if (!filled) return std::move(filled).error();
  reserve.buffer = std::move(filled).value();
  reserve.bytes = start;
  reserve.left = kReserveBytes;
  reserve.generation = process_generation.load(std::memory_order_relaxed);
  return {};
}

Status RandomOrError(std::span<std::uint8_t> out) {
  if (out.size() > kReserveBytes / 4) {
    if (!Draw(out.data(), out.size())) return OpenSslError("draw random bytes");
    return {};
  }
  Reserve& reserve = ThisThreads();
  if (reserve.left < out.size() || reserve.generation != process_generation.load(std::memory_order_relaxed)) {
    SR_CHECK(Refill(reserve));
  }
  reserve.left -= out.size();
  std::uint8_t* from = reserve.bytes + reserve.left;
  std::memcpy(out.data(), from, out.size());
  ::explicit_bzero(from, out.size());
  return {};
}

}  // namespace

Status Random(std::span<std::uint8_t> out) {
  if (out.empty()) return {};
  Status status = RandomOrError(out);
  if (!status.ok()) ::explicit_bzero(out.data(), out.size());
  return status;
}

Result<SecretBuffer> RandomSecret(std::size_t size_bytes) {
  return SecretBuffer::Produce(size_bytes, [](std::span<std::uint8_t> room) -> Result<std::size_t> {
    SR_CHECK(Random(room));
    return room.size();
  });
}

}  // namespace strongroom::crypto
