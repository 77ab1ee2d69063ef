#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::crypto {

/// An ECDSA signature as COSE and JOSE have it (r and s, each as long as the curve's order) in DER, as
/// PublicKey::Verify takes it. Errors: kInvalidArgument for an empty, odd or overlong (over 132 bytes) one. Source: RFC
/// 9053, section 2.1; RFC 3279, section 2.2.3.
Result<Bytes> EcdsaDerFromRaw(ByteView raw);

}  // namespace strongroom::crypto
