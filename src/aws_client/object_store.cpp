#include "aws_client/object_store.h"

#include <fmt/format.h>

#include <algorithm>

namespace strongroom::aws_client {

namespace {

/// Well-formed UTF-8 as of RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF.
bool IsUtf8(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char lead = byte(at++);
    if (lead < 0x80) continue;
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || more > text.size() - at) return false;
    const unsigned char next = byte(at);
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (next < low || next > high) return false;
    for (std::size_t i = 1; i < more; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return false;
    }
    at += more;
  }
  return true;
}

Error BadName(std::string why) { return Error(Errc::kInvalidArgument, "An object's name " + std::move(why)); }

}  // namespace

Status CheckObjectName(std::string_view name) {
  if (name.empty()) return BadName("is empty.");
  if (name.size() > kLongestObjectName) {
    return BadName(fmt::format("has {} bytes; at most {} are allowed.", name.size(), kLongestObjectName));
  }
  if (!IsUtf8(name)) return BadName("is not UTF-8.");
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return BadName("holds a control character.");
  }
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view segment = name.substr(start, end - start);
    if (segment.empty()) return BadName("has an empty part between or beside its slashes.");
    if (segment == "." || segment == "..") return BadName("has a part \".\" or \"..\".");
    if (segment.size() > 255) return BadName("has a part of more than 255 bytes.");
    start = end + 1;
  }
  return {};
}

Result<Bytes> GetAll(ObjectStore& store, std::string_view name, std::size_t most) {
  Bytes all;
  SR_CHECK(store.Get(name, std::nullopt, [&](ByteView piece) -> Status {
    if (piece.size() > most - all.size()) {
      return Error(Errc::kInvalidArgument, fmt::format("{} has more than {} bytes.", name, most));
    }
    Append(all, piece);
    return {};
  }));
  return all;
}

}  // namespace strongroom::aws_client
