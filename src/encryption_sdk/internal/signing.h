#pragma once

#include "crypto/digest_stream.h"
#include "crypto/key_pair.h"
#include "encryption_sdk/suite.h"

namespace strongroom::encryption_sdk::internal {

crypto::KeySpec KeySpecOf(SuiteCurve curve) noexcept;
crypto::Digest DigestOf(SuiteCurve curve) noexcept;
crypto::SignatureScheme SchemeOf(SuiteCurve curve) noexcept;

/// The signature's public key as the context holds it: base64 of the compressed point.
std::string EncodeVerificationKey(const crypto::PublicKey& key);
/// Errors: InvalidVerificationKey for anything but a compressed point of the curve.
Result<crypto::PublicKey> DecodeVerificationKey(SuiteCurve curve, std::string_view text);

}  // namespace strongroom::encryption_sdk::internal
