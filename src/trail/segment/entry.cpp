#include "trail/segment/entry.h"

#include <array>
#include <ctime>

#include "trail/record/facts.h"
#include "trail/segment/group.h"

namespace strongroom::trail {
namespace {

Error Damaged() { return Error(Errc::kCorrupted, "A record of the audit trail does not read."); }

bool ReadVarint(std::string_view& in, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return shift < 63 || byte < 2;
  }
  return false;
}

void AppendTime(std::int64_t millis, std::string& out) {
  const std::time_t time = millis / 1000;
  std::tm parts{};
  std::array<char, 32> text{};
  if (gmtime_r(&time, &parts) != nullptr)
    out.append(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

using UuidBytes = std::array<std::uint8_t, 16>;

void AppendUuid(const UuidBytes& id, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kDigits[id[i] >> 4];
    out += kDigits[id[i] & 15];
  }
}

/// RFC 9562, 5.7, with the random bits of another.
UuidBytes EventId(std::int64_t millis, UuidBytes id, std::uint64_t number) {
  for (std::size_t i = 0; i < 6; ++i)
    id[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(millis) >> (40 - 8 * i));
  id[6] = static_cast<std::uint8_t>(0x70 | (id[6] & 0x0f));
  id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
  id[15] = static_cast<std::uint8_t>(id[15] ^ number);
  return id;
}

}  // namespace

Result<bool> EntryReader::Next(Entry& entry) {
  while (!in_.empty()) {
    const auto kind = static_cast<ItemKind>(in_.front());
    in_.remove_prefix(1);
    std::uint64_t size = 0;
    if (!ReadVarint(in_, size) || size > in_.size()) return Damaged();
    std::string_view item = in_.substr(0, size);
    in_.remove_prefix(size);
    if (kind == ItemKind::kText) {
      texts_.push_back(item);
      continue;
    }
    if (kind != ItemKind::kRecord) return Damaged();
    std::uint64_t since = 0, facts = 0, resources = 0;
    if (!ReadVarint(item, since) || !ReadVarint(item, facts) || !ReadVarint(item, resources) ||
        facts >= texts_.size() || resources > kMostResources)
      return Damaged();
    // Of 64 bits without a sign, so that no number overflows.
    entry.millis =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(base_millis_) + ((since >> 1) ^ (0 - (since & 1))));
    entry.facts = static_cast<std::uint32_t>(facts);
    entry.resources.clear();
    for (; resources > 0; --resources) {
      std::uint64_t type = 0, name = 0;
      if (!ReadVarint(item, type) || !ReadVarint(item, name) || type >= texts_.size() || name >= texts_.size())
        return Damaged();
      entry.resources.emplace_back(static_cast<std::uint32_t>(type), static_cast<std::uint32_t>(name));
    }
    entry.pieces = item;
    return true;
  }
  return false;
}

Result<Facts> EntryReader::FactsOf(const Entry& entry) const {
  SR_TRY(Facts facts, ParseFacts(Text(entry.facts)));
  for (const auto& [type, name] : entry.resources)
    facts.resources.push_back({Text(type), Text(name).substr(0, kLongestFact)});
  return facts;
}

Result<std::string> EntryReader::JsonOf(const Entry& entry) const {
  std::string json;
  std::string_view in = entry.pieces;
  UuidBytes id{};
  bool has_id = false;
  while (!in.empty()) {
    std::uint64_t piece = 0;
    if (!ReadVarint(in, piece)) return Damaged();
    const std::uint64_t n = piece >> 3;
    switch (static_cast<Piece>(piece & 7)) {
      case Piece::kText:
        if (n >= texts_.size()) return Damaged();
        json += texts_[n];
        break;
      case Piece::kLiteral:
        if (n > in.size()) return Damaged();
        json += in.substr(0, n);
        in.remove_prefix(n);
        break;
      case Piece::kTime: AppendTime(entry.millis, json); break;
      case Piece::kUuid:
        if (in.size() < id.size()) return Damaged();
        for (std::uint8_t& byte : id) {
          byte = static_cast<std::uint8_t>(in.front());
          in.remove_prefix(1);
        }
        has_id = true;
        AppendUuid(id, json);
        break;
      case Piece::kEventId:
        if (!has_id || n > 255) return Damaged();
        AppendUuid(EventId(entry.millis, id, n), json);
        break;
      default: return Damaged();
    }
    if (json.size() > kLongestJson) return Damaged();
  }
  return json;
}

}  // namespace strongroom::trail
