#include "crypto/aes_gcm.h"

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 30;

const EVP_CIPHER* CipherFor(std::size_t key_bytes) noexcept {
  switch (key_bytes) {
    case 16: return Fetched().gcm128;
    case 24: return Fetched().gcm192;
    case 32: return Fetched().gcm256;
    default: return nullptr;
  }
}

Status Check(const SecretBuffer& key, const GcmParams& params, std::size_t text_bytes) {
  if (CipherFor(key.size()) == nullptr) {
    return Error(Errc::kInvalidArgument, "An AES key has 16, 24 or 32 bytes.");
  }
  if (params.iv.empty() || params.iv.size() > 128) {
    return Error(Errc::kInvalidArgument, "An AES-GCM initialisation vector has between 1 and 128 bytes.");
  }
  const std::size_t tag = params.tag_bytes;
  if (tag != 4 && tag != 8 && (tag < 12 || tag > 16)) {
    return Error(Errc::kInvalidArgument, "An AES-GCM tag has 4, 8 or 12 to 16 bytes.");
  }
  if (text_bytes > kMostBytes || params.aad.size() > kMostBytes) {
    return Error(Errc::kInvalidArgument, "One AES-GCM message has at most 1 GiB.");
  }
  return {};
}

/// A context with key and IV set and the associated data in, or null.
EvpCipherCtx Start(const SecretBuffer& key, const GcmParams& params, int encrypt) {
  EvpCipherCtx context(::EVP_CIPHER_CTX_new());
  const EVP_CIPHER* cipher = CipherFor(key.size());
  int size = 0;
  if (!context || ::EVP_CipherInit_ex2(context.get(), cipher, nullptr, nullptr, encrypt, nullptr) != 1 ||
      ::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(params.iv.size()), nullptr) != 1 ||
      ::EVP_CipherInit_ex2(context.get(), nullptr, EvpKeyLoader::View(key).data(), params.iv.data(), -1, nullptr) !=
          1) {
    return nullptr;
  }
  if (!params.aad.empty() &&
      ::EVP_CipherUpdate(context.get(), nullptr, &size, params.aad.data(), static_cast<int>(params.aad.size())) != 1) {
    return nullptr;
  }
  return context;
}

bool Text(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  int size = 0;
  return in.empty() || ::EVP_CipherUpdate(context, out, &size, in.data(), static_cast<int>(in.size())) == 1;
}

}  // namespace

Result<Bytes> AesGcmEncrypt(const SecretBuffer& key, const GcmParams& params, ByteView plaintext) {
  SR_CHECK(Check(key, params, plaintext.size()));
  Bytes out(plaintext.size() + params.tag_bytes);
  const EvpCipherCtx context = Start(key, params, 1);
  int size = 0;
  if (!context || !Text(context.get(), plaintext, out.data()) ||
      ::EVP_CipherFinal_ex(context.get(), out.data() + plaintext.size(), &size) != 1 ||
      ::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(params.tag_bytes),
                            out.data() + plaintext.size()) != 1) {
    return OpenSslError("encrypt with AES-GCM");
  }
  return out;
}

Result<Bytes> AesGcmEncrypt(const SecretBuffer& key, const GcmParams& params, const SecretBuffer& plaintext) {
  return AesGcmEncrypt(key, params, EvpKeyLoader::View(plaintext));
}

Result<SecretBuffer> AesGcmDecrypt(const SecretBuffer& key, const GcmParams& params, ByteView sealed) {
  SR_CHECK(Check(key, params, sealed.size()));
  const auto refused = [] { return Error(Errc::kBadCiphertext, "The ciphertext does not verify."); };
  if (sealed.size() < params.tag_bytes) return refused();
  Bytes tag = ToBytes(sealed.last(params.tag_bytes));
  const ByteView text = sealed.first(sealed.size() - params.tag_bytes);
  return SecretBuffer::Produce(text.size(), [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    const EvpCipherCtx context = Start(key, params, 0);
    std::uint8_t unused = 0;
    int size = 0;
    if (!context || !Text(context.get(), text, room.data()) ||
        ::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) != 1) {
      return OpenSslError("decrypt with AES-GCM");
    }
    if (::EVP_CipherFinal_ex(context.get(), &unused, &size) != 1) {
      DrainQueue();
      return refused();
    }
    return room.size();
  });
}

}  // namespace strongroom::crypto
