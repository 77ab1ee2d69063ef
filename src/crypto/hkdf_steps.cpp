#include "crypto/hkdf_steps.h"

#include <openssl/kdf.h>

#include "crypto/internal/openssl.h"

namespace strongroom::crypto {
namespace {

using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freer<EVP_KDF_CTX_free>>;

/// Parameters of OpenSSL point to what is not const, though they only read.
void* Pointer(ByteView bytes) noexcept {
  static std::uint8_t nothing = 0;
  return bytes.empty() ? &nothing : const_cast<std::uint8_t*>(bytes.data());
}

Status Run(Digest digest, int mode, ByteView key, const char* second_name, ByteView second,
           std::span<std::uint8_t> out) {
  static EVP_KDF* const hkdf = ::EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const KdfContext context(hkdf == nullptr ? nullptr : ::EVP_KDF_CTX_new(hkdf));
  std::string name = ::EVP_MD_get0_name(Md(digest));
  const OSSL_PARAM params[] = {::OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name.data(), 0),
                               ::OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                               ::OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, Pointer(key), key.size()),
                               ::OSSL_PARAM_construct_octet_string(second_name, Pointer(second), second.size()),
                               ::OSSL_PARAM_construct_end()};
  if (!context || ::EVP_KDF_derive(context.get(), out.data(), out.size(), params) != 1) {
    return OpenSslError("derive a key with HKDF");
  }
  return {};
}

Status CheckSize(Digest digest, std::size_t size) {
  const std::size_t most = 255 * DigestSize(digest);
  if (size != 0 && size <= most) return {};
  return Error(Errc::kInvalidArgument, fmt::format("HKDF gives between 1 and {} bytes.", most));
}

}  // namespace

Result<SecretBuffer> HkdfExtract(Digest digest, const SecretBuffer& input_key, ByteView salt) {
  const Bytes zeros(salt.empty() ? DigestSize(digest) : 0);
  return SecretBuffer::Produce(DigestSize(digest), [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    SR_CHECK(Run(digest, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, EvpKeyLoader::View(input_key), OSSL_KDF_PARAM_SALT,
                 salt.empty() ? ByteView(zeros) : salt, room));
    return room.size();
  });
}

Result<SecretBuffer> HkdfExpand(Digest digest, const SecretBuffer& pseudo_random_key, ByteView info,
                                std::size_t size_bytes) {
  SR_CHECK(CheckSize(digest, size_bytes));
  return SecretBuffer::Produce(size_bytes, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    SR_CHECK(Run(digest, EVP_KDF_HKDF_MODE_EXPAND_ONLY, EvpKeyLoader::View(pseudo_random_key), OSSL_KDF_PARAM_INFO,
                 info, room));
    return room.size();
  });
}

Result<Bytes> HkdfExpandPublic(Digest digest, const SecretBuffer& pseudo_random_key, ByteView info,
                               std::size_t size_bytes) {
  SR_CHECK(CheckSize(digest, size_bytes));
  Bytes out(size_bytes);
  SR_CHECK(Run(digest, EVP_KDF_HKDF_MODE_EXPAND_ONLY, EvpKeyLoader::View(pseudo_random_key), OSSL_KDF_PARAM_INFO, info,
               out));
  return out;
}

}  // namespace strongroom::crypto
