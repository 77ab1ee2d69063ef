#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "crypto/hash.h"
#include "crypto/hmac_key.h"
#include "crypto/sigv4_key.h"
#include "ports/signing_keys.h"
#include "secret/secret_buffer.h"

namespace strongroom::aws {

/// Derives SigV4 signing keys from secret access keys (crypto/sigv4_key.h).
class SigningKeyMaker {
 public:
  /// `date` is YYYYMMDD. Errors: those of the locked pool.
  static Result<SecretBuffer> Derive(const SecretBuffer& secret, std::string_view date, std::string_view region,
                                     std::string_view service);
};

/// Signing keys, derived or fetched once per access key, day, region and service.
///
/// Threads   loops of one LoopGroup use a part of their own without a lock; other threads share one.
/// Secrets   keys live in the locked pool; at most kMostKeys per part, after which the part starts anew. Those used
///           last, at most kMostReady, are held ready by OpenSSL as well.
class SigningKeys {
 public:
  static constexpr std::size_t kMostKeys = 1024;
  static constexpr std::size_t kMostReady = 16;

  /// `source` has the keys of credentials without a secret; it may be null when there are none, and else outlives this.
  SigningKeys(std::size_t loops, const ports::SigningKeySource* source) : source_(source), parts_(loops + 1) {}

  using Scope = crypto::SigningScope;
  using Signature = std::optional<crypto::Sha256Digest>;
  /// HMAC-SHA-256 of `text` under the credential's signing key for `scope`; none when the source has to fetch it first.
  /// Errors: those of the locked pool.
  Result<Signature> Sign(const ports::Credential& credential, const Scope& scope, std::string_view text);

 private:
  struct Entry {
    std::uint64_t version;
    SecretBuffer key;
    std::optional<crypto::HmacKey> ready{};
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  struct alignas(64) Part {
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> keys;
    std::string name;  // kept, so that looking up does not allocate
    std::size_t ready = 0;
  };
  static crypto::Sha256Digest SignWith(Part& part, Entry& entry, std::string_view text);
  Result<Signature> SignIn(Part& part, const ports::Credential& credential, const Scope& scope, std::string_view text);
  const ports::SigningKeySource* const source_;
  std::vector<Part> parts_;
  std::mutex shared_part_;
};

}  // namespace strongroom::aws
