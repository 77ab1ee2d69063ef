#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "hsm/replica/state.h"
#include "hsm/vault/token_cache.h"
#include "hsm/vault/token_key.h"
#include "keys.pb.h"
#include "secret/secret_buffer.h"

namespace strongroom::hsm {

/// Who asks for a key.
struct KeyUser {
  std::uint32_t user_id = 0;  // 0: no user
  bool front_end = false;     // holder of an enrolled certificate: may bring tokens
};

enum class KeyUse : std::uint8_t { kSeal, kOpen };

/// The largest plaintext of one message: far more than KMS's 4,096 bytes, far less than a frame.
inline constexpr std::size_t kMaxMessageBytes = 64 * 1024;
inline constexpr std::size_t kMaxHeaderBytes = 1024;

/// Whether a user owns a key or has it shared with it.
bool MayUse(const proto::KeyInfo& key, std::uint32_t user_id) noexcept;

/// From a key reference to material, and from material to sealed messages. Besides the replica's state and a command's
/// own frame this is the only place where key material is in the clear, in locked memory.
///
/// Threads   the loop of the HSM.
class Vault {
 public:
  explicit Vault(std::size_t cached_tokens = 65536, std::size_t cached_keys = 4096)
      : cache_(cached_tokens), keys_(cached_keys) {}

  /// The symmetric material of a key, valid until the state or the vault next changes.
  /// Errors: kNotFound           no such handle, one that the user may not see, or a domain key generation that is gone
  ///                             (all three may be news from another HSM: catch up and ask again)
  ///         kWrongKeyUsage      the key's attributes, class or binding do not permit this use
  ///         kPermission         tokens are for front ends, handles for users
  ///         kBadCiphertext      the token does not open with this binding
  ///         kInvalidArgument    a reference with neither or both, or a malformed binding
  Result<const SecretBuffer*> Material(const replica::State& state, const KeyUser& user, const proto::KeyRef& ref,
                                       KeyUse use);

  /// The key of a token that is not SYMMETRIC_DEFAULT, for this usage of it. Errors: as Material; kUnsupported for a
  /// spec that this HSM does not know.
  Result<TokenKeyPtr> Key(const replica::State& state, const KeyUser& user, const proto::KeyRef& ref,
                          crypto::KmsUsage usage);

  /// salt | ciphertext | tag, bound to header and context (docs/formats.md 6), appended to nothing: `out` is replaced.
  /// Errors: kInvalidArgument sizes; kInternal.
  Status Seal(const SecretBuffer& material, std::string_view header, std::string_view context,
              const SecretBuffer& plaintext, std::string& out);
  /// Errors: kBadCiphertext, with one text for everything that can be wrong.
  Result<SecretBuffer> Open(const SecretBuffer& material, std::string_view header, std::string_view context,
                            std::string_view sealed);

  /// Wraps new material under the newest generation. Errors: kUnsupported when the cluster has no domain key.
  static Result<Bytes> NewToken(const replica::State& state, ByteView binding, MaterialKind kind,
                                const SecretBuffer& material);

  /// A token's key under the newest generation. Errors: kNotFound a generation that is gone (or news from another HSM);
  /// kBadCiphertext; kInvalidArgument for anything but a token with its binding.
  static Result<Bytes> RewrapToken(const replica::State& state, const proto::KeyRef& ref);
  /// Drops what came from tokens of generations that the state no longer has.
  void DropGoneGenerations(const replica::State& state);

  /// Drops what was opened of the tokens with this binding; how many there were.
  std::size_t ForgetBinding(ByteView binding) { return cache_.DropBinding(binding) + keys_.DropBinding(binding); }
  /// To be called every kTurn: lets go of what nobody has used for kIdleTurns of them, and of gone generations. So what
  /// no front end uses any more is not in memory ten and a half minutes later, whoever was told to forget it or not.
  void NextTurn(const replica::State& state);
  static constexpr std::chrono::seconds kTurn{30};
  static constexpr std::uint64_t kIdleTurns = 20;

  /// The cluster is gone or another: nothing that was opened stays.
  void Forget() {
    cache_.Clear();
    keys_.Clear();
  }
  std::size_t cached_tokens() const noexcept { return cache_.size(); }
  std::size_t cached_keys() const noexcept { return keys_.size(); }

 private:
  Result<const SecretBuffer*> FromToken(const replica::State& state, const proto::KeyRef& ref);
  Result<ByteView> AssociatedData(std::string_view header, std::string_view context);

  TokenCache cache_;
  TokenMap<TokenKeyPtr> keys_;
  std::vector<std::uint32_t> generations_;  // of the domain key, at the last turn
  Bytes associated_;                        // kept, so that a message costs no allocation; not secret
};

}  // namespace strongroom::hsm
