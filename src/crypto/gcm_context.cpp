#include "crypto/gcm_context.h"

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {
namespace {

constexpr std::size_t kMostInOneCall = std::size_t{1} << 30;  // OpenSSL counts in int

const EVP_CIPHER* CipherFor(std::size_t key_bytes) noexcept {
  switch (key_bytes) {
    case 16: return Fetched().gcm128;
    case 24: return Fetched().gcm192;
    case 32: return Fetched().gcm256;
    default: return nullptr;
  }
}

/// Associated data where `out` is null.
bool Update(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  while (!in.empty()) {
    const std::size_t part = std::min(in.size(), kMostInOneCall);
    int size = 0;
    if (::EVP_CipherUpdate(context, out, &size, in.data(), static_cast<int>(part)) != 1) return false;
    in = in.subspan(part);
    if (out != nullptr) out += part;
  }
  return true;
}

}  // namespace

struct GcmContext::Impl {
  EvpCipherCtx context{::EVP_CIPHER_CTX_new()};

  bool Begin(Nonce nonce, std::initializer_list<ByteView> aad) {
    bool good = ::EVP_CipherInit_ex2(context.get(), nullptr, nullptr, nonce.data(), -1, nullptr) == 1;
    for (const ByteView part : aad) good = good && Update(context.get(), part, nullptr);
    return good;
  }
};

GcmContext::GcmContext(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
GcmContext::GcmContext(GcmContext&&) noexcept = default;
GcmContext& GcmContext::operator=(GcmContext&&) noexcept = default;
GcmContext::~GcmContext() = default;

Result<GcmContext> GcmContext::ForSealing(const SecretBuffer& key) { return Make(key, 1); }
Result<GcmContext> GcmContext::ForOpening(const SecretBuffer& key) { return Make(key, 0); }

Result<GcmContext> GcmContext::Make(const SecretBuffer& key, int encrypt) {
  const EVP_CIPHER* cipher = CipherFor(key.size());
  if (cipher == nullptr) return Error(Errc::kInvalidArgument, "An AES key has 16, 24 or 32 bytes.");
  auto impl = std::make_unique<Impl>();
  if (!impl->context || ::EVP_CipherInit_ex2(impl->context.get(), cipher, EvpKeyLoader::View(key).data(), nullptr,
                                             encrypt, nullptr) != 1) {
    return OpenSslError("make an AES-GCM context");
  }
  return GcmContext(std::move(impl));
}

Result<GcmContext::Tag> GcmContext::Seal(Nonce nonce, std::initializer_list<ByteView> aad, ByteView plaintext,
                                         std::uint8_t* out) {
  EVP_CIPHER_CTX* const context = impl_->context.get();
  Tag tag;
  int size = 0;
  std::uint8_t unused = 0;
  if (!impl_->Begin(nonce, aad) || !Update(context, plaintext, out) ||
      ::EVP_CipherFinal_ex(context, &unused, &size) != 1 ||
      ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()) != 1) {
    return OpenSslError("encrypt with AES-GCM");
  }
  return tag;
}

Result<bool> GcmContext::Open(Nonce nonce, std::initializer_list<ByteView> aad, ByteView ciphertext, const Tag& tag,
                              std::uint8_t* out) {
  EVP_CIPHER_CTX* const context = impl_->context.get();
  Tag copy = tag;  // the call takes what is not const
  int size = 0;
  std::uint8_t unused = 0;
  if (!impl_->Begin(nonce, aad) || !Update(context, ciphertext, out) ||
      ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(copy.size()), copy.data()) != 1) {
    return OpenSslError("decrypt with AES-GCM");
  }
  if (::EVP_CipherFinal_ex(context, &unused, &size) == 1) return true;
  DrainQueue();
  return false;
}

}  // namespace strongroom::crypto
