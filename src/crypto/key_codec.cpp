#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/internal/keys.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::crypto {
namespace {

constexpr std::size_t kLargestKeyText = 64 * 1024;

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;
using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;

Error NotAPublicKey() { return WithQueue(Errc::kInvalidArgument, "This is not a public key."); }
Error NotAPrivateKey() {
  // The queue's texts name places in OpenSSL only, yet a parser's complaint about a private key is better not kept.
  DrainQueue();
  return Error(Errc::kInvalidArgument, "This is not a private key, or not a consistent one.");
}

Result<PublicKey> FromParams(const char* kind, OSSL_PARAM* params) {
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || ::EVP_PKEY_fromdata_init(context.get()) != 1) return OpenSslError("make a public key");
  if (::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1) return NotAPublicKey();
  return MakePublicKey(EvpKey(key));
}

Bytes BignumOf(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (::EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
  const BignumPtr number(raw);
  Bytes out(static_cast<std::size_t>(BN_num_bytes(number.get())));
  ::BN_bn2bin(number.get(), out.data());
  return out;
}

/// That the public half belongs to the private one.
bool Consistent(EVP_PKEY* key) {
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!context) return false;
  // PKCS#8 of Ed25519 carries the seed only, so there is nothing to contradict it.
  return ::EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 || ::EVP_PKEY_check(context.get()) == 1;
}

Result<PrivateKey> Adopt(EvpKey key, KeyCheck check) {
  SR_TRY([[maybe_unused]] const KeySpec spec, SpecOf(key.get()));  // before the check, which is slow for huge keys
  if (check == KeyCheck::kFull && !Consistent(key.get())) return NotAPrivateKey();
  return MakePrivateKey(std::move(key));
}

/// A memory BIO over OpenSSL's wiping buffer, copied out into the locked pool.
Result<SecretBuffer> Written(BIO* out) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  if (size <= 0) return OpenSslError("encode a private key");
  return SecretBuffer::CopyOf({reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)});
}

}  // namespace

Result<PublicKey> PublicKey::FromSpki(ByteView der) {
  if (der.empty() || der.size() > kLargestKeyText) return NotAPublicKey();
  const unsigned char* cursor = der.data();
  EvpKey key(::d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())));
  if (!key || cursor != der.data() + der.size()) return NotAPublicKey();
  return MakePublicKey(std::move(key));
}

Result<PublicKey> PublicKey::FromRsa(ByteView modulus, ByteView exponent) {
  if (modulus.size() > 4096 || exponent.size() > 4096) return NotAPublicKey();
  const BignumPtr n(::BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const BignumPtr e(::BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  const ParamBuilder builder(::OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return OpenSslError("make a public key");
  }
  const Params params(::OSSL_PARAM_BLD_to_param(builder.get()));
  if (!params) return OpenSslError("make a public key");
  return FromParams("RSA", params.get());
}

Result<PublicKey> PublicKey::FromPoint(KeySpec spec, ByteView point) {
  if (point.empty() || point.size() > 1024) return NotAPublicKey();
  if (spec == KeySpec::kEd25519) {
    if (point.size() != 32) return NotAPublicKey();
    EvpKey key(::EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, point.data(), point.size()));
    if (!key) return NotAPublicKey();
    return MakePublicKey(std::move(key));
  }
  if (!IsEc(spec)) return Error(Errc::kInvalidArgument, "A point belongs to an elliptic curve key.");
  std::string group = GroupName(spec);
  Bytes copy = ToBytes(point);
  OSSL_PARAM params[] = {::OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
                         ::OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy.data(), copy.size()),
                         ::OSSL_PARAM_construct_end()};
  return FromParams("EC", params);
}

Bytes PublicKey::RsaModulus() const {
  return IsRsa(spec()) ? BignumOf(impl_->key.get(), OSSL_PKEY_PARAM_RSA_N) : Bytes();
}
Bytes PublicKey::RsaExponent() const {
  return IsRsa(spec()) ? BignumOf(impl_->key.get(), OSSL_PKEY_PARAM_RSA_E) : Bytes();
}

Bytes PublicKey::Point() const {
  if (IsRsa(spec()) || IsMlDsa(spec())) return {};
  if (spec() == KeySpec::kEd25519) {
    Bytes out(32);
    std::size_t size = out.size();
    if (::EVP_PKEY_get_raw_public_key(impl_->key.get(), out.data(), &size) != 1) return {};
    return out;
  }
  // The coordinates come as numbers; SEC 1, 2.3.3 pads them to the field's size.
  const Bytes x = BignumOf(impl_->key.get(), OSSL_PKEY_PARAM_EC_PUB_X);
  const Bytes y = BignumOf(impl_->key.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
  const std::size_t field = (static_cast<std::size_t>(::EVP_PKEY_get_bits(impl_->key.get())) + 7) / 8;
  Bytes out(1 + 2 * field);
  out[0] = 4;
  std::copy(x.begin(), x.end(), out.begin() + static_cast<std::ptrdiff_t>(1 + field - x.size()));
  std::copy(y.begin(), y.end(), out.begin() + static_cast<std::ptrdiff_t>(1 + 2 * field - y.size()));
  return out;
}

Result<PrivateKey> PrivateKey::FromPkcs8(const SecretBuffer& der, KeyCheck check) {
  const ByteView in = EvpKeyLoader::View(der);
  if (in.empty() || in.size() > kLargestKeyText) return NotAPrivateKey();
  const unsigned char* cursor = in.data();
  const Pkcs8 info(::d2i_PKCS8_PRIV_KEY_INFO(nullptr, &cursor, static_cast<long>(in.size())));
  if (!info || cursor != in.data() + in.size()) return NotAPrivateKey();
  EvpKey key(::EVP_PKCS82PKEY(info.get()));
  if (!key) return NotAPrivateKey();
  return Adopt(std::move(key), check);
}

Result<PrivateKey> PrivateKey::FromPem(const SecretBuffer& pem) {
  const ByteView in = EvpKeyLoader::View(pem);
  if (in.empty() || in.size() > kLargestKeyText) return NotAPrivateKey();
  const BioPtr bio(::BIO_new_mem_buf(in.data(), static_cast<int>(in.size())));
  // An encrypted file must not make OpenSSL ask on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  EvpKey key(bio ? ::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key) return NotAPrivateKey();
  return Adopt(std::move(key), KeyCheck::kFull);
}

Result<SecretBuffer> PrivateKey::ToPkcs8() const {
  const Pkcs8 info(::EVP_PKEY2PKCS8(impl_->key.get()));
  if (!info) return OpenSslError("encode a private key");
  const int size = ::i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  if (size <= 0) return OpenSslError("encode a private key");
  return SecretBuffer::Produce(static_cast<std::size_t>(size),
                               [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
                                 unsigned char* cursor = room.data();
                                 if (::i2d_PKCS8_PRIV_KEY_INFO(info.get(), &cursor) != size) {
                                   return OpenSslError("encode a private key");
                                 }
                                 return room.size();
                               });
}

Result<SecretBuffer> PrivateKey::ToPem() const {
  const BioPtr bio(::BIO_new(::BIO_s_secmem()));  // wiped on free, also where OpenSSL's secure heap is off
  if (!bio ||
      ::PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpenSslError("encode a private key");
  }
  return Written(bio.get());
}

EVP_PKEY* OpenSslBridge::Get(const PrivateKey& key) noexcept { return key.impl_->key.get(); }
EVP_PKEY* OpenSslBridge::Get(const PublicKey& key) noexcept { return key.impl_->key.get(); }

}  // namespace strongroom::crypto
