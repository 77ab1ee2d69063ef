#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/task.h"
#include "kms/keys/key.h"
#include "secret/secret_buffer.h"

namespace strongroom::kms {

/// What a key store made for a new key; goes into its row.
struct NewMaterial {
  Bytes token;                             // domain store
  std::optional<std::int64_t> hsm_handle;  // CloudHSM store
};
struct SealedRandom {
  Bytes sealed;
  SecretBuffer plaintext;  // empty unless wanted
};
struct SealedKeyPair {
  Bytes sealed;
  Bytes public_key;        // DER SubjectPublicKeyInfo
  SecretBuffer plaintext;  // DER PKCS#8; empty unless wanted
};

/// Where keys' material lives and works. `aad` is the authenticated data beside the header: the canonical encryption
/// context.
///
/// Errors    kBadCiphertext  does not open under this key, header and context
///           kInvalidState   a custom key store that is not connected, unreachable, or whose HSM key is gone; the text
///                           is fit for the caller
///           kUnavailable    the domain cluster is not reachable
/// Secrets   plaintext in SecretBuffers; the material itself never leaves the HSM.
/// Threads   any loop that the cluster's client was made with.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  virtual Task<Result<NewMaterial>> Create(const KeyRow& row) = 0;
  virtual Task<Result<Bytes>> Seal(const Key& key, const Bytes& context, SecretBuffer plaintext) = 0;
  virtual Task<Result<SecretBuffer>> Open(const Key& key, ByteView header, const Bytes& context, ByteView sealed) = 0;
  virtual Task<Result<SealedRandom>> Random(const Key& key, const Bytes& context, std::uint32_t bytes,
                                            bool plaintext) = 0;
  virtual Task<Result<SealedKeyPair>> KeyPair(const Key& key, const Bytes& context, const std::string& spec,
                                              bool plaintext) = 0;
  /// Random bytes without a key.
  virtual Task<Result<SecretBuffer>> GenerateRandom(std::uint32_t bytes) = 0;
  /// Destroys what Create made. Gone already is success.
  virtual Task<Status> Destroy(const KeyRow& row) = 0;
};

}  // namespace strongroom::kms
