#pragma once

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {

/// Hands secret bytes to OpenSSL: the crypto component's one right to look.
class EvpKeyLoader {
 public:
  static ByteView View(const SecretBuffer& buffer) noexcept { return buffer.Reveal(KeyAccess()); }
  static ByteView View(const SecretBuffer&&) = delete;
};

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using EvpKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using EvpKeyCtx = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using EvpMdCtx = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using EvpMacCtx = std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>>;
using EvpCipherCtx = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;
using X509NamePtr = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;

/// Empties OpenSSL's error queue of this thread into a text for Error::detail. Its texts name functions and reasons.
std::string DrainQueue();

/// kInternal "Cannot <doing>.", with the queue as detail.
Error OpenSslError(std::string_view doing, boost::source_location where = BOOST_CURRENT_LOCATION);
/// The given error, with the queue as detail.
Error WithQueue(Errc code, std::string_view text, boost::source_location where = BOOST_CURRENT_LOCATION);
/// Logs and aborts: for calls that fail only when the process is broken.
[[noreturn]] void Broken(std::string_view doing);

/// Algorithms fetched once, since a fetch costs more than hashing a short text.
struct Algorithms {
  EVP_MD* digest[5];
  EVP_MAC* hmac;
  EVP_CIPHER *gcm128, *gcm192, *gcm256;
  EVP_CIPHER *wrap[3], *wrap_pad[3];
};
/// Made on first use and never freed. Aborts when OpenSSL lacks one.
const Algorithms& Fetched() noexcept;
inline const EVP_MD* Md(Digest digest) noexcept { return Fetched().digest[static_cast<int>(digest)]; }

/// HMAC-SHA-256 over raw bytes on this thread's kept context.
void HmacSha256Raw(ByteView key, std::initializer_list<ByteView> parts, std::span<std::uint8_t, 32> out);

/// HKDF-SHA-256 into `out` (1..8160 bytes).
void HkdfSha256Raw(ByteView input_key, ByteView salt, ByteView info, std::span<std::uint8_t> out);

/// The text of a PEM armour check: exactly one block of `label`, only blanks around it. Returns the block.
Result<std::string_view> OnePemBlock(std::string_view text, std::string_view label, std::size_t max_chars);

}  // namespace strongroom::crypto
