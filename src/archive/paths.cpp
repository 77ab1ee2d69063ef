#include "archive/paths.h"

namespace strongroom::archive {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestContextPath = 1024;

/// The length of the UTF-8 character at the beginning of `rest`; 0 when there is none.
std::size_t CharacterAt(std::string_view rest) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned first = byte(0);
  std::size_t length = 0;
  unsigned value = 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) length = 2, value = first & 0x1f;
  if (first >= 0xe0 && first < 0xf0) length = 3, value = first & 0x0f;
  if (first >= 0xf0 && first < 0xf5) length = 4, value = first & 0x07;
  if (length == 0 || rest.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3f);
  }
  if (length == 3 && (value < 0x800 || (value >= 0xd800 && value < 0xe000))) return 0;
  if (length == 4 && (value < 0x10000 || value > 0x10ffff)) return 0;
  return length;
}

template <typename Escape>
std::string Escaped(std::string_view bytes, char mark, const Escape& escape) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto first = static_cast<unsigned char>(bytes[0]);
    const std::size_t length = CharacterAt(bytes);
    // C1 controls are two bytes in UTF-8, and terminals obey them.
    const bool control =
        first < 0x20 || first == 0x7f || (first == 0xc2 && length == 2 && static_cast<unsigned char>(bytes[1]) < 0xa0);
    if (length == 0 || control || bytes[0] == mark) {
      const std::size_t count = length == 0 ? 1 : length;
      for (std::size_t i = 0; i < count; ++i) escape(out, static_cast<unsigned char>(bytes[i]));
      bytes.remove_prefix(count);
    } else {
      out.append(bytes.substr(0, length));
      bytes.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace

bool IsUtf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const std::size_t length = CharacterAt(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string_view AsTyped(std::string_view path) noexcept {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
    while (path.starts_with('/')) path.remove_prefix(1);
  }
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path == "." ? std::string_view() : path;
}

std::string Printable(std::string_view bytes) {
  return Escaped(bytes, '\\', [](std::string& out, unsigned char byte) { out += fmt::format("\\x{:02x}", byte); });
}

std::string PercentText(std::string_view bytes) {
  return Escaped(bytes, '%', [](std::string& out, unsigned char byte) { out += fmt::format("%{:02X}", byte); });
}

std::string ContextPath(std::string_view path) {
  std::string text = PercentText(path);
  if (text.size() <= kLongestContextPath) return text;
  std::size_t from = text.size() - kLongestContextPath;
  while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80) ++from;
  return text.substr(from);
}

Status CheckEntryPath(std::string_view path) {
  const auto wrong = [&](std::string_view why) {
    return Error(Errc::kCorrupted,
                 fmt::format("The manifest names a path that {}: '{}'.", why, Printable(path.substr(0, 200))));
  };
  if (path.empty()) return {};
  if (path.size() > kLongestPath) return wrong("is longer than 64 KiB");
  if (path.front() == '/') return wrong("is absolute");
  if (path.find('\0') != std::string_view::npos) return wrong("has a zero byte");
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    if (name.empty()) return wrong("has an empty name");
    if (name == "." || name == "..") return wrong("has '.' or '..' in it");
    if (name.size() > kLongestName) return wrong("has a name of more than 255 bytes");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

std::strong_ordering ComparePaths(std::string_view a, std::string_view b) noexcept {
  const std::size_t common = std::min(a.size(), b.size());
  const auto weight = [](char c) { return c == '/' ? 0u : static_cast<unsigned>(static_cast<unsigned char>(c)); };
  for (std::size_t i = 0; i < common; ++i)
    if (a[i] != b[i]) return weight(a[i]) <=> weight(b[i]);
  return a.size() <=> b.size();
}

bool IsWithin(std::string_view path, std::string_view directory) noexcept {
  if (directory.empty()) return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string_view ParentOf(std::string_view path) noexcept {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view NameOf(std::string_view path) noexcept {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Status CheckName(std::string_view what, std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  const bool fine =
      !name.empty() && name.size() <= 128 && letter(name[0]) &&
      std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; });
  if (fine) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("'{}' is no name of a {}: 1 to 128 letters, digits, '.', '_' and '-', beginning with a "
                           "letter or digit.",
                           Printable(name.substr(0, 200)), what));
}

}  // namespace strongroom::archive
