#include "iam/key_ids.h"

#include <fmt/format.h>
#include <sodium.h>

#include <charconv>
#include <cstdint>

namespace strongroom::iam {
namespace {
constexpr std::string_view kKeyIdLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kPrefixLetters = 4, kLetters = 16;
constexpr unsigned kRandomBits = 39;
constexpr std::uint64_t kMostAccounts = 1'000'000'000'000;
}  // namespace

std::string NewAccessKeyId(std::string_view prefix, std::string_view account_id) {
  std::uint64_t account = 0;
  std::from_chars(account_id.data(), account_id.data() + account_id.size(), account);
  // 80 bits: the upper 40 are a one, and the account's upper 39; the lower 40 its last bit, and chance.
  std::uint64_t random = 0;
  randombytes_buf(&random, sizeof(random));
  const std::uint64_t upper = std::uint64_t{1} << 39 | account >> 1;
  const std::uint64_t lower = (account & 1) << kRandomBits | random >> (64 - kRandomBits);
  std::string id(prefix);
  for (const std::uint64_t half : {upper, lower}) {
    for (unsigned shift = 40; shift > 0; shift -= 5) id += kKeyIdLetters[half >> (shift - 5) & 31];
  }
  return id;
}

std::optional<std::string> AccountOfKeyId(std::string_view access_key_id) {
  if (access_key_id.size() != kPrefixLetters + kLetters) return std::nullopt;
  if (!access_key_id.starts_with("AKIA") && !access_key_id.starts_with("ASIA")) return std::nullopt;
  std::uint64_t account = 0;
  // The first nine letters are 45 bits, of which the account's are the 40 behind the first.
  for (std::size_t i = 0; i < kLetters; ++i) {
    const std::size_t digit = kKeyIdLetters.find(access_key_id[kPrefixLetters + i]);
    if (digit == std::string_view::npos) return std::nullopt;
    if (i < 9) account = account << 5 | digit;
  }
  account = account >> 4 & ((std::uint64_t{1} << 40) - 1);
  if (account >= kMostAccounts) return std::nullopt;
  return fmt::format("{:012}", account);
}

}  // namespace strongroom::iam
