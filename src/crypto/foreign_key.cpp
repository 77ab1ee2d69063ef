#include "crypto/foreign_key.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include <array>
#include <optional>
#include <string>

#include "crypto/internal/keys.h"

namespace strongroom::crypto {
namespace {

using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;
using BnContext = std::unique_ptr<BN_CTX, Freer<BN_CTX_free>>;

constexpr int kMostExponentBits = 256;
constexpr unsigned long kLeastExponent = 65537;
constexpr std::size_t kEd25519SeedBytes = 32;

Error NotSuchAKey() {
  DrainQueue();  // a parser's complaint about somebody's private key is not kept
  return Error(Errc::kInvalidArgument, "This is not a private key of the kind that is wanted.");
}

/// OpenSSL's number of the curve; empty for what is no curve.
std::optional<int> CurveOf(KeySpec spec) {
  if (spec == KeySpec::kSm2) return NID_sm2;
  if (!IsEc(spec)) return std::nullopt;
  return ::OBJ_txt2nid(GroupName(spec));
}

/// The algorithm that PKCS#8 names, and what it carries, are what the spec wants.
bool NamesTheSpec(const PKCS8_PRIV_KEY_INFO* info, KeySpec spec) {
  const ASN1_OBJECT* kind = nullptr;
  const unsigned char* inner = nullptr;
  int inner_size = 0;
  const X509_ALGOR* algorithm = nullptr;
  if (::PKCS8_pkey_get0(&kind, &inner, &inner_size, &algorithm, info) != 1 || inner_size <= 0) return false;
  int parameter_kind = V_ASN1_UNDEF;
  const void* parameter = nullptr;
  ::X509_ALGOR_get0(nullptr, &parameter_kind, &parameter, algorithm);
  const ByteView text(inner, static_cast<std::size_t>(inner_size));
  const int named = ::OBJ_obj2nid(kind);
  if (spec == KeySpec::kEd25519) {
    return named == NID_ED25519 && parameter_kind == V_ASN1_UNDEF && text.size() == 2 + kEd25519SeedBytes &&
           IsOneElement(text, V_ASN1_OCTET_STRING);
  }
  if (!IsOneElement(text, V_ASN1_SEQUENCE)) return false;
  if (IsRsa(spec))
    return named == NID_rsaEncryption && (parameter_kind == V_ASN1_NULL || parameter_kind == V_ASN1_UNDEF);
  const auto curve = CurveOf(spec);
  return curve && named == NID_X9_62_id_ecPublicKey && parameter_kind == V_ASN1_OBJECT &&
         ::OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(parameter)) == *curve;
}

BignumPtr Number(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (::EVP_PKEY_get_bn_param(key, name, &raw) != 1) return nullptr;
  ::BN_set_flags(raw, BN_FLG_CONSTTIME);
  return BignumPtr(raw);
}

/// Before OpenSSL tests primes, whose time would be the caller's to choose.
bool HasSaneNumbers(const EVP_PKEY* key) {
  const BignumPtr e = Number(key, OSSL_PKEY_PARAM_RSA_E), n = Number(key, OSSL_PKEY_PARAM_RSA_N);
  const BignumPtr d = Number(key, OSSL_PKEY_PARAM_RSA_D);
  const BignumPtr p = Number(key, OSSL_PKEY_PARAM_RSA_FACTOR1), q = Number(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
  const bool third = Number(key, OSSL_PKEY_PARAM_RSA_FACTOR3) != nullptr;
  if (!e || !n || !d || !p || !q || third) return false;
  const BignumPtr least(::BN_new());
  if (!least || ::BN_set_word(least.get(), kLeastExponent) != 1) return false;
  const int half = ::BN_num_bits(n.get()) / 2;
  return ::BN_is_odd(e.get()) == 1 && ::BN_cmp(e.get(), least.get()) >= 0 &&
         ::BN_num_bits(e.get()) <= kMostExponentBits && ::BN_num_bits(p.get()) == half &&
         ::BN_num_bits(q.get()) == half && ::BN_cmp(p.get(), q.get()) != 0 && ::BN_cmp(d.get(), n.get()) < 0;
}

Result<EvpKey> FromParams(const char* kind, ParamBuilder builder) {
  const Params params(::OSSL_PARAM_BLD_to_param(builder.get()));
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !context || ::EVP_PKEY_fromdata_init(context.get()) != 1 ||
      ::EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, params.get()) != 1)
    return OpenSslError("build a private key");
  return EvpKey(made);
}

