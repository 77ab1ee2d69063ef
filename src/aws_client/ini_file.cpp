#include "aws_client/ini_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/file.h"

namespace strongroom::aws_client {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;

constexpr bool IsBlank(char c) { return c == ' ' || c == '\t'; }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view WithoutComment(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((text[at] == '#' || text[at] == ';') && (at == 0 || IsBlank(text[at - 1]))) return text.substr(0, at);
  }
  return text;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

class Parser {
 public:
  explicit Parser(std::string_view file_name) : file_name_(file_name) {}

  Status Line(std::string_view line) {
    ++number_;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::string_view content = Trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') return {};
    if (line.find('\0') != std::string_view::npos) return Wrong("holds a zero byte");
    if (content.front() == '[') return Section(content);
    if (section_ == nullptr) return Wrong("comes before the first section");
    // A file may have all of its settings indented; what is indented more than the section's first one is nested.
    const std::size_t indent = line.find_first_not_of(" \t");
    if (!indent_) indent_ = indent;
    if (indent > *indent_) return Indented(content);
    parent_.clear();
    return Setting(content, "");
  }
  IniFile Take() { return std::move(file_); }

 private:
  Status Section(std::string_view content) {
    const std::size_t end = content.find(']');
    if (end == std::string_view::npos) return Wrong("begins a section without the closing bracket");
    if (!Trimmed(WithoutComment(content.substr(end + 1))).empty()) return Wrong("goes on after the closing bracket");
    std::string_view name = Trimmed(content.substr(1, end - 1));
    if (name.empty()) return Wrong("is a section without a name");
    // [profile "with spaces"] is [profile with spaces].
    std::string plain;
    std::ranges::copy_if(name, std::back_inserter(plain), [](char c) { return c != '"' && c != '\''; });
    std::ranges::replace(plain, '\t', ' ');
    section_ = &file_[plain];
    parent_.clear();
    indent_.reset();
    return {};
  }
  Status Setting(std::string_view content, std::string_view parent) {
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos) return Wrong("is neither a section nor \"name = value\"");
    const std::string name = Lower(Trimmed(content.substr(0, equals)));
    if (name.empty()) return Wrong("has no name before the equals sign");
    const std::string_view value = Trimmed(WithoutComment(content.substr(equals + 1)));
    if (parent.empty() && value.empty()) parent_ = name;
    const std::string full = parent.empty() ? name : fmt::format("{}.{}", parent, name);
    section_->insert_or_assign(full, SecretString(value.begin(), value.end()));
    return {};
  }
  Status Indented(std::string_view content) {
    if (parent_.empty()) return Wrong("is indented, but what it belongs to has a value of its own");
    return Setting(content, parent_);
  }
  Error Wrong(std::string_view what) const {
    return Error(Errc::kInvalidArgument, fmt::format("{}, line {} {}.", file_name_, number_, what));
  }

  const std::string_view file_name_;
  IniFile file_;
  IniSection* section_ = nullptr;
  std::string parent_;                 // of what is indented beneath it
  std::optional<std::size_t> indent_;  // of the section's first setting
  int number_ = 0;
};

}  // namespace

Result<IniFile> ParseIni(std::string_view text, std::string_view file_name) {
  Parser parser(file_name);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    SR_CHECK(parser.Line(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.Take();
}

Result<IniFile> ReadIni(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return IniFile();
  if (fd < 0) return FileError("read", file, errno);
  SecretString text(kLargestFile + 1);  // at once, so that nothing is left behind by growing
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(fd, text.data() + size, text.size() - size)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    size += static_cast<std::size_t>(got);
  }
  const int failed = got < 0 ? errno : 0;
  ::close(fd);
  if (failed != 0) return FileError("read", file, failed);
  if (size > kLargestFile) {
    return Error(Errc::kInvalidArgument, fmt::format("{} is larger than {} bytes.", file.string(), kLargestFile));
  }
  return ParseIni({text.data(), size}, file.string());
}

}  // namespace strongroom::aws_client
