#include "trail/segment/format.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>

namespace strongroom::trail {
namespace {

constexpr std::string_view kMagic{"SRA\x01", 4};
constexpr std::size_t kHashBytes = sizeof(ChainHash);
constexpr std::size_t kFixedBytes = 8 + kHashBytes + 2;  // of an entry, behind its length
constexpr int kLevel = 1;

std::uint64_t ReadNumber(std::string_view in, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(in[i]);
  return value;
}
void AppendNumber(std::uint64_t value, std::size_t bytes, std::string& out) {
  for (std::size_t i = bytes; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)) & 0xff);
}
void AppendHash(const ChainHash& hash, std::string& out) { out += AsText(hash); }
void ReadHash(std::string_view in, ChainHash& out) { std::copy_n(AsBytes(in).begin(), kHashBytes, out.begin()); }

Error DamagedSegment(std::string what) { return Error(Errc::kCorrupted, std::move(what)); }

}  // namespace

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

Result<bool> EntryReader::Next(Entry& entry) {
  if (in_.size() < 4) return false;
  const std::uint64_t size = ReadNumber(in_, 4);
  if (size < kFixedBytes || size > kLongestEntry) return DamagedSegment("An entry has an impossible length.");
  if (in_.size() - 4 < size) return false;
  entry.bytes = in_.substr(0, 4 + size);
  std::string_view in = entry.bytes.substr(4);
  entry.millis = static_cast<std::int64_t>(ReadNumber(in, 8));
  ReadHash(in.substr(8), entry.previous);
  const std::uint64_t facts = ReadNumber(in.substr(8 + kHashBytes), 2);
  in.remove_prefix(kFixedBytes);
  if (facts > in.size()) return DamagedSegment("An entry's facts are longer than it.");
  entry.facts = in.substr(0, facts);
  entry.json = in.substr(facts);
  in_.remove_prefix(entry.bytes.size());
  return true;
}

std::size_t Chain::Append(std::string_view records, std::string& out) {
  std::size_t count = 0;
  while (!records.empty()) {
    const std::uint64_t size = ReadNumber(records, 4);
    const std::string_view record = records.substr(4, size);
    records.remove_prefix(4 + size);
    last_millis_ = std::max(last_millis_, static_cast<std::int64_t>(ReadNumber(record, 8)));
    const std::size_t at = out.size();
    AppendNumber(size + kHashBytes, 4, out);
    AppendNumber(static_cast<std::uint64_t>(last_millis_), 8, out);
    AppendHash(last_, out);
    out += record.substr(8);
    last_ = crypto::Sha256(AsBytes(std::string_view(out).substr(at)));
    ++count;
  }
  return count;
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
