#pragma once

#include "crypto/key_pair.h"

namespace strongroom::crypto {

/// An ECDSA signature over a digest whose DER has exactly `der_bytes` bytes, for formats that want to know a length
/// beforehand. Of (r, s) and (r, n - s), which are both valid, the one that fits; where neither does, it signs again.
/// Errors: kWrongKeyUsage, kInvalidArgument (digest size, or a length that the curve's signatures do not have).
Result<Bytes> SignEcdsaOfLength(const PrivateKey& key, SignatureScheme scheme, ByteView digest, std::size_t der_bytes);
/// The other valid signature, (r, n - s), as DER. Errors: kInvalidArgument when it is not DER of r and s.
Result<Bytes> EcdsaTwin(KeySpec curve, ByteView signature);

}  // namespace strongroom::crypto
