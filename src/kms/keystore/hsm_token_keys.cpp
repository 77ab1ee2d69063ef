// The commands on keys that are no SYMMETRIC_DEFAULT ones, and re-encryption.
#include "kms/keystore/hsm_key_store.h"
#include "kms/keystore/hsm_messages.h"
#include "token_keys.pb.h"

namespace strongroom::kms {
namespace {

using wire::Command;

constexpr std::string_view kSymmetric = "SYMMETRIC_DEFAULT";

std::vector<SecretBuffer> OneSegment(SecretBuffer secret) {
  std::vector<SecretBuffer> segments;
  segments.push_back(std::move(secret));
  return segments;
}

Bytes FieldBytes(const std::string& field) { return strongroom::ToBytes(AsBytes(field)); }

void FillSide(proto::ReSealSide& to, const SealSide& side) {
  SetKey(*to.mutable_key(), *side.key, *side.material);
  to.set_algorithm(std::string(side.algorithm));
  if (side.algorithm != kSymmetric) return;
  to.set_header(side.header.data(), side.header.size());
  to.set_context(side.context.data(), side.context.size());
}

template <typename Request>
Request Asking(const Key& key, const std::string& algorithm) {
  Request request;
  SetKey(*request.mutable_key(), key, key.current());
  request.set_algorithm(algorithm);
  return request;
}

}  // namespace

Task<Result<Bytes>> HsmKeyStore::ReSeal(SealSide source, ByteView sealed, SealSide destination) {
  proto::ReSealRequest request;
  FillSide(*request.mutable_source(), source);
  FillSide(*request.mutable_destination(), destination);
  request.set_sealed(sealed.data(), sealed.size());
  auto answer = co_await cluster_->Call<proto::ReSealReply>(Command::kReSeal, request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  Bytes blob;
  if (destination.algorithm == kSymmetric) Append(blob, destination.header);
  Append(blob, AsBytes(answer->reply.sealed()));
  co_return blob;
}

Task<Result<Bytes>> HsmKeyStore::Encrypt(const Key& key, const std::string& algorithm, SecretBuffer plaintext) {
  const auto request = Asking<proto::AsymmetricEncryptRequest>(key, algorithm);
  auto segments = OneSegment(std::move(plaintext));
  auto answer =
      co_await cluster_->Call<proto::AsymmetricEncryptReply>(Command::kAsymmetricEncrypt, request, std::move(segments));
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return FieldBytes(answer->reply.ciphertext());
}

Task<Result<SecretBuffer>> HsmKeyStore::Decrypt(const Key& key, const std::string& algorithm, ByteView ciphertext) {
  auto request = Asking<proto::AsymmetricDecryptRequest>(key, algorithm);
  request.set_ciphertext(ciphertext.data(), ciphertext.size());
  auto answer = co_await cluster_->Call<proto::AsymmetricDecryptReply>(Command::kAsymmetricDecrypt, request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return TakeSegment(answer->segments);
}

Task<Result<Bytes>> HsmKeyStore::Sign(const Key& key, SignedMessage message) {
  auto request = Asking<proto::SignRequest>(key, message.algorithm);
  request.set_message_type(message.form);
  auto segments = OneSegment(std::move(message.message));
  auto answer = co_await cluster_->Call<proto::SignReply>(Command::kSign, request, std::move(segments));
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return FieldBytes(answer->reply.signature());
}

Task<Status> HsmKeyStore::Verify(const Key& key, SignedMessage message, const Bytes& signature) {
  auto request = Asking<proto::VerifyRequest>(key, message.algorithm);
  request.set_message_type(message.form);
  request.set_signature(signature.data(), signature.size());
  auto segments = OneSegment(std::move(message.message));
  auto answer = co_await cluster_->Call<proto::VerifyReply>(Command::kVerify, request, std::move(segments));
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return Status();
}

Task<Result<Bytes>> HsmKeyStore::GenerateMac(const Key& key, const std::string& algorithm, SecretBuffer message) {
  const auto request = Asking<proto::GenerateMacRequest>(key, algorithm);
  auto segments = OneSegment(std::move(message));
  auto answer = co_await cluster_->Call<proto::GenerateMacReply>(Command::kGenerateMac, request, std::move(segments));
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return FieldBytes(answer->reply.mac());
}

Task<Status> HsmKeyStore::VerifyMac(const Key& key, const std::string& algorithm, SecretBuffer message,
                                    const Bytes& mac) {
  auto request = Asking<proto::VerifyMacRequest>(key, algorithm);
  request.set_mac(mac.data(), mac.size());
  auto segments = OneSegment(std::move(message));
  auto answer = co_await cluster_->Call<proto::VerifyMacReply>(Command::kVerifyMac, request, std::move(segments));
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return Status();
}

Task<Result<SecretBuffer>> HsmKeyStore::DeriveSharedSecret(const Key& key, const std::string& algorithm,
                                                           const Bytes& peer) {
  auto request = Asking<proto::DeriveSharedSecretRequest>(key, algorithm);
  request.set_public_key(peer.data(), peer.size());
  auto answer = co_await cluster_->Call<proto::DeriveSharedSecretReply>(Command::kDeriveSharedSecret, request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return TakeSegment(answer->segments);
}

Task<Result<Bytes>> HsmKeyStore::PublicKey(const Key& key) {
  proto::GetPublicKeyRequest request;
  SetKey(*request.mutable_key(), key, key.current());
  request.set_usage(key.row.usage);
  auto answer = co_await cluster_->Call<proto::GetPublicKeyReply>(Command::kGetPublicKey, request);
  if (!answer.ok()) co_return Translate(std::move(answer).error());
  co_return FieldBytes(answer->reply.public_key());
}

}  // namespace strongroom::kms
