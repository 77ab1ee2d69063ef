#pragma once

#include <memory>

#include "hsm_client/cluster_client.h"
#include "kms/keystore/key_store.h"

namespace strongroom::kms {

/// A key store whose material is in HSMs: the domain cluster (keys travel as wrapped tokens) or a customer's cluster
/// (keys are objects with handles, labelled with the key's ARN). Both use the same commands.
class HsmKeyStore final : public KeyStore {
 public:
  HsmKeyStore(StoreKind kind, std::shared_ptr<hsm_client::ClusterClient> cluster)
      : kind_(kind), cluster_(std::move(cluster)) {}

  Task<Result<NewMaterial>> Create(const KeyRow& row, const std::string& material_id) override;
  Task<Result<Bytes>> Seal(const Key& key, const Bytes& context, SecretBuffer plaintext) override;
  Task<Result<SecretBuffer>> Open(const Key& key, const KeyMaterial& material, ByteView header, const Bytes& context,
                                  ByteView sealed) override;
  Task<Result<SealedRandom>> Random(const Key& key, const Bytes& context, std::uint32_t bytes, bool plaintext) override;
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
  Task<Result<SecretBuffer>> GenerateRandom(std::uint32_t bytes) override;
  Task<Status> Destroy(const KeyRow& row) override;
  /// The handles of the key's objects, by their label. Errors: as the cluster's client has them, not in KMS's words.
  Task<Result<std::vector<std::uint32_t>>> Find(const KeyRow& row);

  const std::shared_ptr<hsm_client::ClusterClient>& cluster() const noexcept { return cluster_; }

 private:
  Error Translate(Error error) const;
  const StoreKind kind_;
  const std::shared_ptr<hsm_client::ClusterClient> cluster_;
};

}  // namespace strongroom::kms
