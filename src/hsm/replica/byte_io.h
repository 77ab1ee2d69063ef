#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace strongroom::hsm::replica {

/// Big-endian integers and counted fields, appended to any byte vector.
template <typename Out>
void PutInteger(Out& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}
template <typename Out>
void PutBytes(Out& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
template <typename Out>
void PutCounted(Out& out, ByteView bytes, int count_bytes) {
  PutInteger(out, bytes.size(), count_bytes);
  PutBytes(out, bytes);
}

/// Reads the same; a read beyond the end gives nothing and leaves the reader where it was.
class ByteReader {
 public:
  explicit ByteReader(ByteView in) noexcept : in_(in) {}
  std::optional<std::uint64_t> Integer(int bytes) noexcept {
    const auto view = Take(static_cast<std::size_t>(bytes));
    if (!view) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::uint8_t byte : *view) value = value << 8 | byte;
    return value;
  }
  std::optional<ByteView> Take(std::size_t count) noexcept {
    if (in_.size() - at_ < count) return std::nullopt;
    const ByteView view = in_.subspan(at_, count);
    at_ += count;
    return view;
  }
  std::optional<ByteView> Counted(int count_bytes) noexcept {
    const std::size_t start = at_;
    const auto count = Integer(count_bytes);
    if (count) {
      if (const auto view = Take(static_cast<std::size_t>(*count))) return view;
    }
    at_ = start;
    return std::nullopt;
  }
  std::size_t at() const noexcept { return at_; }
  bool done() const noexcept { return at_ == in_.size(); }

 private:
  ByteView in_;
  std::size_t at_ = 0;
};

}  // namespace strongroom::hsm::replica
