#include "kms/attestation/cbor_reader.h"

#include <cbor.h>

#include <limits>

namespace strongroom::kms {
namespace {

Error Malformed() { return Error(Errc::kInvalidArgument, "The CBOR is not well-formed or not what is expected."); }

}  // namespace

/// What libcbor's decoder calls for one item; the context is the Item.
struct CborCallbacks {
  using Item = CborReader::Item;
  using Kind = CborReader::Kind;

  template <Kind kKind, typename Number>
  static void OnNumber(void* item, Number value) {
    static_cast<Item*>(item)->kind = kKind;
    static_cast<Item*>(item)->number = value;
  }
  template <Kind kKind>
  static void OnString(void* item, cbor_data data, std::size_t size) {
    static_cast<Item*>(item)->kind = kKind;
    static_cast<Item*>(item)->bytes = ByteView(data, size);
  }
  static void OnNull(void* item) { static_cast<Item*>(item)->kind = Kind::kNull; }

  static cbor_callbacks Make() {
    cbor_callbacks c = cbor_empty_callbacks;  // everything else stays kOther
    c.uint8 = &OnNumber<Kind::kUnsigned, std::uint8_t>;
    c.uint16 = &OnNumber<Kind::kUnsigned, std::uint16_t>;
    c.uint32 = &OnNumber<Kind::kUnsigned, std::uint32_t>;
    c.uint64 = &OnNumber<Kind::kUnsigned, std::uint64_t>;
    c.negint8 = &OnNumber<Kind::kNegative, std::uint8_t>;
    c.negint16 = &OnNumber<Kind::kNegative, std::uint16_t>;
    c.negint32 = &OnNumber<Kind::kNegative, std::uint32_t>;
    c.negint64 = &OnNumber<Kind::kNegative, std::uint64_t>;
    c.byte_string = &OnString<Kind::kBytes>;
    c.string = &OnString<Kind::kText>;
    c.array_start = &OnNumber<Kind::kArray, std::size_t>;
    c.map_start = &OnNumber<Kind::kMap, std::size_t>;
    c.tag = &OnNumber<Kind::kTag, std::uint64_t>;
    c.null = &OnNull;
    return c;
  }
};

Result<CborReader::Item> CborReader::Peek() const {
  static const cbor_callbacks kCallbacks = CborCallbacks::Make();
  Item item;
  const cbor_decoder_result decoded = ::cbor_stream_decode(rest_.data(), rest_.size(), &kCallbacks, &item);
  if (rest_.empty() || decoded.status != CBOR_DECODER_FINISHED || decoded.read == 0 || decoded.read > rest_.size())
    return Malformed();
  item.size = decoded.read;
  return item;
}

Result<CborReader::Item> CborReader::Take(Kind kind) {
  SR_TRY(const Item item, Peek());
  if (item.kind != kind) return Malformed();
  Pass(item);
  return item;
}

bool CborReader::NextIsNull() const noexcept {
  const auto item = Peek();
  return item.ok() && item->kind == Kind::kNull;
}

bool CborReader::NextIsText() const noexcept {
  const auto item = Peek();
  return item.ok() && item->kind == Kind::kText;
}

Result<std::uint64_t> CborReader::Unsigned() {
  SR_TRY(const Item item, Take(Kind::kUnsigned));
  return item.number;
}

Result<std::int64_t> CborReader::Integer() {
  SR_TRY(const Item item, Peek());
  const bool integer = item.kind == Kind::kUnsigned || item.kind == Kind::kNegative;
  if (!integer || item.number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return Malformed();
  Pass(item);
  const auto value = static_cast<std::int64_t>(item.number);
  return item.kind == Kind::kUnsigned ? value : -1 - value;
}

Result<ByteView> CborReader::ByteString(std::size_t at_most) {
  SR_TRY(const Item item, Take(Kind::kBytes));
  if (item.bytes.size() > at_most) return Malformed();
  return item.bytes;
}

Result<std::string_view> CborReader::Text(std::size_t at_most) {
  SR_TRY(const Item item, Take(Kind::kText));
  if (item.bytes.size() > at_most) return Malformed();
  return AsText(item.bytes);
}

Result<std::size_t> CborReader::Array(std::size_t at_most) {
  SR_TRY(const Item item, Take(Kind::kArray));
  if (item.number > at_most) return Malformed();
  return static_cast<std::size_t>(item.number);
}

Result<std::size_t> CborReader::Map(std::size_t at_most) {
  SR_TRY(const Item item, Take(Kind::kMap));
  if (item.number > at_most) return Malformed();
  return static_cast<std::size_t>(item.number);
}

void CborReader::OptionalTag(std::uint8_t tag) noexcept {
  // libcbor's decoder knows the tags below 24 in part only, and not that of COSE_Sign1.
  constexpr std::uint8_t kTagHead = 0xc0;
  if (!rest_.empty() && rest_.front() == (kTagHead | tag)) rest_ = rest_.subspan(1);
}

Status CborReader::Skip() {
  // Every item has a byte at least, so more items than bytes are a lie, and the sums stay small.
  for (std::uint64_t left = 1; left > 0; --left) {
    SR_TRY(const Item item, Peek());
    Pass(item);
    if (item.kind != Kind::kArray && item.kind != Kind::kMap && item.kind != Kind::kTag) continue;
    if (item.kind != Kind::kTag && item.number > rest_.size()) return Malformed();
    left += item.kind == Kind::kTag ? 1 : item.kind == Kind::kMap ? 2 * item.number : item.number;
    if (left - 1 > rest_.size()) return Malformed();
  }
  return {};
}

}  // namespace strongroom::kms
