#include "crypto/key_pair.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "crypto/internal/keys.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::crypto {
namespace {

struct SpecRow {
  KeySpec spec;
  std::string_view name;
  const char* kind;   // OpenSSL's name of the algorithm
  const char* group;  // OpenSSL's curve name, or null
  int nid;
  unsigned bits;  // RSA modulus
};
constexpr SpecRow kSpecs[] = {
    {KeySpec::kRsa2048, "RSA-2048", "RSA", nullptr, NID_undef, 2048},
    {KeySpec::kRsa3072, "RSA-3072", "RSA", nullptr, NID_undef, 3072},
    {KeySpec::kRsa4096, "RSA-4096", "RSA", nullptr, NID_undef, 4096},
    {KeySpec::kP256, "P-256", "EC", "prime256v1", NID_X9_62_prime256v1, 0},
    {KeySpec::kP384, "P-384", "EC", "secp384r1", NID_secp384r1, 0},
    {KeySpec::kP521, "P-521", "EC", "secp521r1", NID_secp521r1, 0},
    {KeySpec::kSecp256k1, "secp256k1", "EC", "secp256k1", NID_secp256k1, 0},
    {KeySpec::kEd25519, "Ed25519", "ED25519", nullptr, NID_undef, 0},
    {KeySpec::kSm2, "SM2", "SM2", nullptr, NID_undef, 0},
    {KeySpec::kMlDsa44, "ML-DSA-44", "ML-DSA-44", nullptr, NID_undef, 0},
    {KeySpec::kMlDsa65, "ML-DSA-65", "ML-DSA-65", nullptr, NID_undef, 0},
    {KeySpec::kMlDsa87, "ML-DSA-87", "ML-DSA-87", nullptr, NID_undef, 0},
};
constexpr bool SpecsInOrder() {
  for (std::size_t i = 0; i < std::size(kSpecs); ++i) {
    if (kSpecs[i].spec != static_cast<KeySpec>(i)) return false;
  }
  return std::size(kSpecs) == static_cast<std::size_t>(KeySpec::kMlDsa87) + 1;
}
static_assert(SpecsInOrder(), "a KeySpec was added without its row");

const SpecRow& Row(KeySpec spec) noexcept { return kSpecs[static_cast<std::size_t>(spec)]; }

}  // namespace

bool IsRsa(KeySpec spec) noexcept { return Row(spec).bits != 0; }
bool IsEc(KeySpec spec) noexcept { return Row(spec).group != nullptr; }
bool IsMlDsa(KeySpec spec) noexcept { return spec >= KeySpec::kMlDsa44; }

bool Available(KeySpec spec) noexcept {
  // Asked once for each, since the answer is a failed fetch.
  static const auto kThere = [] {
    std::array<bool, std::size(kSpecs)> there{};
    for (std::size_t i = 0; i < there.size(); ++i) {
      there[i] = EvpKeyCtx(::EVP_PKEY_CTX_new_from_name(nullptr, kSpecs[i].kind, nullptr)) != nullptr;
    }
    DrainQueue();
    return there;
  }();
  return kThere[static_cast<std::size_t>(spec)];
}
std::string_view Name(KeySpec spec) noexcept { return Row(spec).name; }
const char* GroupName(KeySpec spec) noexcept { return Row(spec).group; }

Result<KeySpec> SpecOf(const EVP_PKEY* key) {
  const Error unsupported(Errc::kUnsupported, "Keys of this kind or size are not supported.");
  switch (::EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: {
      const int bits = ::EVP_PKEY_get_bits(key);
      for (const SpecRow& row : kSpecs) {
        if (row.bits != 0 && static_cast<int>(row.bits) == bits) return row.spec;
      }
      return unsupported;
    }
    case EVP_PKEY_EC: {
      if (::EVP_PKEY_is_a(key, "SM2") == 1) return KeySpec::kSm2;  // a fresh one is also a key of its curve
      // A curve spelled out in numbers may match a named one but for its cofactor, so none is taken.
      int is_explicit = 0;
      if (::EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) != 1 ||
          is_explicit != 0) {
        DrainQueue();
        return unsupported;
      }
      std::array<char, 64> name{};
      std::size_t size = 0;
      if (::EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) {
        DrainQueue();  // explicit curve parameters have no name, and are not supported
        return unsupported;
      }
      const int nid = ::OBJ_txt2nid(name.data());
      for (const SpecRow& row : kSpecs) {
        if (row.group != nullptr && row.nid == nid) return row.spec;
      }
      return unsupported;
    }
    case EVP_PKEY_ED25519: return KeySpec::kEd25519;
    default:
      for (const SpecRow& row : kSpecs) {
        if (row.spec > KeySpec::kEd25519 && ::EVP_PKEY_is_a(key, row.kind) == 1) return row.spec;
      }
      return unsupported;
  }
}

