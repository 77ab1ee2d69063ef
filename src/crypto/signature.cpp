#include <openssl/rsa.h>
#include <sodium.h>

#include "crypto/internal/keys.h"

namespace strongroom::crypto {
namespace {

enum class Family { kPkcs1, kPss, kEcdsa, kEd25519, kEd25519Ph };
struct SchemeRow {
  SignatureScheme scheme;
  std::string_view name;
  Family family;
  Digest digest;
  bool hashes;  // false: the input is signed as it is
};
constexpr SchemeRow kSchemes[] = {
    {SignatureScheme::kPkcs1Sha256, "RSA PKCS#1 v1.5 SHA-256", Family::kPkcs1, Digest::kSha256, true},
    {SignatureScheme::kPkcs1Sha384, "RSA PKCS#1 v1.5 SHA-384", Family::kPkcs1, Digest::kSha384, true},
    {SignatureScheme::kPkcs1Sha512, "RSA PKCS#1 v1.5 SHA-512", Family::kPkcs1, Digest::kSha512, true},
    {SignatureScheme::kPssSha256, "RSA PSS SHA-256", Family::kPss, Digest::kSha256, true},
    {SignatureScheme::kPssSha384, "RSA PSS SHA-384", Family::kPss, Digest::kSha384, true},
    {SignatureScheme::kPssSha512, "RSA PSS SHA-512", Family::kPss, Digest::kSha512, true},
    {SignatureScheme::kEcdsaSha256, "ECDSA SHA-256", Family::kEcdsa, Digest::kSha256, true},
    {SignatureScheme::kEcdsaSha384, "ECDSA SHA-384", Family::kEcdsa, Digest::kSha384, true},
    {SignatureScheme::kEcdsaSha512, "ECDSA SHA-512", Family::kEcdsa, Digest::kSha512, true},
    {SignatureScheme::kEd25519, "Ed25519", Family::kEd25519, Digest::kSha512, false},
    {SignatureScheme::kPkcs1NoHash, "RSA PKCS#1 v1.5", Family::kPkcs1, Digest::kSha256, false},
    {SignatureScheme::kEcdsaNoHash, "ECDSA", Family::kEcdsa, Digest::kSha256, false},
    {SignatureScheme::kEd25519Ph, "Ed25519ph", Family::kEd25519Ph, Digest::kSha512, false},
};
constexpr bool SchemesInOrder() {
  for (std::size_t i = 0; i < std::size(kSchemes); ++i) {
    if (kSchemes[i].scheme != static_cast<SignatureScheme>(i)) return false;
  }
  return std::size(kSchemes) == static_cast<std::size_t>(SignatureScheme::kEd25519Ph) + 1;
}
static_assert(SchemesInOrder(), "a SignatureScheme was added without its row");

const SchemeRow& Row(SignatureScheme scheme) noexcept { return kSchemes[static_cast<std::size_t>(scheme)]; }

/// What Sign and Verify give to OpenSSL: the digest, or the message itself for Ed25519.
struct Input {
  std::array<std::uint8_t, 64> storage;
  ByteView view;
};

Status Prepare(KeySpec spec, const SchemeRow& row, MessageForm form, ByteView message, Input& input) {
  const bool fits = row.family == Family::kEcdsa                                         ? IsEc(spec)
                    : row.family == Family::kEd25519 || row.family == Family::kEd25519Ph ? spec == KeySpec::kEd25519
                                                                                         : IsRsa(spec);
  if (!fits) {
    return Error(Errc::kWrongKeyUsage, fmt::format("A {} key cannot be used with {}.", Name(spec), row.name));
  }
  input.view = message;
  if (row.family == Family::kEd25519 || row.family == Family::kEd25519Ph) {
    if (form == MessageForm::kRaw) return {};
    return Error(Errc::kInvalidArgument, "Ed25519 signs the message itself, not a digest.");
  }
  if (!row.hashes) {
    if (form == MessageForm::kRaw) return Error(Errc::kInvalidArgument, "This scheme signs a digest, not a message.");
    if (message.empty() || (row.family == Family::kEcdsa && message.size() > 64)) {
      return Error(Errc::kInvalidArgument, "The digest has the wrong size.");
    }
    return {};
  }
  const std::size_t digest_size = DigestSize(row.digest);
  if (form == MessageForm::kDigest) {
    if (message.size() == digest_size) return {};
    return Error(Errc::kInvalidArgument,
                 fmt::format("The digest has {} bytes and not {}.", message.size(), digest_size));
  }
  // Hashed on the kept context; OpenSSL's one-step signing would fetch the digest anew.
  switch (row.digest) {
    case Digest::kSha256: std::ranges::copy(Sha256(message), input.storage.begin()); break;
    case Digest::kSha384: std::ranges::copy(Sha384(message), input.storage.begin()); break;
    default: std::ranges::copy(Sha512(message), input.storage.begin()); break;
  }
  input.view = ByteView(input.storage).first(digest_size);
  return {};
}

bool SetPadding(EVP_PKEY_CTX* context, const SchemeRow& row) {
  if (row.hashes && ::EVP_PKEY_CTX_set_signature_md(context, Md(row.digest)) != 1) return false;
  if (row.family == Family::kPkcs1) return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  if (row.family != Family::kPss) return true;
  return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         ::EVP_PKEY_CTX_set_rsa_mgf1_md(context, Md(row.digest)) == 1 &&
         ::EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

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

// OpenSSL 3.0 has no Ed25519ph; libsodium has, and takes the same key.
constexpr std::size_t kEdSeedBytes = 32, kEdPublicBytes = 32, kEdSignatureBytes = 64;

Result<Bytes> SignPrehashed(const EVP_PKEY* key, ByteView message) {
  SR_TRY(
      const SecretBuffer pair,
      SecretBuffer::Produce(kEdSeedBytes + kEdPublicBytes, [key](std::span<std::uint8_t> room) -> Result<std::size_t> {
        std::size_t seed_size = kEdSeedBytes, public_size = kEdPublicBytes;
        if (::EVP_PKEY_get_raw_private_key(key, room.data(), &seed_size) != 1 || seed_size != kEdSeedBytes ||
            ::EVP_PKEY_get_raw_public_key(key, room.data() + kEdSeedBytes, &public_size) != 1 ||
            public_size != kEdPublicBytes) {
          return OpenSslError("sign");
        }
        return room.size();
      }));
  crypto_sign_ed25519ph_state state;
  Bytes out(kEdSignatureBytes);
  if (::crypto_sign_ed25519ph_init(&state) != 0 ||
      ::crypto_sign_ed25519ph_update(&state, message.data(), message.size()) != 0 ||
      ::crypto_sign_ed25519ph_final_create(&state, out.data(), nullptr, EvpKeyLoader::View(pair).data()) != 0) {
    return Error(Errc::kInternal, "Cannot sign.");
  }
  return out;
}

bool VerifyPrehashed(const EVP_PKEY* key, ByteView message, ByteView signature) {
  std::array<std::uint8_t, kEdPublicBytes> point;
  std::size_t size = point.size();
  if (signature.size() != kEdSignatureBytes || ::EVP_PKEY_get_raw_public_key(key, point.data(), &size) != 1)
    return false;
  crypto_sign_ed25519ph_state state;
  return ::crypto_sign_ed25519ph_init(&state) == 0 &&
         ::crypto_sign_ed25519ph_update(&state, message.data(), message.size()) == 0 &&
         ::crypto_sign_ed25519ph_final_verify(&state, signature.data(), point.data()) == 0;
}

constexpr std::size_t kLongestLabel = 64 * 1024;

}  // namespace

std::string_view Name(SignatureScheme scheme) noexcept { return Row(scheme).name; }

Result<Bytes> PrivateKey::Sign(SignatureScheme scheme, MessageForm form, ByteView message) const {
  const SchemeRow& row = Row(scheme);
  Input input;
  SR_CHECK(Prepare(spec(), row, form, message, input));
  if (row.family == Family::kEd25519Ph) return SignPrehashed(impl_->key.get(), input.view);
  Bytes out(static_cast<std::size_t>(::EVP_PKEY_get_size(impl_->key.get())));
  std::size_t size = out.size();
  if (row.family == Family::kEd25519) {
    const EvpMdCtx context(::EVP_MD_CTX_new());
    if (!context || ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) != 1 ||
        ::EVP_DigestSign(context.get(), out.data(), &size, input.view.data(), input.view.size()) != 1) {
      return OpenSslError("sign");
    }
  } else {
    if (!row.hashes && row.family == Family::kPkcs1 && input.view.size() + 11 > out.size()) {
      return Error(Errc::kInvalidArgument, "The digest is too long for the key.");
    }
    const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
    if (!context || ::EVP_PKEY_sign_init(context.get()) != 1 || !SetPadding(context.get(), row) ||
        ::EVP_PKEY_sign(context.get(), out.data(), &size, input.view.data(), input.view.size()) != 1) {
      return OpenSslError("sign");
    }
  }
  out.resize(size);
  return out;
}

Status PublicKey::Verify(SignatureScheme scheme, MessageForm form, ByteView message, ByteView signature) const {
  const SchemeRow& row = Row(scheme);
  Input input;
  SR_CHECK(Prepare(spec(), row, form, message, input));
  int verdict = 0;
  if (row.family == Family::kEd25519Ph) {
    verdict = VerifyPrehashed(impl_->key.get(), input.view, signature) ? 1 : 0;
  } else if (row.family == Family::kEd25519) {
    const EvpMdCtx context(::EVP_MD_CTX_new());
    if (!context || ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get()) != 1) {
      return OpenSslError("verify a signature");
    }
    verdict =
        ::EVP_DigestVerify(context.get(), signature.data(), signature.size(), input.view.data(), input.view.size());
  } else {
    const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
    if (!context || ::EVP_PKEY_verify_init(context.get()) != 1 || !SetPadding(context.get(), row)) {
      return OpenSslError("verify a signature");
    }
    verdict =
        ::EVP_PKEY_verify(context.get(), signature.data(), signature.size(), input.view.data(), input.view.size());
  }
  if (verdict == 1) return {};
  // OpenSSL says "error" for a malformed signature and "no" for a wrong one; to us both are a bad signature.
  return WithQueue(Errc::kBadSignature, "The signature does not verify.");
}

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
  const auto refused = [] { return Error(Errc::kBadCiphertext, "The ciphertext cannot be decrypted."); };
  const std::size_t key_bytes = static_cast<std::size_t>(::EVP_PKEY_get_size(impl_->key.get()));
  if (ciphertext.size() != key_bytes || label.size() > kLongestLabel) return refused();
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  if (!context || ::EVP_PKEY_decrypt_init(context.get()) != 1 || !SetOaep(context.get(), hash, label)) {
    return OpenSslError("decrypt with RSA-OAEP");
  }
  return SecretBuffer::Produce(key_bytes, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    std::size_t size = room.size();
    if (::EVP_PKEY_decrypt(context.get(), room.data(), &size, ciphertext.data(), ciphertext.size()) != 1) {
      DrainQueue();
      return refused();
    }
    return size;
  });
}

}  // namespace strongroom::crypto
