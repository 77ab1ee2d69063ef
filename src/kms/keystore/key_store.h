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

/// What is signed, or was. `form` is KMS's MessageType.
struct SignedMessage {
  std::string algorithm, form;
  SecretBuffer message;
};
/// One side of a re-encryption. Header and context count where the algorithm is SYMMETRIC_DEFAULT. Views into what the
/// caller keeps alive.
struct SealSide {
  const Key* key = nullptr;
  const KeyMaterial* material = nullptr;
  std::string_view algorithm;
  ByteView header, context;
};

/// Where keys' material lives and works. `aad` is the authenticated data beside the header: the canonical encryption
/// context.
///
/// Errors    kBadCiphertext  does not open under this key, header and context
///           kInvalidState   a custom key store that is not connected, unreachable, or whose HSM key is gone; the text
///                           is fit for the caller
///           kUnavailable    the domain cluster is not reachable
///           kBadSignature   a signature or MAC does not verify
///           kUnsupported    a key spec that the HSMs do not know
/// Secrets   plaintext in SecretBuffers; the material itself never leaves the HSM.
/// Threads   any loop that the cluster's client was made with.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// `material_id` is what a domain key's token is bound to.
  virtual Task<Result<NewMaterial>> Create(const KeyRow& row, const std::string& material_id) = 0;
  virtual Task<Result<Bytes>> Seal(const Key& key, const Bytes& context, SecretBuffer plaintext) = 0;
  /// `material`: the key's that made the ciphertext (Key::Find); everything else works with the current one.
  virtual Task<Result<SecretBuffer>> Open(const Key& key, const KeyMaterial& material, ByteView header,
                                          const Bytes& context, ByteView sealed) = 0;
  virtual Task<Result<SealedRandom>> Random(const Key& key, const Bytes& context, std::uint32_t bytes,
                                            bool plaintext) = 0;
  virtual Task<Result<SealedKeyPair>> KeyPair(const Key& key, const Bytes& context, const std::string& spec,
                                              bool plaintext) = 0;
  /// Opens under one key and seals under another of this store, without the plaintext leaving it. What is answered is a
  /// whole ciphertext blob. Errors: kInvalidArgument when the plaintext is too long for the destination.
  virtual Task<Result<Bytes>> ReSeal(SealSide source, ByteView sealed, SealSide destination) = 0;

  // For keys of other specs than SYMMETRIC_DEFAULT, which are in the domain cluster only.
  virtual Task<Result<Bytes>> Encrypt(const Key& key, const std::string& algorithm, SecretBuffer plaintext) = 0;
  virtual Task<Result<SecretBuffer>> Decrypt(const Key& key, const std::string& algorithm, ByteView ciphertext) = 0;
  virtual Task<Result<Bytes>> Sign(const Key& key, SignedMessage message) = 0;
  virtual Task<Status> Verify(const Key& key, SignedMessage message, const Bytes& signature) = 0;
  virtual Task<Result<Bytes>> GenerateMac(const Key& key, const std::string& algorithm, SecretBuffer message) = 0;
  virtual Task<Status> VerifyMac(const Key& key, const std::string& algorithm, SecretBuffer message,
                                 const Bytes& mac) = 0;
  /// `peer` is DER SubjectPublicKeyInfo.
  virtual Task<Result<SecretBuffer>> DeriveSharedSecret(const Key& key, const std::string& algorithm,
                                                        const Bytes& peer) = 0;
  /// DER SubjectPublicKeyInfo of the private key itself.
  virtual Task<Result<Bytes>> PublicKey(const Key& key) = 0;

  /// Random bytes without a key.
  virtual Task<Result<SecretBuffer>> GenerateRandom(std::uint32_t bytes) = 0;
  /// Destroys what Create made. Gone already is success.
  virtual Task<Status> Destroy(const KeyRow& row) = 0;
};

}  // namespace strongroom::kms
