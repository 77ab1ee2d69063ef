#include <openssl/rsa.h>

#include "crypto/internal/keys.h"
#include "crypto/internal/message_signature.h"

namespace strongroom::crypto {
namespace {

enum class Family { kPkcs1, kPss, kEcdsa, kEd25519, kEd25519Ph, kSm2, kMlDsa };
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
    {SignatureScheme::kSm2Dsa, "SM2 SM3", Family::kSm2, Digest::kSha256, false},  // SM3 is as long as SHA-256
    {SignatureScheme::kMlDsa, "ML-DSA", Family::kMlDsa, Digest::kSha512, false},
};
constexpr bool SchemesInOrder() {
  for (std::size_t i = 0; i < std::size(kSchemes); ++i) {
    if (kSchemes[i].scheme != static_cast<SignatureScheme>(i)) return false;
  }
  return std::size(kSchemes) == static_cast<std::size_t>(SignatureScheme::kMlDsa) + 1;
}
static_assert(SchemesInOrder(), "a SignatureScheme was added without its row");

const SchemeRow& Row(SignatureScheme scheme) noexcept { return kSchemes[static_cast<std::size_t>(scheme)]; }

constexpr WholeMessage kSm2Message{"SM3", "1234567812345678", false};  // GM/T 0009, 10: the default id
constexpr std::size_t kMuBytes = 64;

/// What Sign and Verify give to OpenSSL: the digest, or the message itself.
struct Input {
  std::array<std::uint8_t, 64> storage;
  ByteView view;
};

bool Fits(KeySpec spec, Family family) noexcept {
  switch (family) {
    case Family::kEcdsa: return IsEc(spec);
    case Family::kEd25519:
    case Family::kEd25519Ph: return spec == KeySpec::kEd25519;
    case Family::kSm2: return spec == KeySpec::kSm2;
    case Family::kMlDsa: return IsMlDsa(spec);
    default: return IsRsa(spec);
  }
}

Error WrongSize(std::size_t is, std::size_t wanted) {
  return Error(Errc::kInvalidArgument, fmt::format("The digest has {} bytes and not {}.", is, wanted));
}

Status Prepare(KeySpec spec, const SchemeRow& row, MessageForm form, ByteView message, Input& input) {
  if (!Fits(spec, row.family)) {
    return Error(Errc::kWrongKeyUsage, fmt::format("A {} key cannot be used with {}.", Name(spec), row.name));
  }
  input.view = message;
  if (row.family == Family::kMlDsa) {
    if (form == MessageForm::kDigest) return Error(Errc::kInvalidArgument, "ML-DSA signs no digest.");
    if (form == MessageForm::kExternalMu && message.size() != kMuBytes) return WrongSize(message.size(), kMuBytes);
    return {};
  }
  if (form == MessageForm::kExternalMu) return Error(Errc::kInvalidArgument, "Only ML-DSA takes an external mu.");
  if (row.family == Family::kEd25519 || row.family == Family::kEd25519Ph) {
    if (form == MessageForm::kRaw) return {};
    return Error(Errc::kInvalidArgument, "Ed25519 signs the message itself, not a digest.");
  }
  if (row.family == Family::kSm2) {
    const std::size_t size = DigestSize(row.digest);
    return form == MessageForm::kDigest && message.size() != size ? WrongSize(message.size(), size) : Status();
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
    return message.size() == digest_size ? Status() : WrongSize(message.size(), digest_size);
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

/// Set for what OpenSSL hashes itself.
std::optional<WholeMessage> TakenWhole(const SchemeRow& row, MessageForm form) {
  if (row.family == Family::kEd25519) return WholeMessage{};
  if (row.family == Family::kMlDsa) return WholeMessage{.mu = form == MessageForm::kExternalMu};
  if (row.family == Family::kSm2 && form == MessageForm::kRaw) return kSm2Message;
  return std::nullopt;
}

}  // namespace

std::string_view Name(SignatureScheme scheme) noexcept { return Row(scheme).name; }

Result<Bytes> PrivateKey::Sign(SignatureScheme scheme, MessageForm form, ByteView message) const {
  const SchemeRow& row = Row(scheme);
  Input input;
  SR_CHECK(Prepare(spec(), row, form, message, input));
  EVP_PKEY* const key = impl_->key.get();
  if (row.family == Family::kEd25519Ph) return SignPrehashed(key, input.view);
  if (const auto whole = TakenWhole(row, form)) return SignWhole(key, *whole, input.view);
  Bytes out(static_cast<std::size_t>(::EVP_PKEY_get_size(key)));
  std::size_t size = out.size();
  if (!row.hashes && row.family == Family::kPkcs1 && input.view.size() + 11 > out.size()) {
    return Error(Errc::kInvalidArgument, "The digest is too long for the key.");
  }
  EvpKeyCtx context = impl_->signing.Take(scheme);
  if (!context) {
    context.reset(::EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    if (!context || ::EVP_PKEY_sign_init(context.get()) != 1 || !SetPadding(context.get(), row))
      return OpenSslError("sign");
  }
  if (::EVP_PKEY_sign(context.get(), out.data(), &size, input.view.data(), input.view.size()) != 1)
    return OpenSslError("sign");
  impl_->signing.Keep(scheme, std::move(context));
  out.resize(size);
  return out;
}

Result<Bytes> PrivateKey::SignSecret(SignatureScheme scheme, MessageForm form, const SecretBuffer& message) const {
  return Sign(scheme, form, EvpKeyLoader::View(message));
}

Status PublicKey::Verify(SignatureScheme scheme, MessageForm form, ByteView message, ByteView signature) const {
  const SchemeRow& row = Row(scheme);
  Input input;
  SR_CHECK(Prepare(spec(), row, form, message, input));
  EVP_PKEY* const key = impl_->key.get();
  int verdict = 0;
  if (row.family == Family::kEd25519Ph) {
    verdict = VerifyPrehashed(key, input.view, signature) ? 1 : 0;
  } else if (const auto whole = TakenWhole(row, form)) {
    SR_TRY(verdict, VerifyWhole(key, *whole, input.view, signature));
  } else {
    EvpKeyCtx context = impl_->verifying.Take(scheme);
    if (!context) {
      context.reset(::EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
      if (!context || ::EVP_PKEY_verify_init(context.get()) != 1 || !SetPadding(context.get(), row))
        return OpenSslError("verify a signature");
    }
    verdict =
        ::EVP_PKEY_verify(context.get(), signature.data(), signature.size(), input.view.data(), input.view.size());
    if (verdict == 1) impl_->verifying.Keep(scheme, std::move(context));
  }
  if (verdict == 1) return {};
  // OpenSSL says "error" for a malformed signature and "no" for a wrong one; to us both are a bad signature.
  return WithQueue(Errc::kBadSignature, "The signature does not verify.");
}

Status PublicKey::VerifySecret(SignatureScheme scheme, MessageForm form, const SecretBuffer& message,
                               ByteView signature) const {
  return Verify(scheme, form, EvpKeyLoader::View(message), signature);
}

}  // namespace strongroom::crypto
