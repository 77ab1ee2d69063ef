#include "crypto/rsa_wrapping.h"

#include <openssl/rsa.h>

#include "crypto/internal/keys.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::crypto {
namespace {

Digest OaepDigest(RsaPadding padding) noexcept {
  switch (padding) {
    case RsaPadding::kOaepSha1: return Digest::kSha1;
    case RsaPadding::kOaepSha384: return Digest::kSha384;
    case RsaPadding::kOaepSha512: return Digest::kSha512;
    default: return Digest::kSha256;
  }
}

bool SetPadding(EVP_PKEY_CTX* context, RsaPadding padding) {
  if (padding == RsaPadding::kPkcs1V15) return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  const EVP_MD* digest = Md(OaepDigest(padding));
  return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         ::EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) == 1 && ::EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1;
}

std::size_t Overhead(RsaPadding padding) noexcept {
  return padding == RsaPadding::kPkcs1V15 ? 11 : 2 * DigestSize(OaepDigest(padding)) + 2;
}

Error Refused() { return Error(Errc::kBadCiphertext, "The ciphertext cannot be decrypted."); }

}  // namespace

Result<PublicKey> RsaPublicKeyFromPem(std::string_view pem) {
  constexpr std::size_t kMostChars = 8192;
  constexpr std::string_view kLabel = "PUBLIC KEY";
  SR_TRY(std::string_view block, OnePemBlock(pem, kLabel, kMostChars));
  const std::size_t line = std::string_view("-----BEGIN -----").size() + kLabel.size();
  block = block.substr(line, block.size() - line - (line - 2));  // "END" is two shorter than "BEGIN"
  std::string text;
  for (const char c : block) {
    if (c != '\n' && c != '\r') text += c;
  }
  SR_TRY(const Bytes der, FromBase64(text));
  SR_TRY(PublicKey key, PublicKey::FromSpki(der));
  if (!IsRsa(key.spec())) return Error(Errc::kInvalidArgument, "This public key is not an RSA key.");
  return key;
}

Result<Bytes> RsaWrap(const PublicKey& key, RsaPadding padding, const SecretBuffer& secret) {
  if (!IsRsa(key.spec())) return Error(Errc::kWrongKeyUsage, "RSA wrapping needs an RSA key.");
  Bytes out(static_cast<std::size_t>(::EVP_PKEY_get_size(OpenSslBridge::Get(key))));
  if (secret.empty() || secret.size() + Overhead(padding) > out.size()) {
    return Error(Errc::kInvalidArgument, "The secret does not fit into this RSA key with this padding.");
  }
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, OpenSslBridge::Get(key), nullptr));
  std::size_t size = out.size();
  const ByteView in = EvpKeyLoader::View(secret);
  if (!context || ::EVP_PKEY_encrypt_init(context.get()) != 1 || !SetPadding(context.get(), padding) ||
      ::EVP_PKEY_encrypt(context.get(), out.data(), &size, in.data(), in.size()) != 1) {
    return OpenSslError("encrypt with RSA");
  }
  out.resize(size);
  return out;
}

Result<SecretBuffer> RsaUnwrap(const PrivateKey& key, RsaPadding padding, ByteView wrapped) {
  if (!IsRsa(key.spec())) return Error(Errc::kWrongKeyUsage, "RSA wrapping needs an RSA key.");
  const std::size_t key_bytes = static_cast<std::size_t>(::EVP_PKEY_get_size(OpenSslBridge::Get(key)));
  if (wrapped.size() != key_bytes) return Refused();
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, OpenSslBridge::Get(key), nullptr));
  if (!context || ::EVP_PKEY_decrypt_init(context.get()) != 1 || !SetPadding(context.get(), padding)) {
    return OpenSslError("decrypt with RSA");
  }
  return SecretBuffer::Produce(key_bytes, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    std::size_t size = room.size();
    if (::EVP_PKEY_decrypt(context.get(), room.data(), &size, wrapped.data(), wrapped.size()) != 1) {
      DrainQueue();
      return Refused();
    }
    return size;
  });
}

}  // namespace strongroom::crypto
