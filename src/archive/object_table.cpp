#include "archive/object_table.h"

#include <cstring>

#include "archive/spool.h"

namespace strongroom::archive {
namespace {

constexpr std::uint64_t kInMemory = std::uint64_t{1} << 16;
constexpr std::size_t kNameBytes = 16;
constexpr std::string_view kDoing = "A temporary file";

}  // namespace

PackedFacts Pack(const ObjectFacts& facts) {
  PackedFacts packed{};
  std::uint8_t* at = packed.data();
  if (const auto name = FromHex(facts.name); name.ok() && name->size() == kNameBytes)
    std::copy(name->begin(), name->end(), at);
  at += kNameBytes;
  for (const auto* field : {&facts.message_id, &facts.commitment, &facts.tags_digest, &facts.data_key})
    at = std::copy(field->begin(), field->end(), at);
  std::memcpy(at, &facts.plaintext_bytes, 8);
  std::memcpy(at + 8, &facts.stored_bytes, 8);
  return packed;
}

ObjectFacts Unpack(std::span<const std::uint8_t, kPackedFacts> packed) {
  ObjectFacts facts;
  facts.name = Hex(packed.first(kNameBytes));
  const std::uint8_t* at = packed.data() + kNameBytes;
  for (auto* field : {&facts.message_id, &facts.commitment, &facts.tags_digest, &facts.data_key}) {
    std::copy_n(at, field->size(), field->begin());
    at += field->size();
  }
  std::memcpy(&facts.plaintext_bytes, at, 8);
  std::memcpy(&facts.stored_bytes, at + 8, 8);
  return facts;
}

void ObjectTable::Count(const ObjectFacts& facts) noexcept {
  // Whoever writes a manifest may claim anything; the sum is for progress only.
  plaintext_ += std::min(facts.plaintext_bytes, UINT64_MAX - plaintext_);
  largest_ = std::max(largest_, facts.plaintext_bytes);
}

Status ObjectTable::Append(const ObjectFacts& facts) {
  if (size_ < kInMemory) {
    first_.push_back(Pack(facts));
  } else {
    if (!rest_) {
      SR_TRY(rest_, OpenUnnamedFile());
    }
    SR_CHECK(PwriteAll(rest_.get(), Pack(facts), (size_ - kInMemory) * kPackedFacts, kDoing));
  }
  ++size_;
  Count(facts);
  return {};
}

Status ObjectTable::Set(std::uint64_t object, const ObjectFacts& facts) {
  Count(facts);
  if (object >= kInMemory) return PwriteAll(rest_.get(), Pack(facts), (object - kInMemory) * kPackedFacts, kDoing);
  first_[static_cast<std::size_t>(object)] = Pack(facts);
  return {};
}

Result<ObjectFacts> ObjectTable::At(std::uint64_t object) const {
  if (object >= size_) return Error(Errc::kInternal, "There is no object of this number.");
  if (object < kInMemory) return Unpack(first_[static_cast<std::size_t>(object)]);
  PackedFacts packed{};
  SR_TRY(const std::size_t got, PreadFull(rest_.get(), packed, (object - kInMemory) * kPackedFacts, kDoing));
  if (got != packed.size()) return Error(Errc::kInternal, "A temporary file was cut short.");
  return Unpack(packed);
}

}  // namespace strongroom::archive
