#include "crypto/aes_kw.h"

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {
namespace {

enum class Form { kPlain, kPadded };

const EVP_CIPHER* CipherFor(std::size_t key_bytes, Form form) noexcept {
  if (key_bytes != 16 && key_bytes != 24 && key_bytes != 32) return nullptr;
  const std::size_t index = key_bytes / 8 - 2;
  return form == Form::kPlain ? Fetched().wrap[index] : Fetched().wrap_pad[index];
}

EvpCipherCtx Start(const SecretBuffer& key, const EVP_CIPHER* cipher, int encrypt) {
  EvpCipherCtx context(::EVP_CIPHER_CTX_new());
  if (!context) return nullptr;
  ::EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (::EVP_CipherInit_ex2(context.get(), cipher, EvpKeyLoader::View(key).data(), nullptr, encrypt, nullptr) != 1) {
    return nullptr;
  }
  return context;
}

Error WrongKeySize() { return Error(Errc::kInvalidArgument, "An AES wrapping key has 16, 24 or 32 bytes."); }

Result<Bytes> Wrap(const SecretBuffer& wrapping_key, const SecretBuffer& key, Form form) {
  const EVP_CIPHER* cipher = CipherFor(wrapping_key.size(), form);
  if (cipher == nullptr) return WrongKeySize();
  const ByteView in = EvpKeyLoader::View(key);
  if (form == Form::kPlain ? in.size() < 16 || in.size() % 8 != 0 : in.empty()) {
    return Error(Errc::kInvalidArgument, "A key of this size cannot be wrapped in this way.");
  }
  const EvpCipherCtx context = Start(wrapping_key, cipher, 1);
  Bytes out((in.size() + 7) / 8 * 8 + 8 + 8);
  int size = 0, rest = 0;
  if (!context || ::EVP_CipherUpdate(context.get(), out.data(), &size, in.data(), static_cast<int>(in.size())) != 1 ||
      ::EVP_CipherFinal_ex(context.get(), out.data() + size, &rest) != 1) {
    return OpenSslError("wrap a key");
  }
  out.resize(static_cast<std::size_t>(size + rest));
  return out;
}

Result<SecretBuffer> Unwrap(const SecretBuffer& wrapping_key, ByteView wrapped, Form form) {
  const EVP_CIPHER* cipher = CipherFor(wrapping_key.size(), form);
  if (cipher == nullptr) return WrongKeySize();
  const auto refused = [] { return Error(Errc::kBadCiphertext, "The wrapped key cannot be unwrapped."); };
  const std::size_t least = form == Form::kPlain ? 24 : 16;
  if (wrapped.size() < least || wrapped.size() % 8 != 0 || wrapped.size() > secret::kLargestSecretBytes) {
    return refused();
  }
  return SecretBuffer::Produce(wrapped.size(), [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    const EvpCipherCtx context = Start(wrapping_key, cipher, 0);
    if (!context) return OpenSslError("unwrap a key");
    int size = 0;
    if (::EVP_CipherUpdate(context.get(), room.data(), &size, wrapped.data(), static_cast<int>(wrapped.size())) != 1 ||
        size <= 0) {
      DrainQueue();
      return refused();
    }
    return static_cast<std::size_t>(size);
  });
}

}  // namespace

Result<Bytes> AesKeyWrap(const SecretBuffer& wrapping_key, const SecretBuffer& key) {
  return Wrap(wrapping_key, key, Form::kPlain);
}
Result<Bytes> AesKeyWrapPadded(const SecretBuffer& wrapping_key, const SecretBuffer& key) {
  return Wrap(wrapping_key, key, Form::kPadded);
}
Result<SecretBuffer> AesKeyUnwrap(const SecretBuffer& wrapping_key, ByteView wrapped) {
  return Unwrap(wrapping_key, wrapped, Form::kPlain);
}
Result<SecretBuffer> AesKeyUnwrapPadded(const SecretBuffer& wrapping_key, ByteView wrapped) {
  return Unwrap(wrapping_key, wrapped, Form::kPadded);
}

}  // namespace strongroom::crypto