BignumPtr Secret() {
  BignumPtr number(::BN_secure_new());
  if (number) ::BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

/// From n, e and the primes alone, the larger prime first (RFC 8017, 3.2), d modulo lcm(p - 1, q - 1).
Result<EvpKey> RebuildRsa(const EVP_PKEY* key) {
  const BignumPtr n = Number(key, OSSL_PKEY_PARAM_RSA_N), e = Number(key, OSSL_PKEY_PARAM_RSA_E);
  BignumPtr p = Number(key, OSSL_PKEY_PARAM_RSA_FACTOR1), q = Number(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
  const BnContext context(::BN_CTX_secure_new());
  const BignumPtr p1 = Secret(), q1 = Secret(), common = Secret(), product = Secret(), lcm = Secret();
  const BignumPtr d = Secret(), dp = Secret(), dq = Secret(), inverse = Secret();
  ParamBuilder builder(::OSSL_PARAM_BLD_new());
  if (!n || !e || !p || !q || !context || !p1 || !q1 || !common || !product || !lcm || !d || !dp || !dq || !inverse ||
      !builder)
    return OpenSslError("build an RSA key");
  if (::BN_cmp(p.get(), q.get()) < 0) p.swap(q);
  BN_CTX* scratch = context.get();
  if (::BN_sub(p1.get(), p.get(), ::BN_value_one()) != 1 || ::BN_sub(q1.get(), q.get(), ::BN_value_one()) != 1 ||
      ::BN_gcd(common.get(), p1.get(), q1.get(), scratch) != 1 ||
      ::BN_mul(product.get(), p1.get(), q1.get(), scratch) != 1 ||
      ::BN_div(lcm.get(), nullptr, product.get(), common.get(), scratch) != 1 ||
      ::BN_mod_inverse(d.get(), e.get(), lcm.get(), scratch) == nullptr ||
      ::BN_div(nullptr, dp.get(), d.get(), p1.get(), scratch) != 1 ||
      ::BN_div(nullptr, dq.get(), d.get(), q1.get(), scratch) != 1 ||
      ::BN_mod_inverse(inverse.get(), q.get(), p.get(), scratch) == nullptr)
    return OpenSslError("build an RSA key");
  const std::pair<const char*, const BIGNUM*> numbers[] = {
      {OSSL_PKEY_PARAM_RSA_N, n.get()},          {OSSL_PKEY_PARAM_RSA_E, e.get()},
      {OSSL_PKEY_PARAM_RSA_D, d.get()},          {OSSL_PKEY_PARAM_RSA_FACTOR1, p.get()},
      {OSSL_PKEY_PARAM_RSA_FACTOR2, q.get()},    {OSSL_PKEY_PARAM_RSA_EXPONENT1, dp.get()},
      {OSSL_PKEY_PARAM_RSA_EXPONENT2, dq.get()}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, inverse.get()}};
  for (const auto& [name, number] : numbers)
    if (::OSSL_PARAM_BLD_push_BN(builder.get(), name, number) != 1) return OpenSslError("build an RSA key");
  return FromParams("RSA", std::move(builder));
}

/// From curve and scalar; the public point as it stands in the key, which was checked against the scalar.
Result<EvpKey> RebuildCurve(const EVP_PKEY* key, KeySpec spec) {
  SR_TRY(const PublicKey public_key, [&]() -> Result<PublicKey> {
    SR_TRY(const Bytes spki, ToDerBytes(key, ::i2d_PUBKEY, "encode a public key"));
    return PublicKey::FromSpki(spki);
  }());
  const Bytes point = public_key.Point();
  const BignumPtr scalar = Number(key, OSSL_PKEY_PARAM_PRIV_KEY);
  ParamBuilder builder(::OSSL_PARAM_BLD_new());
  const char* group = spec == KeySpec::kSm2 ? "SM2" : GroupName(spec);
  if (!scalar || !builder ||
      ::OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
      ::OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1 ||
      // With its width the number is as long as the order, whatever its value.
      ::OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get(),
                                   static_cast<std::size_t>((::EVP_PKEY_get_bits(key) + 7) / 8)) != 1)
    return OpenSslError("build a private key");
  return FromParams(spec == KeySpec::kSm2 ? "SM2" : "EC", std::move(builder));
}

