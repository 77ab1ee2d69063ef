#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/key_pair.h"
#include "ports/credentials.h"

namespace strongroom::iam {

/// An OpenID Connect ID token (RFC 7519) in the compact form of RFC 7515, read and not believed yet.
struct Jwt {
  std::string algorithm, key_id;  // "RS256"; empty: the token names no key
  std::string signed_part;        // what the signature is over
  Bytes signature;

  std::string issuer, subject;
  std::vector<std::string> audiences;
  std::string authorized_party;                // azp; empty: none
  std::vector<std::string> methods;            // amr
  std::int64_t expires_at = 0, issued_at = 0;  // seconds since 1970
  std::optional<std::int64_t> not_before;
  /// What AWS reads of its own claims: https://aws.amazon.com/tags and …/source_identity.
  std::vector<ports::Tag> tags;
  std::vector<std::string> transitive;
  std::string source_identity;
};
/// Errors: kBadSignature (InvalidIdentityToken) for what is no such token, lacks a claim or names another algorithm
/// than RS256 to RS512 and ES256 to ES512.
Result<Jwt> ParseJwt(std::string_view text);

/// A key of a provider (RFC 7517).
struct Jwk {
  std::string key_id, algorithm;  // either may be empty
  crypto::PublicKey key;
};
/// The keys of a JWK set that can verify signatures here; others are left out. Errors: kInvalidArgument for what is no
/// JWK set.
Result<std::vector<Jwk>> ParseJwks(std::string_view text);

/// Whether the token's signature is of this key. Errors: kBadSignature, also when algorithm and key do not fit.
Status VerifyJwt(const Jwt& token, const Jwk& key);

}  // namespace strongroom::iam
