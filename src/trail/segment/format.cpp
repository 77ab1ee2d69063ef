#include "trail/segment/format.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>

namespace strongroom::trail {
namespace {

constexpr std::string_view kMagic{"SRA\x02", 4};
constexpr std::size_t kHashBytes = sizeof(ChainHash);
constexpr int kLevel = 1;

void AppendHash(const ChainHash& hash, std::string& out) { out += AsText(hash); }
void ReadHash(std::string_view in, ChainHash& out) { std::copy_n(AsBytes(in).begin(), kHashBytes, out.begin()); }

Error DamagedSegment(std::string what) { return Error(Errc::kCorrupted, std::move(what)); }

}  // namespace

std::uint64_t ReadNumber(std::string_view in, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(in[i]);
  return value;
}

void PutNumber(std::uint64_t value, std::size_t bytes, char* to) {
  for (std::size_t i = bytes; i > 0; --i) *to++ = static_cast<char>(value >> (8 * (i - 1)) & 0xff);
}

void AppendNumber(std::uint64_t value, std::size_t bytes, std::string& out) {
  out.resize(out.size() + bytes);
  PutNumber(value, bytes, out.data() + out.size() - bytes);
}

std::string Encode(const SegmentHeader& header) {
  std::string out(kMagic);
  const std::string_view name = std::string_view(header.front_end).substr(0, 255);
  AppendNumber(name.size(), 1, out);
  out += name;
  AppendNumber(static_cast<std::uint64_t>(header.number), 8, out);
  AppendNumber(static_cast<std::uint64_t>(header.first_record), 8, out);
  AppendNumber(static_cast<std::uint64_t>(header.opened_millis), 8, out);
  AppendHash(header.previous, out);
  return out;
}

Result<SegmentHeader> ParseHeader(std::string_view in, std::size_t& used) {
  if (in.size() < kMagic.size() + 1 || !in.starts_with(kMagic))
    return DamagedSegment("It does not begin as a segment.");
  const std::size_t name = static_cast<unsigned char>(in[kMagic.size()]);
  used = kMagic.size() + 1 + name + 24 + kHashBytes;
  if (in.size() < used) return DamagedSegment("The segment's head is cut off.");
  SegmentHeader header;
  in.remove_prefix(kMagic.size() + 1);
  header.front_end = in.substr(0, name);
  in.remove_prefix(name);
  header.number = static_cast<std::int64_t>(ReadNumber(in, 8));
  header.first_record = static_cast<std::int64_t>(ReadNumber(in.substr(8), 8));
  header.opened_millis = static_cast<std::int64_t>(ReadNumber(in.substr(16), 8));
  ReadHash(in.substr(24), header.previous);
  if (header.number < 1 || header.first_record < 1) return DamagedSegment("The segment's head has impossible numbers.");
  return header;
}

ChainHash HashOf(const SegmentHeader& header) { return crypto::Sha256(AsBytes(Encode(header))); }

Result<bool> GroupReader::Next(Group& group) {
  if (in_.size() < 4) return false;
  const std::uint64_t size = ReadNumber(in_, 4);
  if (size + 4 < Group::kHeadBytes || size > kLongestGroup)
    return DamagedSegment("A group of records has an impossible length.");
  if (in_.size() - 4 < size) return false;
  group.bytes = in_.substr(0, 4 + size);
  ReadHash(group.bytes.substr(4), group.previous);
  group.millis = static_cast<std::int64_t>(ReadNumber(group.bytes.substr(4 + kHashBytes), 8));
  group.records = static_cast<std::int64_t>(ReadNumber(group.bytes.substr(12 + kHashBytes), 4));
  group.items = group.bytes.substr(Group::kHeadBytes);
  in_.remove_prefix(group.bytes.size());
  return true;
}

std::int64_t Chain::Link(std::string& groups) {
  std::int64_t records = 0;
  for (std::size_t at = 0; at < groups.size();) {
    const std::size_t size = 4 + ReadNumber(std::string_view(groups).substr(at), 4);
    std::ranges::copy(last_, groups.begin() + static_cast<std::ptrdiff_t>(at + 4));
    const std::string_view group = std::string_view(groups).substr(at, size);
    records += static_cast<std::int64_t>(ReadNumber(group.substr(12 + kHashBytes), 4));
    last_ = crypto::Sha256(AsBytes(group));
    at += size;
  }
  return records;
}

std::string Packed(std::string_view bytes) {
  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // the only way to fail with room for the whole
  out.resize(size);
  return out;
}

Result<std::string> Unpacked(std::string_view packed, std::size_t most) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > most)
    return DamagedSegment("A compressed block is damaged.");
  std::string out(static_cast<std::size_t>(size), '\0');
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) != 0 || got != out.size()) return DamagedSegment("A compressed block is damaged.");
  return out;
}

}  // namespace strongroom::trail
