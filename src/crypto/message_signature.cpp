// Signatures over whole messages: SM2 and ML-DSA by OpenSSL, Ed25519ph by libsodium, which takes the same key.
#include "crypto/internal/message_signature.h"

#include <sodium.h>

namespace strongroom::crypto {
namespace {

constexpr std::size_t kEdSeedBytes = 32, kEdPublicBytes = 32, kEdSignatureBytes = 64;

// OpenSSL 3.5's name of the parameter; the headers of 3.0 have no macro for it.
constexpr const char* kMuParameter = "mu";

/// The parameters that an operation begins with, which point into this object.
class Parameters {
 public:
  explicit Parameters(const WholeMessage& how) : mu_(how.mu ? 1 : 0) {
    if (how.mu) list_[0] = ::OSSL_PARAM_construct_int(kMuParameter, &mu_);
    list_[how.mu ? 1 : 0] = ::OSSL_PARAM_construct_end();
  }
  Parameters(const Parameters&) = delete;
  const OSSL_PARAM* list() const noexcept { return list_; }

 private:
  int mu_;
  OSSL_PARAM list_[2];
};

/// Tells an operation that has begun who signs. Up to 3.0.19, OpenSSL does not take it among the parameters to begin
/// with.
bool SetId(EVP_MD_CTX* context, std::string_view id) {
  return id.empty() || ::EVP_PKEY_CTX_set1_id(::EVP_MD_CTX_get_pkey_ctx(context), id.data(), id.size()) == 1;
}

}  // namespace

Result<Bytes> SignWhole(EVP_PKEY* key, const WholeMessage& how, ByteView message) {
  const Parameters parameters(how);
  const EvpMdCtx context(::EVP_MD_CTX_new());
  Bytes out(static_cast<std::size_t>(::EVP_PKEY_get_size(key)));
  std::size_t size = out.size();
  if (!context ||
      ::EVP_DigestSignInit_ex(context.get(), nullptr, how.digest, nullptr, nullptr, key, parameters.list()) != 1 ||
      !SetId(context.get(), how.distinguishing) ||
      ::EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) != 1) {
    return OpenSslError("sign");
  }
  out.resize(size);
  return out;
}

Result<int> VerifyWhole(EVP_PKEY* key, const WholeMessage& how, ByteView message, ByteView signature) {
  const Parameters parameters(how);
  const EvpMdCtx context(::EVP_MD_CTX_new());
  if (!context ||
      ::EVP_DigestVerifyInit_ex(context.get(), nullptr, how.digest, nullptr, nullptr, key, parameters.list()) != 1 ||
      !SetId(context.get(), how.distinguishing)) {
    return OpenSslError("verify a signature");
  }
  return ::EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size());
}

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

}  // namespace strongroom::crypto
