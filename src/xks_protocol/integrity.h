#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace strongroom::xks {

/// The parts of one ciphertext of an external key, as they are sent and stored. Views.
struct CiphertextParts {
  ByteView ciphertext;
  ByteView iv;        // 12 or 16 bytes
  ByteView tag;       // 16 bytes
  ByteView metadata;  // ciphertextMetadata; empty when there is none
};

/// ciphertextDataIntegrityValue: SHA-256 over AAD ‖ ciphertextMetadata ‖ IV ‖ ciphertext ‖ tag.
/// Source: XKS Proxy API Specification v0.9.7, "Encrypt".
crypto::Sha256Digest IntegrityValue(ByteView aad, const CiphertextParts& parts);

/// What a proxy authenticates with the external key: AAD alone without ciphertextMetadata, else u16 length of AAD ‖ AAD
/// ‖ u8 length of metadata ‖ metadata. Errors: kInvalidArgument beyond kMostAadBytes or kMostMetadataBytes.
Result<Bytes> ExternalKeyAad(ByteView aad, ByteView metadata);

}  // namespace strongroom::xks
