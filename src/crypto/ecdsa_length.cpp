#include "crypto/ecdsa_length.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

#include "crypto/internal/keys.h"

namespace strongroom::crypto {
namespace {

using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;
using GroupPtr = std::unique_ptr<EC_GROUP, Freer<EC_GROUP_free>>;

int CurveNumber(KeySpec curve) noexcept {
  switch (curve) {
    case KeySpec::kP256: return NID_X9_62_prime256v1;
    case KeySpec::kP384: return NID_secp384r1;
    case KeySpec::kP521: return NID_secp521r1;
    case KeySpec::kSecp256k1: return NID_secp256k1;
    default: return NID_undef;
  }
}

/// Some 1 in 2 signatures or their twins fit; a length that never comes ends here.
constexpr int kMostAttempts = 1000;

}  // namespace

Result<Bytes> EcdsaTwin(KeySpec curve, ByteView signature) {
  const GroupPtr group(::EC_GROUP_new_by_curve_name(CurveNumber(curve)));
  if (!group) return WithQueue(Errc::kInvalidArgument, "This key has no ECDSA signatures.");
  const unsigned char* cursor = signature.data();
  const SignaturePtr parsed(::d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(signature.size())));
  if (!parsed || cursor != signature.data() + signature.size()) {
    return WithQueue(Errc::kInvalidArgument, "This is not an ECDSA signature in DER.");
  }
  BignumPtr r(::BN_dup(::ECDSA_SIG_get0_r(parsed.get()))), s(::BN_new());
  if (!r || !s || ::BN_sub(s.get(), ::EC_GROUP_get0_order(group.get()), ::ECDSA_SIG_get0_s(parsed.get())) != 1 ||
      ::ECDSA_SIG_set0(parsed.get(), r.get(), s.get()) != 1) {
    return OpenSslError("change a signature");
  }
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  return ToDerBytes(
      parsed.get(), [](const ECDSA_SIG* from, unsigned char** to) { return ::i2d_ECDSA_SIG(from, to); },
      "encode a signature");
}

Result<Bytes> SignEcdsaOfLength(const PrivateKey& key, SignatureScheme scheme, ByteView digest, std::size_t der_bytes) {
  if (CurveNumber(key.spec()) == NID_undef) return Error(Errc::kWrongKeyUsage, "ECDSA needs an elliptic curve key.");
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    SR_TRY(Bytes signature, key.Sign(scheme, MessageForm::kDigest, digest));
    if (signature.size() == der_bytes) return signature;
    SR_TRY(Bytes twin, EcdsaTwin(key.spec(), signature));
    if (twin.size() == der_bytes) return twin;
  }
  return Error(Errc::kInvalidArgument, fmt::format("No signature of this curve has {} bytes.", der_bytes));
}

}  // namespace strongroom::crypto