Result<PublicKey> MakePublicKey(EvpKey key) {
  SR_TRY(const KeySpec spec, SpecOf(key.get()));
  // Points off the curve and exponents of nonsense are refused here, once. OpenSSL's check of an RSA key would test the
  // modulus for small factors and primality too, for milliseconds and with no gain: it harms only its owner.
  bool good = true;
  if (IsEc(spec) || spec == KeySpec::kSm2) {
    const EvpKeyCtx check(::EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    good = check && ::EVP_PKEY_public_check_quick(check.get()) == 1;
  } else if (IsRsa(spec)) {
    BIGNUM* raw = nullptr;
    good = ::EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_E, &raw) == 1;
    const BignumPtr exponent(raw);
    good = good && BN_is_odd(exponent.get()) && !BN_is_one(exponent.get()) && BN_num_bits(exponent.get()) <= 256;
  }
  if (!good) return WithQueue(Errc::kInvalidArgument, "The public key is not valid.");
  SR_TRY(Bytes spki, ToDerBytes(key.get(), ::i2d_PUBKEY, "encode a public key"));
  return PublicKey(std::make_shared<const PublicKey::Impl>(PublicKey::Impl{std::move(key), spec, std::move(spki)}));
}

Result<PrivateKey> MakePrivateKey(EvpKey key) {
  SR_TRY(const KeySpec spec, SpecOf(key.get()));
  SR_TRY(const Bytes spki, ToDerBytes(key.get(), ::i2d_PUBKEY, "encode a public key"));
  SR_TRY(PublicKey public_key, PublicKey::FromSpki(spki));
  return PrivateKey(
      std::make_shared<const PrivateKey::Impl>(PrivateKey::Impl{std::move(key), spec, std::move(public_key)}));
}

Result<PrivateKey> PrivateKey::Generate(KeySpec spec) {
  const SpecRow& row = Row(spec);
  if (!Available(spec)) {
    return Error(Errc::kUnsupported, fmt::format("The OpenSSL in use has no {} keys.", Name(spec)));
  }
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_name(nullptr, row.kind, nullptr));
  if (!context || ::EVP_PKEY_keygen_init(context.get()) != 1 ||
      (row.bits != 0 && ::EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(row.bits)) != 1) ||
      (row.group != nullptr && ::EVP_PKEY_CTX_set_group_name(context.get(), row.group) != 1)) {
    return OpenSslError("start to generate a key");
  }
  EVP_PKEY* made = nullptr;
  if (::EVP_PKEY_generate(context.get(), &made) != 1) return OpenSslError("generate a key");
  return MakePrivateKey(EvpKey(made));
}

KeySpec PublicKey::spec() const noexcept { return impl_->spec; }
const Bytes& PublicKey::ToSpki() const noexcept { return impl_->spki; }
KeySpec PrivateKey::spec() const noexcept { return impl_->spec; }
const PublicKey& PrivateKey::public_key() const noexcept { return impl_->public_key; }

Result<SecretBuffer> PrivateKey::Agree(const PublicKey& peer) const {
  if (!IsEc(spec())) return Error(Errc::kWrongKeyUsage, "Key agreement needs an elliptic curve key.");
  if (peer.spec() != spec()) return Error(Errc::kInvalidArgument, "The other public key is on another curve.");
  const EvpKeyCtx context(::EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  std::size_t size = 0;
  if (!context || ::EVP_PKEY_derive_init(context.get()) != 1 ||
      ::EVP_PKEY_derive_set_peer(context.get(), OpenSslBridge::Get(peer)) != 1 ||
      ::EVP_PKEY_derive(context.get(), nullptr, &size) != 1) {
    return OpenSslError("agree on a secret");
  }
  return SecretBuffer::Produce(size, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    std::size_t used = room.size();
    if (::EVP_PKEY_derive(context.get(), room.data(), &used) != 1) return OpenSslError("agree on a secret");
    return used;
  });
}

}  // namespace strongroom::crypto
