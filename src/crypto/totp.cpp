#include "crypto/totp.h"

#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "crypto/hash.h"
#include "crypto/internal/openssl.h"
#include "crypto/random.h"

namespace strongroom::crypto {
namespace {
constexpr std::size_t kSeedBytes = 40;
constexpr std::int64_t kMostSteps = 10'000;
constexpr std::size_t kDigits = 6;

/// RFC 4226, 5.3.
std::array<char, kDigits> CodeOf(ByteView seed, std::int64_t step) {
  std::array<std::uint8_t, 8> counter;
  for (std::size_t i = 0; i < counter.size(); ++i)
    counter[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(step) >> (56 - 8 * i));
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac;
  unsigned size = 0;
  if (::HMAC(::EVP_sha1(), seed.data(), static_cast<int>(seed.size()), counter.data(), counter.size(), mac.data(),
             &size) == nullptr ||
      size != 20) {
    Broken("compute an HMAC");
  }
  const std::size_t at = mac[19] & 0x0f;
  std::uint32_t number = (static_cast<std::uint32_t>(mac[at] & 0x7f) << 24) |
                         (static_cast<std::uint32_t>(mac[at + 1]) << 16) |
                         (static_cast<std::uint32_t>(mac[at + 2]) << 8) | mac[at + 3];
  std::array<char, kDigits> code;
  for (std::size_t i = kDigits; i-- > 0; number /= 10) code[i] = static_cast<char>('0' + number % 10);
  return code;
}
}  // namespace

Result<SecretBuffer> NewTotpSeed() {
  return SecretBuffer::Produce(kSeedBytes, [](std::span<std::uint8_t> out) -> Result<std::size_t> {
    SR_CHECK(Random(out));
    return out.size();
  });
}

Result<SecretBuffer> TotpSeedText(const SecretBuffer& seed) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const ByteView bytes = EvpKeyLoader::View(seed);
  return SecretBuffer::Produce((bytes.size() * 8 + 4) / 5, [&](std::span<std::uint8_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t bit = i * 5, at = bit / 8;
      const unsigned pair = (static_cast<unsigned>(bytes[at]) << 8) | (at + 1 < bytes.size() ? bytes[at + 1] : 0u);
      out[i] = static_cast<std::uint8_t>(kAlphabet[(pair >> (11 - bit % 8)) & 31]);
    }
    return out.size();
  });
}

Status WithTotpText(std::string_view before, const SecretBuffer& seed, const std::function<Status(const char*)>& use) {
  SR_TRY(const SecretBuffer typed, TotpSeedText(seed));
  const ByteView letters = EvpKeyLoader::View(typed);
  // One more, which stays zero and ends the text.
  SR_TRY(const SecretBuffer text,
         SecretBuffer::Produce(before.size() + letters.size() + 1, [&](std::span<std::uint8_t> out) {
           std::ranges::copy(letters, std::ranges::copy(AsBytes(before), out.begin()).out);
           return out.size();
         }));
  return use(reinterpret_cast<const char*>(EvpKeyLoader::View(text).data()));
}

std::optional<std::int64_t> FindTotpStep(const SecretBuffer& seed, std::string_view code, std::int64_t first,
                                         std::int64_t last) {
  std::optional<std::int64_t> found;
  last = std::min(last, first + kMostSteps - 1);
  for (std::int64_t step = first; step <= last; ++step) {
    const auto right = CodeOf(EvpKeyLoader::View(seed), step);
    if (ConstantTimeEqual(AsBytes({right.data(), right.size()}), AsBytes(code)) && !found) found = step;
  }
  return found;
}

}  // namespace strongroom::crypto
