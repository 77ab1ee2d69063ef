#include "hsm/users/rules.h"

#include <algorithm>

#include "secret/key_access.h"

namespace strongroom::hsm {
namespace {
constexpr char Lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool IsNameChar(char c) noexcept {
  return (Lower(c) >= 'a' && Lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}
}  // namespace

Status CheckUserName(std::string_view name) {
  if (name.empty() || name.size() > kMaxUserNameChars)
    return Error(Errc::kInvalidArgument, "A user name has 1 to 31 characters.");
  if (!std::ranges::all_of(name, IsNameChar))
    return Error(Errc::kInvalidArgument, "A user name consists of letters, digits and underscores.");
  return {};
}

bool SameUserName(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view TypeName(proto::UserType type) noexcept {
  switch (type) {
    case proto::CU: return "CU";
    case proto::CO: return "CO";
    case proto::AU: return "AU";
    case proto::PRECO: return "PRECO";
    case proto::FRONT_END: return "FRONT_END";
    default: return "?";
  }
}

std::string_view AuditTypeName(proto::UserType type) noexcept {
  switch (type) {
    case proto::CU: return "CN_CRYPTO_USER";
    case proto::CO: return "CN_CRYPTO_OFFICER";
    case proto::AU: return "CN_APPLIANCE_USER";
    case proto::PRECO: return "CN_CRYPTO_PRE_OFFICER";
    default: return "UNKNOWN_USER_TYPE";
  }
}

Status PasswordCheck::Rules(const SecretBuffer& password) {
  if (password.size() < kMinPasswordChars || password.size() > kMaxPasswordChars)
    return Error(Errc::kInvalidArgument, "A password has 7 to 32 characters.");
  const ByteView bytes = password.Reveal(secret::KeyAccess{});
  if (!std::ranges::all_of(bytes, [](std::uint8_t c) { return c >= 0x20 && c <= 0x7e; }))
    return Error(Errc::kInvalidArgument, "A password consists of printable ASCII characters.");
  return {};
}

}  // namespace strongroom::hsm
