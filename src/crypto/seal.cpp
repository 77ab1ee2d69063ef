#include "crypto/seal.h"

#include "crypto/internal/openssl.h"
#include "crypto/random.h"
#include "secret/secret_vector.h"

namespace strongroom::crypto {
namespace {

constexpr std::size_t kKeyBytes = 32, kIvBytes = 12;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
constexpr std::array<std::uint8_t, kIvBytes> kIv{};  // each key seals one message

enum class Direction : int { kOpen = 0, kSeal = 1 };

/// One kept cipher context per thread and direction, so that only the key is new.
EVP_CIPHER_CTX* ThisThreadsCipher(Direction direction) {
  thread_local std::array<EvpCipherCtx, 2> contexts;
  EvpCipherCtx& context = contexts[static_cast<std::size_t>(direction)];
  if (!context) {
    context.reset(::EVP_CIPHER_CTX_new());
    if (!context || ::EVP_CipherInit_ex2(context.get(), Fetched().gcm256, nullptr, nullptr, static_cast<int>(direction),
                                         nullptr) != 1) {
      Broken("make a cipher context");
    }
  }
  return context.get();
}

/// A one-time key on the stack, wiped when it goes.
struct OneTimeKey {
  std::array<std::uint8_t, kKeyBytes> bytes;
  OneTimeKey(const SecretBuffer& secret, ByteView salt, ByteView info) {
    HkdfSha256Raw(EvpKeyLoader::View(secret), salt, info, bytes);
  }
  OneTimeKey(const OneTimeKey&) = delete;
  OneTimeKey& operator=(const OneTimeKey&) = delete;
  ~OneTimeKey() { secret::Wipe(bytes.data(), bytes.size()); }
};

Status CheckSizes(const SecretBuffer& secret, ByteView info, ByteView aad, std::size_t plaintext_bytes) {
  if (secret.empty()) return Error(Errc::kInvalidArgument, "Sealing needs a secret.");
  if (plaintext_bytes > kMostBytes || aad.size() > kMostBytes || info.size() > kMostBytes) {
    return Error(Errc::kInvalidArgument, "One sealed message has at most 1 GiB.");
  }
  return {};
}

Error BadCiphertext() { return Error(Errc::kBadCiphertext, "The sealed data cannot be opened."); }

/// Key, IV, associated data and text through the context; the tag is the caller's.
bool Run(EVP_CIPHER_CTX* context, const OneTimeKey& key, ByteView aad, ByteView in, std::uint8_t* out) {
  int size = 0;
  if (::EVP_CipherInit_ex2(context, nullptr, key.bytes.data(), kIv.data(), -1, nullptr) != 1) return false;
  if (!aad.empty() && ::EVP_CipherUpdate(context, nullptr, &size, aad.data(), static_cast<int>(aad.size())) != 1) {
    return false;
  }
  return in.empty() || (::EVP_CipherUpdate(context, out, &size, in.data(), static_cast<int>(in.size())) == 1 &&
                        static_cast<std::size_t>(size) == in.size());
}

}  // namespace

Status SealInto(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView plaintext,
                std::span<std::uint8_t> out) {
  SR_CHECK(CheckSizes(secret, info, aad, plaintext.size()));
  if (out.size() != SealedSize(plaintext.size())) {
    return Error(Errc::kInvalidArgument, "The room for sealed data has the wrong size.");
  }
  const auto salt = out.first(kSealSaltBytes);
  SR_CHECK(Random(salt));
  const OneTimeKey key(secret, salt, info);
  EVP_CIPHER_CTX* context = ThisThreadsCipher(Direction::kSeal);
  int size = 0;
  if (!Run(context, key, aad, plaintext, out.data() + kSealSaltBytes) ||
      ::EVP_CipherFinal_ex(context, out.data() + out.size(), &size) != 1 ||
      ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kSealTagBytes),
                            out.data() + out.size() - kSealTagBytes) != 1) {
    return OpenSslError("seal");
  }
  return {};
}

Status SealSecretInto(const SecretBuffer& secret, ByteView info, ByteView aad, const SecretBuffer& plaintext,
                      std::span<std::uint8_t> out) {
  return SealInto(secret, info, aad, EvpKeyLoader::View(plaintext), out);
}

Result<Bytes> Seal(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView plaintext) {
  SR_CHECK(CheckSizes(secret, info, aad, plaintext.size()));
  Bytes out(SealedSize(plaintext.size()));
  SR_CHECK(SealInto(secret, info, aad, plaintext, out));
  return out;
}

Result<Bytes> SealSecret(const SecretBuffer& secret, ByteView info, ByteView aad, const SecretBuffer& plaintext) {
  return Seal(secret, info, aad, EvpKeyLoader::View(plaintext));
}

Status OpenInto(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView sealed, std::span<std::uint8_t> out) {
  if (sealed.size() < kSealOverheadBytes) return BadCiphertext();
  SR_CHECK(CheckSizes(secret, info, aad, sealed.size() - kSealOverheadBytes));
  if (out.size() != sealed.size() - kSealOverheadBytes) {
    return Error(Errc::kInvalidArgument, "The room for opened data has the wrong size.");
  }
  const OneTimeKey key(secret, sealed.first(kSealSaltBytes), info);
  std::array<std::uint8_t, kSealTagBytes> tag;
  std::copy_n(sealed.end() - kSealTagBytes, kSealTagBytes, tag.begin());
  EVP_CIPHER_CTX* context = ThisThreadsCipher(Direction::kOpen);
  std::uint8_t unused = 0;
  int size = 0;
  if (!Run(context, key, aad, sealed.subspan(kSealSaltBytes, out.size()), out.data()) ||
      ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) != 1) {
    secret::Wipe(out.data(), out.size());
    return OpenSslError("open sealed data");
  }
  if (::EVP_CipherFinal_ex(context, &unused, &size) != 1) {
    secret::Wipe(out.data(), out.size());
    DrainQueue();
    return BadCiphertext();
  }
  return {};
}

Result<SecretBuffer> Open(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView sealed) {
  if (sealed.size() < kSealOverheadBytes) return BadCiphertext();
  return SecretBuffer::Produce(sealed.size() - kSealOverheadBytes,
                               [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
                                 SR_CHECK(OpenInto(secret, info, aad, sealed, room));
                                 return room.size();
                               });
}

Result<Bytes> OpenToBytes(const SecretBuffer& secret, ByteView info, ByteView aad, ByteView sealed) {
  if (sealed.size() < kSealOverheadBytes) return BadCiphertext();
  if (sealed.size() > kMostBytes + kSealOverheadBytes) {
    return Error(Errc::kInvalidArgument, "One sealed message has at most 1 GiB.");
  }
  Bytes out(sealed.size() - kSealOverheadBytes);
  SR_CHECK(OpenInto(secret, info, aad, sealed, out));
  return out;
}

}  // namespace strongroom::crypto
