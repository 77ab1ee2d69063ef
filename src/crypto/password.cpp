#include "crypto/password.h"

#include <openssl/evp.h>

#include <charconv>

#include "crypto/hash.h"
#include "crypto/internal/openssl.h"
#include "crypto/random.h"

namespace strongroom::crypto {
namespace {

constexpr std::size_t kSaltBytes = 16, kHashBytes = 32, kLongestPassword = 1024;

struct Parameters {
  unsigned log_n = 15, r = 8, p = 1;
};

Result<SecretBuffer> Scrypt(const SecretBuffer& password, ByteView salt, const Parameters& parameters) {
  const std::uint64_t n = std::uint64_t{1} << parameters.log_n;
  // What scrypt needs (RFC 7914, 2) and a little; OpenSSL's own bound of 32 MiB is just too small for N = 2^15.
  const std::uint64_t memory = 128 * parameters.r * (n + parameters.p + 2) + (std::uint64_t{1} << 20);
  const ByteView in = EvpKeyLoader::View(password);
  return SecretBuffer::Produce(kHashBytes, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    if (::EVP_PBE_scrypt(reinterpret_cast<const char*>(in.data()), in.size(), salt.data(), salt.size(), n, parameters.r,
                         parameters.p, memory, room.data(), room.size()) != 1) {
      return WithQueue(Errc::kResourceExhausted, "The password cannot be hashed for want of memory.");
    }
    return room.size();
  });
}

/// The next piece of `text` up to '$', which is taken off.
std::string_view Next(std::string_view& text) {
  const std::size_t end = text.find('$');
  const std::string_view piece = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return piece;
}

bool Number(std::string_view text, unsigned most, unsigned& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= 1 && out <= most;
}

}  // namespace

Result<std::string> HashPassword(const SecretBuffer& password) {
  if (password.empty() || password.size() > kLongestPassword) {
    return Error(Errc::kInvalidArgument, fmt::format("A password has between 1 and {} bytes.", kLongestPassword));
  }
  std::array<std::uint8_t, kSaltBytes> salt;
  SR_CHECK(Random(salt));
  constexpr Parameters kNow;
  SR_TRY(const SecretBuffer hash, Scrypt(password, salt, kNow));
  return fmt::format("scrypt${}${}${}${}${}", kNow.log_n, kNow.r, kNow.p, Base64(salt),
                     Base64(EvpKeyLoader::View(hash)));
}

Result<bool> VerifyPassword(const SecretBuffer& password, std::string_view encoded) {
  const auto corrupted = [] { return Error(Errc::kCorrupted, "A stored password hash is not valid."); };
  if (encoded.size() > 256 || std::ranges::count(encoded, '$') != 5) return corrupted();
  Parameters parameters;
  if (Next(encoded) != "scrypt" || !Number(Next(encoded), 20, parameters.log_n) ||
      !Number(Next(encoded), 16, parameters.r) || !Number(Next(encoded), 4, parameters.p)) {
    return corrupted();
  }
  const auto salt = FromBase64(Next(encoded));
  const auto want = FromBase64(Next(encoded));
  if (!salt || !want || salt->size() != kSaltBytes || want->size() != kHashBytes) return corrupted();
  // Nothing empty or over-long was ever hashed, yet it takes as long to refuse.
  SR_TRY(const SecretBuffer got, Scrypt(password, *salt, parameters));
  return got.EqualsInConstantTime(ByteView(*want)) && !password.empty() && password.size() <= kLongestPassword;
}

}  // namespace strongroom::crypto
