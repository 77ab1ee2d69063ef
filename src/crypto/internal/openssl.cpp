#include "crypto/internal/openssl.h"

#include <openssl/err.h>

#include <cstdlib>

#include "base/log.h"

namespace strongroom::crypto {

std::string DrainQueue() {
  std::string text;
  while (const unsigned long code = ::ERR_get_error()) {
    std::array<char, 256> line{};
    ::ERR_error_string_n(code, line.data(), line.size());
    if (!text.empty()) text += "; ";
    text += line.data();
  }
  return text.empty() ? std::string("OpenSSL gave no reason") : text;
}

Error WithQueue(Errc code, std::string_view text, boost::source_location where) {
  return Error(code, std::string(text), where).WithDetail(DrainQueue());
}

Error OpenSslError(std::string_view doing, boost::source_location where) {
  return WithQueue(Errc::kInternal, fmt::format("Cannot {}.", doing), where);
}

void Broken(std::string_view doing) {
  log::Critical("OpenSSL cannot {}: {}", doing, DrainQueue());
  std::abort();
}

const Algorithms& Fetched() noexcept {
  static const Algorithms* const algorithms = [] {
    auto* a = new Algorithms{};
    const char* const digests[] = {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"};
    bool all = true;
    for (int i = 0; i < 5; ++i) all = (a->digest[i] = ::EVP_MD_fetch(nullptr, digests[i], nullptr)) && all;
    all = (a->hmac = ::EVP_MAC_fetch(nullptr, "HMAC", nullptr)) && all;
    all = (a->gcm128 = ::EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr)) && all;
    all = (a->gcm192 = ::EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr)) && all;
    all = (a->gcm256 = ::EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)) && all;
    const char* const wraps[] = {"AES-128-WRAP", "AES-192-WRAP", "AES-256-WRAP"};
    const char* const padded[] = {"AES-128-WRAP-PAD", "AES-192-WRAP-PAD", "AES-256-WRAP-PAD"};
    for (int i = 0; i < 3; ++i) {
      all = (a->wrap[i] = ::EVP_CIPHER_fetch(nullptr, wraps[i], nullptr)) && all;
      all = (a->wrap_pad[i] = ::EVP_CIPHER_fetch(nullptr, padded[i], nullptr)) && all;
    }
    if (!all) Broken("provide an algorithm that is needed");
    return a;
  }();
  return *algorithms;
}

Result<std::string_view> OnePemBlock(std::string_view text, std::string_view label, std::size_t max_chars) {
  if (text.size() > max_chars) {
    return Error(Errc::kInvalidArgument, fmt::format("A PEM text of at most {} characters is needed.", max_chars));
  }
  constexpr std::string_view kBlank = " \t\r\n";
  const Error wrong(Errc::kInvalidArgument, fmt::format("Exactly one PEM block \"{}\" is needed.", label));
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos || text.find('\0') != std::string_view::npos) return wrong;
  text = text.substr(first, text.find_last_not_of(kBlank) - first + 1);
  const std::string begin = fmt::format("-----BEGIN {}-----", label), end = fmt::format("-----END {}-----", label);
  if (!text.starts_with(begin) || !text.ends_with(end) || text.size() < begin.size() + end.size()) return wrong;
  if (text.find("-----BEGIN", begin.size()) != std::string_view::npos) return wrong;
  return text;
}

}  // namespace strongroom::crypto
