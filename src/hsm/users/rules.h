#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "secret/secret_buffer.h"
#include "users.pb.h"

namespace strongroom::hsm {

// Source: AWS CloudHSM User Guide, "Managing HSM users"; spec/cloudhsm.md 5.3.
inline constexpr std::size_t kMaxUserNameChars = 31;
inline constexpr std::size_t kMinPasswordChars = 7;
inline constexpr std::size_t kMaxPasswordChars = 32;
inline constexpr std::size_t kMaxUsers = 1024;
/// So many wrong passwords in a row lock a user until a CO sets a new one.
inline constexpr std::uint32_t kFailuresThatLock = 5;

/// 1 to 31 letters, digits and underscores. Errors: kInvalidArgument.
Status CheckUserName(std::string_view name);

/// Whether two names are one user's: ASCII case does not count.
bool SameUserName(std::string_view a, std::string_view b) noexcept;

/// "CO", "CU", "AU", "PRECO", as CMU prints them; "FRONT_END" for a certificate holder; "?" for any other number.
std::string_view TypeName(proto::UserType type) noexcept;
/// The audit log's name: "CN_CRYPTO_OFFICER" and so on.
std::string_view AuditTypeName(proto::UserType type) noexcept;

/// Looks at a password's length and alphabet; nothing it answers says more than that.
class PasswordCheck {
 public:
  /// 7 to 32 printable ASCII characters. Errors: kInvalidArgument.
  static Status Rules(const SecretBuffer& password);
};

}  // namespace strongroom::hsm
