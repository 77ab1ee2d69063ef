#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::kms {

/// Reads CBOR (RFC 8949) front to back, in place: nothing is copied or allocated, whatever lengths the input claims.
/// Lengths must be definite.
/// Errors    kInvalidArgument, with one text for whatever is wrong: not well-formed, cut short, another type than asked
///           for, or longer than allowed.
/// Lifetime  views point into the input.
class CborReader {
 public:
  explicit CborReader(ByteView input) noexcept : rest_(input) {}

  bool AtEnd() const noexcept { return rest_.empty(); }
  /// Whether the next item is of this kind, which it stays.
  bool NextIsNull() const noexcept;
  bool NextIsText() const noexcept;

  Result<std::uint64_t> Unsigned();
  /// Unsigned or negative, as far as int64 goes.
  Result<std::int64_t> Integer();
  Result<ByteView> ByteString(std::size_t at_most);
  Result<std::string_view> Text(std::size_t at_most);
  /// How many items follow.
  Result<std::size_t> Array(std::size_t at_most);
  /// How many pairs follow.
  Result<std::size_t> Map(std::size_t at_most);
  /// Takes the tag (0 to 23) if it comes next.
  void OptionalTag(std::uint8_t tag) noexcept;
  /// One item of any kind with all that is in it.
  Status Skip();

 private:
  enum class Kind : std::uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kNull, kOther };
  struct Item {
    Kind kind = Kind::kOther;
    std::uint64_t number = 0;  // value, -1 - value, count of items or pairs, tag
    ByteView bytes;
    std::size_t size = 0;  // encoded, without what is in an array, map or tag
  };
  friend struct CborCallbacks;
  Result<Item> Peek() const;
  Result<Item> Take(Kind kind);
  void Pass(const Item& item) noexcept { rest_ = rest_.subspan(item.size); }

  ByteView rest_;
};

}  // namespace strongroom::kms