Result<EvpKey> RebuildEd25519(const EVP_PKEY* key) {
  std::array<unsigned char, kEd25519SeedBytes> seed{};
  std::size_t size = seed.size();
  EvpKey made;
  if (::EVP_PKEY_get_raw_private_key(key, seed.data(), &size) == 1 && size == seed.size())
    made.reset(::EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.data(), seed.size()));
  ::OPENSSL_cleanse(seed.data(), seed.size());
  if (!made) return OpenSslError("build a private key");
  return made;
}

Result<EvpKey> Rebuild(const EVP_PKEY* key, KeySpec spec) {
  if (IsRsa(spec)) return RebuildRsa(key);
  return spec == KeySpec::kEd25519 ? RebuildEd25519(key) : RebuildCurve(key, spec);
}

}  // namespace

bool IsOneElement(ByteView text, int tag) {
  const unsigned char* at = text.data();
  long length = 0;
  int found = 0, kind = 0;
  const int head = ::ASN1_get_object(&at, &length, &found, &kind, static_cast<long>(text.size()));
  // 0x80 is an error, 1 an indefinite length.
  if ((head & 0x81) != 0 || found != tag || kind != V_ASN1_UNIVERSAL) return false;
  return length >= 0 && at + length == text.data() + text.size();
}

Result<PrivateKey> ReadForeignKey(KeySpec spec, const SecretBuffer& pkcs8) {
  if (IsMlDsa(spec) || !Available(spec)) return Error(Errc::kUnsupported, "Keys of this kind cannot be read.");
  const ByteView in = EvpKeyLoader::View(pkcs8);
  if (in.empty() || in.size() > kMaxForeignKeyBytes || !IsOneElement(in, V_ASN1_SEQUENCE)) return NotSuchAKey();
  const unsigned char* cursor = in.data();
  const Pkcs8 info(::d2i_PKCS8_PRIV_KEY_INFO(nullptr, &cursor, static_cast<long>(in.size())));
  if (!info || cursor != in.data() + in.size() || !NamesTheSpec(info.get(), spec)) return NotSuchAKey();
  const EvpKey key(::EVP_PKCS82PKEY(info.get()));
  if (!key) return NotSuchAKey();
  // The inner text of a curve's key may name another curve.
  const auto found = SpecOf(key.get());
  if (!found.ok() || *found != spec) return NotSuchAKey();
  if (IsRsa(spec) && !HasSaneNumbers(key.get())) return NotSuchAKey();
  if (spec != KeySpec::kEd25519) {  // whose text is a seed and nothing that could contradict it
    const EvpKeyCtx check(::EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (!check || ::EVP_PKEY_check(check.get()) != 1) return NotSuchAKey();
  }
  SR_TRY(EvpKey rebuilt, Rebuild(key.get(), spec));
  return MakePrivateKey(std::move(rebuilt));
}

}  // namespace strongroom::crypto
