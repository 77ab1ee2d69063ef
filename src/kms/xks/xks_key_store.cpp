#include "kms/xks/xks_key_store.h"

#include "kms/xks/failures.h"
#include "kms/xks/sealed_blob.h"

namespace strongroom::kms {
namespace {

Error NotForExternalKeys() {
  return Error(Errc::kUnsupported, "Keys in an external key store are symmetric encryption keys only.");
}

}  // namespace

xks::RequestMetadata ProxyMetadata(const aws::Call& call, const std::string& key_arn) {
  xks::RequestMetadata metadata;
  metadata.aws_principal_arn = call.caller.arn;
  metadata.kms_key_arn = key_arn;
  metadata.kms_operation = call.operation;
  metadata.kms_request_id = call.request_id;
  return metadata;
}

Task<Result<NewMaterial>> XksKeyStore::Create(const KeyRow& row, const std::string& material_id) {
  co_return co_await domain_.Create(row, material_id);
}

Task<Result<Bytes>> XksKeyStore::EncryptOuter(const Key& key, const Bytes& context, const Bytes& inner_blob) {
  Bytes inner = ToBytes(ByteView(inner_blob).subspan(key.blob_header.size()));
  const auto outer = co_await proxy_->Encrypt(key.row.xks_key_id.value_or(""), metadata_, std::move(inner), context);
  if (!outer.ok()) co_return ProxyErrorInUse(outer.failed());
  co_return EncodeExternalBlob(key.blob_header, outer.value());
}

Task<Result<Bytes>> XksKeyStore::Seal(const Key& key, const Bytes& context, SecretBuffer plaintext) {
  SR_CO_TRY(const Bytes inner, co_await domain_.Seal(key, context, std::move(plaintext)));
  co_return co_await EncryptOuter(key, context, inner);
}

Task<Result<SecretBuffer>> XksKeyStore::Open(const Key& key, const KeyMaterial& material, ByteView header,
                                             const Bytes& context, ByteView sealed) {
  SR_CO_TRY(xks::EncryptAnswer outer, ParseExternalBlob(sealed));
  const auto inner = co_await proxy_->Decrypt(key.row.xks_key_id.value_or(""), metadata_, std::move(outer), context);
  if (!inner.ok()) co_return ProxyErrorInUse(inner.failed());
  auto plaintext = co_await domain_.Open(key, material, header, context, inner.value());
  if (!plaintext.ok() && plaintext.error().code() == Errc::kBadCiphertext) co_return InnerLayerFailed();
  co_return plaintext;
}

Task<Result<SealedRandom>> XksKeyStore::Random(const Key& key, const Bytes& context, std::uint32_t bytes,
                                               bool plaintext) {
  SR_CO_TRY(SealedRandom made, co_await domain_.Random(key, context, bytes, plaintext));
  SR_CO_TRY(made.sealed, co_await EncryptOuter(key, context, made.sealed));
  co_return made;
}

Task<Result<SecretBuffer>> XksKeyStore::GenerateRandom(std::uint32_t bytes) {
  co_return co_await domain_.GenerateRandom(bytes);
}

Task<Status> XksKeyStore::Destroy(const KeyRow&) {
  // The key's own material goes with its row; the external key is not ours to touch.
  co_return Status();
}

Task<Result<SealedKeyPair>> XksKeyStore::KeyPair(const Key&, const Bytes&, const std::string&, bool) {
  co_return NotForExternalKeys();
}
Task<Result<Bytes>> XksKeyStore::ReSeal(SealSide, ByteView, SealSide) { co_return NotForExternalKeys(); }
Task<Result<Bytes>> XksKeyStore::Encrypt(const Key&, const std::string&, SecretBuffer) {
  co_return NotForExternalKeys();
}
Task<Result<SecretBuffer>> XksKeyStore::Decrypt(const Key&, const std::string&, ByteView) {
  co_return NotForExternalKeys();
}
Task<Result<Bytes>> XksKeyStore::Sign(const Key&, SignedMessage) { co_return NotForExternalKeys(); }
Task<Status> XksKeyStore::Verify(const Key&, SignedMessage, const Bytes&) { co_return NotForExternalKeys(); }
Task<Result<Bytes>> XksKeyStore::GenerateMac(const Key&, const std::string&, SecretBuffer) {
  co_return NotForExternalKeys();
}
Task<Status> XksKeyStore::VerifyMac(const Key&, const std::string&, SecretBuffer, const Bytes&) {
  co_return NotForExternalKeys();
}
Task<Result<SecretBuffer>> XksKeyStore::DeriveSharedSecret(const Key&, const std::string&, const Bytes&) {
  co_return NotForExternalKeys();
}
Task<Result<Bytes>> XksKeyStore::PublicKey(const Key&) { co_return NotForExternalKeys(); }

}  // namespace strongroom::kms
