#include "crypto/login_password.h"

#include <sodium.h>

#include <array>

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {
namespace {
constexpr unsigned long long kPasses = 3;
constexpr std::size_t kMemoryBytes = std::size_t{64} << 20;
}  // namespace

PasswordShape ShapeOf(const SecretBuffer& password) noexcept {
  // Source: IAM User Guide, "Setting an account password policy", non-alphanumeric characters.
  constexpr std::string_view kSymbols = "!@#$%^&*()_+-=[]{}|'";
  PasswordShape shape;
  for (const char c : AsText(EvpKeyLoader::View(password))) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++shape.characters;
    shape.lower = shape.lower || (c >= 'a' && c <= 'z');
    shape.upper = shape.upper || (c >= 'A' && c <= 'Z');
    shape.digit = shape.digit || (c >= '0' && c <= '9');
    shape.symbol = shape.symbol || kSymbols.find(c) != std::string_view::npos;
  }
  return shape;
}

Result<std::string> HashLoginPassword(const SecretBuffer& password) {
  const std::string_view text = AsText(EvpKeyLoader::View(password));
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (::crypto_pwhash_str_alg(hash.data(), text.data(), text.size(), kPasses, kMemoryBytes,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return Error(Errc::kResourceExhausted, "The password cannot be hashed for want of memory.");
  }
  return std::string(hash.data());
}

bool VerifyLoginPassword(const SecretBuffer& password, const std::string& hash) noexcept {
  const std::string_view text = AsText(EvpKeyLoader::View(password));
  return hash.size() < crypto_pwhash_STRBYTES &&
         ::crypto_pwhash_str_verify(hash.c_str(), text.data(), text.size()) == 0;
}

}  // namespace strongroom::crypto
