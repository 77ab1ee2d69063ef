#include "hsm/vault/material.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>

#include "secret/key_access.h"
#include "secret/secret_vector.h"

namespace strongroom::hsm {

Result<std::array<std::uint8_t, 3>> VaultMaterial::AesCheckValue(const SecretBuffer& key) {
  const EVP_CIPHER* cipher = nullptr;
  switch (key.size()) {
    case 16: cipher = EVP_aes_128_ecb(); break;
    case 24: cipher = EVP_aes_192_ecb(); break;
    case 32: cipher = EVP_aes_256_ecb(); break;
    default: return Error(Errc::kInvalidArgument, "An AES key has 16, 24 or 32 bytes.");
  }
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free);
  const std::array<std::uint8_t, 16> zeros{};
  std::array<std::uint8_t, 32> out{};
  int written = 0;
  const ByteView bytes = key.Reveal(secret::KeyAccess{});
  const bool ok = context && EVP_EncryptInit_ex(context.get(), cipher, nullptr, bytes.data(), nullptr) == 1 &&
                  EVP_EncryptUpdate(context.get(), out.data(), &written, zeros.data(), 16) == 1 && written == 16;
  const std::array<std::uint8_t, 3> check{out[0], out[1], out[2]};
  secret::Wipe(out.data(), out.size());
  if (!ok) {
    ERR_clear_error();
    return Error(Errc::kInternal, "The check value could not be computed.");
  }
  return check;
}

}  // namespace strongroom::hsm
