#include "xks_proxy/path.h"

#include <algorithm>

#include "xks_protocol/limits.h"

namespace strongroom::xks_proxy {
namespace {

constexpr std::string_view kAnyVersion = "/kms/xks/v";
constexpr std::string_view kVersion1 = "/kms/xks/v1/";
constexpr std::size_t kMostPathChars = 128;

}  // namespace

bool IsForProxies(std::string_view path) noexcept { return path.find(kAnyVersion) != std::string_view::npos; }

std::optional<ProxyPath> ParsePath(std::string_view path) noexcept {
  const std::size_t at = path.find(kVersion1);
  if (at == std::string_view::npos) return std::nullopt;
  ProxyPath found;
  found.prefix = path.substr(0, at);
  std::string_view rest = path.substr(at + kVersion1.size());
  if (rest == "health") return found;
  constexpr std::string_view kKeys = "keys/";
  if (!rest.starts_with(kKeys)) return std::nullopt;
  rest.remove_prefix(kKeys.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  found.key_id = rest.substr(0, slash);
  if (!xks::IsKeyId(found.key_id)) return std::nullopt;
  const std::string_view api = rest.substr(slash + 1);
  if (api == "metadata") {
    found.api = xks::Api::kKeyMetadata;
  } else if (api == "encrypt") {
    found.api = xks::Api::kEncrypt;
  } else if (api == "decrypt") {
    found.api = xks::Api::kDecrypt;
  } else {
    return std::nullopt;
  }
  return found;
}

bool IsPathPrefix(std::string_view text) noexcept {
  if (text.empty()) return true;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '_' ||
           c == '-';
  };
  return text.size() + kVersion1.size() - 1 <= kMostPathChars && text.size() > 1 && text.front() == '/' &&
         text.back() != '/' && std::ranges::all_of(text, fits) && text.find("//") == std::string_view::npos &&
         !IsForProxies(text);
}

}  // namespace strongroom::xks_proxy
