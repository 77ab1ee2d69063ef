#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "xks_protocol/answers.h"

namespace strongroom::kms {

// What follows the header in a ciphertext blob of an external key store (docs/formats.md 6): the external key's
// ciphertext over KMS's own sealed message, with what its proxy needs to open it.

/// `header` and then the proxy's answer.
Bytes EncodeExternalBlob(ByteView header, const xks::EncryptAnswer& sealed);
/// Errors: kBadCiphertext without text.
Result<xks::EncryptAnswer> ParseExternalBlob(ByteView after_header);

}  // namespace strongroom::kms
