#pragma once

#include <array>
#include <string>
#include <vector>

#include "archive/fd.h"

namespace strongroom::archive {

/// What binds an object: message, commitment, all frames.
struct ObjectFacts {
  std::string name{};  // the last part of its name, 32 hex digits
  std::array<std::uint8_t, 32> message_id{}, commitment{}, tags_digest{}, data_key{};
  std::uint64_t plaintext_bytes = 0, stored_bytes = 0;
};

/// The facts at a fixed length, for temporary files; the name comes first. Whoever calls has made sure of the name.
inline constexpr std::size_t kPackedFacts = 160;
using PackedFacts = std::array<std::uint8_t, kPackedFacts>;
PackedFacts Pack(const ObjectFacts& facts);
ObjectFacts Unpack(std::span<const std::uint8_t, kPackedFacts> packed);

/// A snapshot's objects by their numbers.
/// Memory  10 MiB for the first 65,536; the others lie in a temporary file.
/// Threads At from any number, as long as nobody changes the table.
class ObjectTable {
 public:
  std::uint64_t size() const noexcept { return size_; }
  Status Append(const ObjectFacts& facts);
  Status Set(std::uint64_t object, const ObjectFacts& facts);
  /// `object` < size(). Errors: kInternal.
  Result<ObjectFacts> At(std::uint64_t object) const;
  std::uint64_t plaintext_bytes() const noexcept { return plaintext_; }        // of all
  std::uint64_t largest_plaintext_bytes() const noexcept { return largest_; }  // of one

 private:
  void Count(const ObjectFacts& facts) noexcept;
  std::uint64_t size_ = 0, plaintext_ = 0, largest_ = 0;
  std::vector<PackedFacts> first_;
  Fd rest_;
};

}  // namespace strongroom::archive
