#include <openssl/rsa.h>

#include "crypto/internal/keys.h"

namespace strongroom::crypto {
namespace {

const EVP_MD* OaepMd(OaepHash hash) noexcept { return Md(hash == OaepHash::kSha1 ? Digest::kSha1 : Digest::kSha256); }

bool SetOaep(EVP_PKEY_CTX* context, OaepHash hash, ByteView label) {
  if (::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
      ::EVP_PKEY_CTX_set_rsa_oaep_md(context, OaepMd(hash)) != 1 ||
      ::EVP_PKEY_CTX_set_rsa_mgf1_md(context, OaepMd(hash)) != 1) {
    return false;
  }
  if (label.empty()) return true;
  void* copy = ::OPENSSL_memdup(label.data(), label.size());  // the context frees it
  if (copy == nullptr) return false;
  if (::EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, static_cast<int>(label.size())) == 1) return true;
  ::OPENSSL_free(copy);
  return false;
}

constexpr std::size_t kLongestLabel = 64 * 1024;

bool SetSm2(EVP_PKEY_CTX* context) {
  std::string name = "SM3";
  const OSSL_PARAM params[] = {::OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_DIGEST, name.data(), 0),
                               ::OSSL_PARAM_construct_end()};
  return ::EVP_PKEY_CTX_set_params(context, params) == 1;
}
/// DER of a point, an SM3 digest and a text of kMaxSm2Bytes is shorter.
constexpr std::size_t kLongestSm2 = kMaxSm2Bytes + 256;

Error Refused() { return Error(Errc::kBadCiphertext, "The ciphertext cannot be decrypted."); }

}  // namespace

std::size_t PublicKey::MaxOaepBytes(OaepHash hash) const noexcept {
  if (!IsRsa(spec())) return 0;
  const std::size_t hash_size = hash == OaepHash::kSha1 ? 20 : 32;
  return static_cast<std::size_t>(::EVP_PKEY_get_size(impl_->key.get())) - 2 * hash_size - 2;
}

Result<Bytes> PublicKey::EncryptOaep(OaepHash hash, ByteView label, const SecretBuffer& plaintext) const {
  if (!IsRsa(spec())) return Error(Errc::kWrongKeyUsage, "RSA-OAEP needs an RSA key.");
  if (plaintext.size() > MaxOaepBytes(hash) || label.size() > kLongestLabel) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("The plaintext has more than {} bytes, or the label is too long.", MaxOaepBytes(hash)));
  }
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  Bytes out(static_cast<std::size_t>(::EVP_PKEY_get_size(impl_->key.get())));
  std::size_t size = out.size();
  static constexpr std::uint8_t kNothing = 0;
  const ByteView in = EvpKeyLoader::View(plaintext);
  if (!context || ::EVP_PKEY_encrypt_init(context.get()) != 1 || !SetOaep(context.get(), hash, label) ||
      ::EVP_PKEY_encrypt(context.get(), out.data(), &size, in.empty() ? &kNothing : in.data(), in.size()) != 1) {
    return OpenSslError("encrypt with RSA-OAEP");
  }
  out.resize(size);
  return out;
}

Result<SecretBuffer> PrivateKey::DecryptOaep(OaepHash hash, ByteView label, ByteView ciphertext) const {
  if (!IsRsa(spec())) return Error(Errc::kWrongKeyUsage, "RSA-OAEP needs an RSA key.");
  const std::size_t key_bytes = static_cast<std::size_t>(::EVP_PKEY_get_size(impl_->key.get()));
  if (ciphertext.size() != key_bytes || label.size() > kLongestLabel) return Refused();
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  if (!context || ::EVP_PKEY_decrypt_init(context.get()) != 1 || !SetOaep(context.get(), hash, label)) {
    return OpenSslError("decrypt with RSA-OAEP");
  }
  return SecretBuffer::Produce(key_bytes, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    std::size_t size = room.size();
    if (::EVP_PKEY_decrypt(context.get(), room.data(), &size, ciphertext.data(), ciphertext.size()) != 1) {
      DrainQueue();
      return Refused();
    }
    return size;
  });
}

Result<Bytes> PublicKey::EncryptSm2(const SecretBuffer& plaintext) const {
  if (spec() != KeySpec::kSm2) return Error(Errc::kWrongKeyUsage, "SM2 encryption needs an SM2 key.");
  if (plaintext.empty() || plaintext.size() > kMaxSm2Bytes) {
    return Error(Errc::kInvalidArgument, fmt::format("The plaintext has not 1 to {} bytes.", kMaxSm2Bytes));
  }
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  const ByteView in = EvpKeyLoader::View(plaintext);
  Bytes out(kLongestSm2);
  std::size_t size = out.size();
  if (!context || ::EVP_PKEY_encrypt_init(context.get()) != 1 || !SetSm2(context.get()) ||
      ::EVP_PKEY_encrypt(context.get(), out.data(), &size, in.data(), in.size()) != 1) {
    return OpenSslError("encrypt with SM2");
  }
  out.resize(size);
  return out;
}

Result<SecretBuffer> PrivateKey::DecryptSm2(ByteView ciphertext) const {
  if (spec() != KeySpec::kSm2) return Error(Errc::kWrongKeyUsage, "SM2 encryption needs an SM2 key.");
  // OpenSSL reads over what stands behind the element.
  if (ciphertext.size() > kLongestSm2 || !IsOneElement(ciphertext, V_ASN1_SEQUENCE)) return Refused();
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  if (!context || ::EVP_PKEY_decrypt_init(context.get()) != 1 || !SetSm2(context.get())) {
    return OpenSslError("decrypt with SM2");
  }
  return SecretBuffer::Produce(ciphertext.size(), [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    std::size_t size = room.size();
    if (::EVP_PKEY_decrypt(context.get(), room.data(), &size, ciphertext.data(), ciphertext.size()) != 1) {
      DrainQueue();
      return Refused();
    }
    return size;
  });
}

}  // namespace strongroom::crypto
