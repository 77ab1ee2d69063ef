#include "crypto/hmac_key.h"

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {

struct HmacKey::Impl {
  EvpMacCtx context{::EVP_MAC_CTX_new(Fetched().hmac)};
};

HmacKey::HmacKey(const SecretBuffer& key) : impl_(std::make_unique<Impl>()) {
  static constexpr std::uint8_t kNoKey = 0;  // null would mean "the key of last time"
  std::string name = ::EVP_MD_get0_name(Md(Digest::kSha256));
  const OSSL_PARAM params[] = {::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
                               ::OSSL_PARAM_construct_end()};
  const ByteView bytes = EvpKeyLoader::View(key);
  if (!impl_->context ||
      ::EVP_MAC_init(impl_->context.get(), bytes.empty() ? &kNoKey : bytes.data(), bytes.size(), params) != 1) {
    Broken("take in an HMAC key");
  }
}

HmacKey::HmacKey(HmacKey&&) noexcept = default;
HmacKey& HmacKey::operator=(HmacKey&&) noexcept = default;
HmacKey::~HmacKey() = default;

Sha256Digest HmacKey::Of(std::string_view text) {
  EVP_MAC_CTX* context = impl_->context.get();
  Sha256Digest out;
  std::size_t size = 0;
  const ByteView bytes = AsBytes(text);
  // Without a key, init goes back to the state right behind the key.
  if (::EVP_MAC_init(context, nullptr, 0, nullptr) != 1 || ::EVP_MAC_update(context, bytes.data(), bytes.size()) != 1 ||
      ::EVP_MAC_final(context, out.data(), &size, out.size()) != 1 || size != out.size()) {
    Broken("compute an HMAC");
  }
  return out;
}

}  // namespace strongroom::crypto
