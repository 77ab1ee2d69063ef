#include "encryption_sdk/internal/signing.h"

#include "encryption_sdk/errors.h"

namespace strongroom::encryption_sdk::internal {

crypto::KeySpec KeySpecOf(SuiteCurve curve) noexcept {
  return curve == SuiteCurve::kP256 ? crypto::KeySpec::kP256 : crypto::KeySpec::kP384;
}
crypto::Digest DigestOf(SuiteCurve curve) noexcept {
  return curve == SuiteCurve::kP256 ? crypto::Digest::kSha256 : crypto::Digest::kSha384;
}
crypto::SignatureScheme SchemeOf(SuiteCurve curve) noexcept {
  return curve == SuiteCurve::kP256 ? crypto::SignatureScheme::kEcdsaSha256 : crypto::SignatureScheme::kEcdsaSha384;
}

std::string EncodeVerificationKey(const crypto::PublicKey& key) {
  // SEC 1, 2.3.3: 04 and both coordinates; compressed: 02 or 03 by y's last bit, and x.
  Bytes point = key.Point();
  const std::uint8_t odd = point.back() & 1;
  point.resize((point.size() + 1) / 2);
  point[0] = static_cast<std::uint8_t>(2 | odd);
  return Base64(point);
}

Result<crypto::PublicKey> DecodeVerificationKey(SuiteCurve curve, std::string_view text) {
  const auto wrong = [] {
    return MakeError(ErrorCode::kInvalidVerificationKey,
                     "The public key in the encryption context is not a compressed point of the suite's curve.");
  };
  const std::size_t point_bytes = curve == SuiteCurve::kP256 ? 33 : 49;
  const auto point = FromBase64(text);
  // OpenSSL takes other forms of a point, too.
  if (!point.ok() || point->size() != point_bytes || ((*point)[0] != 2 && (*point)[0] != 3)) return wrong();
  auto key = crypto::PublicKey::FromPoint(KeySpecOf(curve), *point);
  if (!key.ok()) return wrong();
  return key;
}

}  // namespace strongroom::encryption_sdk::internal
