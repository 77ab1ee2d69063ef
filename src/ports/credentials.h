#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/clock.h"
#include "secret/secret_buffer.h"

namespace strongroom::ports {

enum class PrincipalKind : std::uint8_t {
  kRoot,
  kUser,
  kAssumedRole,
  kFederatedUser,
  kService,      // `arn` is its name, "kms.amazonaws.com"
  kWebIdentity,  // bears the token of an identity provider and nothing else yet; `arn` is the provider's
};

struct Tag {
  std::string key, value;
  bool operator==(const Tag&) const = default;
};

/// What temporary credentials were made of; what a policy can ask about them.
/// Source   IAM User Guide, "AWS global condition context keys".
struct Session {
  WallTime issued_at;                   // aws:TokenIssueTime
  std::optional<WallTime> mfa_at;       // when a second factor was shown: aws:MultiFactorAuthPresent and …Age
  std::string name;                     // of the role session or of the federated user
  std::string source_identity;          // aws:SourceIdentity; empty: none
  std::string federated_provider;       // aws:FederatedProvider; empty: none
  std::vector<Tag> tags;                // passed with the session
  std::vector<std::string> transitive;  // keys of those that go on to sessions made from this one
  std::vector<Tag> claims;              // keys of the provider: "issuer.example:sub", "issuer.example:aud"
};

struct PrincipalPolicies;  // ports/authorizer.h

/// Who calls, as established by the request's signature. Nothing in it is secret. Copies share what is behind pointers.
struct Caller {
  PrincipalKind kind = PrincipalKind::kRoot;
  std::string partition = "aws";
  std::string account;  // 12 digits
  std::string arn;      // arn:aws:iam::111122223333:root, …:user/name, arn:aws:sts::…:assumed-role/role/session
  std::string principal_id;   // the account for root; AIDA…, AROA…:session, account:name of a federated user
  std::string user_name;      // empty for root
  std::string access_key_id;  // AKIA…, ASIA…
  /// Whose rights a session has: of an assumed role's the role's ARN and unique id (AROA…), of a federated user's those
  /// of the user who asked for it (AIDA…). Empty: nobody's but its own, or the account's root.
  std::string role_arn, behind_id;

  /// What identity policies, boundary and session policies say. Null: there are none, and root alone may do anything.
  std::shared_ptr<const PrincipalPolicies> policies;
  /// Tags of the user or role, overlaid by those of the session. Null: none.
  std::shared_ptr<const std::vector<Tag>> tags;
  /// Null for the use of permanent credentials.
  std::shared_ptr<const Session> session;

  bool is_root() const noexcept { return kind == PrincipalKind::kRoot; }
};

/// One access key with everything that a signature check needs.
/// Secrets   `secret` is the secret access key's text, or empty: then signing keys come from ports/signing_keys.h. Of a
///           session token no more than its hash is kept, which is compared in constant time.
struct Credential {
  Caller caller;
  secret::SecretBuffer secret;
  std::optional<std::array<std::uint8_t, 32>> session_token_sha256;  // absent for a permanent key
  std::optional<WallTime> expires_at;                                // temporary keys only
  bool active = true;
  /// Changes whenever `secret` does, so that signing keys derived from an older one are not used again.
  std::uint64_t version = 0;

  bool is_temporary() const noexcept { return session_token_sha256.has_value(); }
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
