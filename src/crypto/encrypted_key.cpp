#include "crypto/encrypted_key.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>

#include "crypto/internal/keys.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::crypto {
namespace {

constexpr std::size_t kLargestKeyText = 64 * 1024;
constexpr std::size_t kMaxPassphraseBytes = 1024;
constexpr std::uint64_t kScryptN = 1 << 14, kScryptR = 8, kScryptP = 1;
constexpr std::string_view kLabel = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;
using Algorithm = std::unique_ptr<X509_ALGOR, Freer<X509_ALGOR_free>>;
using Encrypted = std::unique_ptr<X509_SIG, Freer<X509_SIG_free>>;

Status CheckPassphrase(const SecretBuffer& passphrase) {
  if (passphrase.empty() || passphrase.size() > kMaxPassphraseBytes)
    return Error(Errc::kInvalidArgument, "A passphrase has 1 to 1024 bytes.");
  return {};
}

}  // namespace

Result<SecretBuffer> ToEncryptedPem(const PrivateKey& key, const SecretBuffer& passphrase) {
  SR_CHECK(CheckPassphrase(passphrase));
  const ByteView secret = EvpKeyLoader::View(passphrase);
  const Pkcs8 plain(::EVP_PKEY2PKCS8(OpenSslBridge::Get(key)));
  Algorithm scheme(::PKCS5_pbe2_set_scrypt(::EVP_aes_256_cbc(), nullptr, 0, nullptr, kScryptN, kScryptR, kScryptP));
  if (!plain || !scheme) return OpenSslError("encrypt a private key");
  const Encrypted sealed(::PKCS8_set0_pbe(reinterpret_cast<const char*>(secret.data()), static_cast<int>(secret.size()),
                                          plain.get(), scheme.get()));
  if (!sealed) return OpenSslError("encrypt a private key");
  (void)scheme.release();  // `sealed` owns it now
  const BioPtr bio(::BIO_new(::BIO_s_mem()));
  if (!bio || ::PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) return OpenSslError("encrypt a private key");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  if (size <= 0) return OpenSslError("encrypt a private key");
  return SecretBuffer::CopyOf({reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)});
}

bool IsEncryptedPem(const SecretBuffer& pem) {
  return AsText(EvpKeyLoader::View(pem)).find(kLabel) != std::string_view::npos;
}

bool IsTraditionalEncryptedPem(const SecretBuffer& pem) {
  return AsText(EvpKeyLoader::View(pem)).find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos;
}

Result<PrivateKey> FromEncryptedPem(const SecretBuffer& pem, const SecretBuffer& passphrase) {
  SR_CHECK(CheckPassphrase(passphrase));
  const ByteView in = EvpKeyLoader::View(pem);
  if (in.empty() || in.size() > kLargestKeyText || !IsEncryptedPem(pem))
    return Error(Errc::kInvalidArgument, "This is not an encrypted private key.");
  const BioPtr bio(::BIO_new_mem_buf(in.data(), static_cast<int>(in.size())));
  const auto give = [](char* room, int size, int, void* from) {
    const ByteView secret = EvpKeyLoader::View(*static_cast<const SecretBuffer*>(from));
    if (secret.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(room, secret.data(), secret.size());
    return static_cast<int>(secret.size());
  };
  EvpKey key(bio ? ::PEM_read_bio_PrivateKey(bio.get(), nullptr, give, const_cast<SecretBuffer*>(&passphrase))
                 : nullptr);
  DrainQueue();
  if (!key)
    return Error(Errc::kAccessDenied,
                 "The private key does not open: the passphrase is wrong, or the file is damaged.");
  SR_TRY([[maybe_unused]] const KeySpec spec, SpecOf(key.get()));
  return MakePrivateKey(std::move(key));
}

}  // namespace strongroom::crypto
