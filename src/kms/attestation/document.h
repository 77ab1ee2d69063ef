#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ports/clock.h"

namespace strongroom::kms {

/// An attestation document of a Nitro enclave, or of what makes the same documents, as its bytes have it: nothing is
/// verified yet.
struct AttestationDocument {
  Bytes to_be_signed;  // COSE's Sig_structure
  Bytes signature;     // r and s, 48 bytes each
  std::string module_id;
  ports::WallTime made;
  std::map<unsigned, Bytes> pcrs;  // by number, 0 to 31; 32, 48 or 64 bytes each
  Bytes certificate;               // DER; its key has signed the document
  std::vector<Bytes> cabundle;     // DER; the root first
  Bytes public_key;                // DER SubjectPublicKeyInfo; empty when the document has none
};

/// A COSE_Sign1 (tag 18 or none) with ES384 and a payload of the members above; user_data and nonce are checked and not
/// kept, unknown members passed over.
/// Errors    kInvalidArgument, naming the part that is wrong.
/// Source    RFC 9052, section 4.2 and 4.4; AWS Nitro Enclaves, "Attestation process", section 2 (document and limits).
Result<AttestationDocument> ParseAttestationDocument(ByteView cose);

}  // namespace strongroom::kms
