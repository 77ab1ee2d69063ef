#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ports/clock.h"
#include "secret/secret_buffer.h"

namespace strongroom::ports {

enum class PrincipalKind : std::uint8_t { kRoot, kUser, kAssumedRole, kFederatedUser, kService };

/// Who calls, as established by the request's signature. Nothing in it is secret.
struct Caller {
  PrincipalKind kind = PrincipalKind::kRoot;
  std::string partition = "aws";
  std::string account;  // 12 digits
  std::string arn;      // arn:aws:iam::111122223333:root, …:user/name, arn:aws:sts::…:assumed-role/role/session
  std::string principal_id;   // the account for root; AIDA…, AROA…:session
  std::string user_name;      // empty for root
  std::string access_key_id;  // AKIA…, ASIA…
  std::string role_arn;       // of an assumed role's session: the role itself; else empty

  bool is_root() const noexcept { return kind == PrincipalKind::kRoot; }
};

/// One access key with everything that a signature check needs.
/// Secrets   `secret` is the secret access key's text; `session_token` is compared in constant time.
struct Credential {
  Caller caller;
  secret::SecretBuffer secret;
  secret::SecretBuffer session_token;  // empty for a permanent key
  std::optional<WallTime> expires_at;  // temporary keys only
  bool active = true;
  /// Changes whenever `secret` does, so that signing keys derived from an older one are not used again.
  std::uint64_t version = 0;

  bool is_temporary() const noexcept { return session_token.size() != 0; }
};

/// The accounts' access keys.
/// Threads   any number of calls at once. Must not block: it is on the path of every request.
/// Lifetime  a credential that is replaced or removed stays alive for those who hold it.
class Credentials {
 public:
  virtual ~Credentials() = default;
  /// The credential of that access key id, or null when there is none.
  virtual std::shared_ptr<const Credential> Find(std::string_view access_key_id) const = 0;
};

}  // namespace strongroom::ports
