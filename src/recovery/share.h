#pragma once

#include <string>
#include <vector>

#include "secret/secret_buffer.h"

namespace strongroom::recovery {

inline constexpr unsigned kMostShares = 64;

/// One of `of` shares of a secret, any `needed` of which give it back; fewer say nothing about it.
struct Share {
  std::string set;  // 32 hex digits, drawn anew for each splitting
  std::string key;  // SHA-256 of the public key whose private half is shared, in hex
  unsigned number = 0, needed = 0, of = 0;
  SecretBuffer data;
};

/// Shamir's secret sharing over GF(2^8) (libgfshare), each share as a small text (docs/formats.md 13).
///
/// Secrets   share texts and data live in locked memory only. libgfshare's own buffers do not; it overwrites them.
/// Threads   one at a time: the library's source of randomness is a global.
class ShareCodec {
 public:
  /// The texts of all shares. Errors: kInvalidArgument unless 2 <= needed <= of <= kMostShares, or an empty secret.
  static Result<std::vector<SecretBuffer>> Split(const SecretBuffer& secret, const std::string& key, unsigned needed,
                                                 unsigned of);
  /// Errors: kInvalidArgument not a share; kUnsupported another version; kCorrupted a wrong checksum (a typing error).
  static Result<Share> Parse(const SecretBuffer& text);
  /// Errors: kInvalidArgument none, too few, one twice, of different sets, or of different sizes, saying which.
  /// That the result is the right secret has to be checked by its user: shares can be forged.
  static Result<SecretBuffer> Join(const std::vector<Share>& shares);
};

}  // namespace strongroom::recovery
