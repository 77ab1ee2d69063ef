#pragma once

#include <memory>
#include <string>

#include "aws/dispatch/operation.h"
#include "kms/keystore/hsm_key_store.h"
#include "xks_client/proxy_client.h"

namespace strongroom::kms {

/// On whose behalf a call asks a proxy; `key_arn` is empty while there is no KMS key yet.
xks::RequestMetadata ProxyMetadata(const aws::Call& call, const std::string& key_arn);

/// The key store of one call on a key of an external key store. What is encrypted is sealed with the KMS key's own
/// material in the domain cluster first and then encrypted by the external key; opening inverts that. So neither the
/// external key manager nor this deployment alone reads anything.
///
/// Errors    kInvalidState with the cause's text; kBadCiphertext for a blob that is none; the domain cluster's.
/// Lifetime  `domain` and the key outlive it.
/// Source    spec/kms.md 7.9.
class XksKeyStore final : public KeyStore {
 public:
  XksKeyStore(HsmKeyStore& domain, std::shared_ptr<xks::ProxyClient> proxy, xks::RequestMetadata metadata)
      : domain_(domain), proxy_(std::move(proxy)), metadata_(std::move(metadata)) {}

  Task<Result<NewMaterial>> Create(const KeyRow& row, const std::string& material_id) override;
  Task<Result<Bytes>> Seal(const Key& key, const Bytes& context, SecretBuffer plaintext) override;
  Task<Result<SecretBuffer>> Open(const Key& key, const KeyMaterial& material, ByteView header, const Bytes& context,
                                  ByteView sealed) override;
  Task<Result<SealedRandom>> Random(const Key& key, const Bytes& context, std::uint32_t bytes, bool plaintext) override;
  Task<Result<SecretBuffer>> GenerateRandom(std::uint32_t bytes) override;
  Task<Status> Destroy(const KeyRow& row) override;

  // Keys of an external key store are symmetric encryption keys only: kUnsupported.
  Task<Result<SealedKeyPair>> KeyPair(const Key& key, const Bytes& context, const std::string& spec,
                                      bool plaintext) override;
  Task<Result<Bytes>> ReSeal(SealSide source, ByteView sealed, SealSide destination) override;
  Task<Result<Bytes>> Encrypt(const Key& key, const std::string& algorithm, SecretBuffer plaintext) override;
  Task<Result<SecretBuffer>> Decrypt(const Key& key, const std::string& algorithm, ByteView ciphertext) override;
  Task<Result<Bytes>> Sign(const Key& key, SignedMessage message) override;
  Task<Status> Verify(const Key& key, SignedMessage message, const Bytes& signature) override;
  Task<Result<Bytes>> GenerateMac(const Key& key, const std::string& algorithm, SecretBuffer message) override;
  Task<Status> VerifyMac(const Key& key, const std::string& algorithm, SecretBuffer message, const Bytes& mac) override;
  Task<Result<SecretBuffer>> DeriveSharedSecret(const Key& key, const std::string& algorithm,
                                                const Bytes& peer) override;
  Task<Result<Bytes>> PublicKey(const Key& key) override;

 private:
  /// The blob for what the domain cluster has sealed (with the key's header in front).
  Task<Result<Bytes>> EncryptOuter(const Key& key, const Bytes& context, const Bytes& inner_blob);

  HsmKeyStore& domain_;
  const std::shared_ptr<xks::ProxyClient> proxy_;
  const xks::RequestMetadata metadata_;
};

}  // namespace strongroom::kms
