#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/key_pair.h"
#include "kms/attestation/document.h"
#include "ports/authorizer.h"
#include "ports/clock.h"

namespace strongroom::kms {

/// Who may be answered in the clear's stead: what a verified document says.
struct AttestedRecipient {
  crypto::PublicKey key;  // RSA
  /// kms:RecipientAttestation:ImageSha384 (PCR 0) and :PCR<n>, lower-case hex; registers that are all zeros, which
  /// stand for a debugged or unmeasured enclave, too.
  ports::ConditionContext conditions;
  std::string module_id;
  std::map<unsigned, std::string> pcrs;  // all of them, lower-case hex
};

/// Judges attestation documents by the roots that the deployment trusts. Immutable; any thread.
class AttestationVerifier {
 public:
  /// Every certificate of a PEM text, of which there must be one at least. Errors: kInvalidArgument.
  static Result<std::shared_ptr<const AttestationVerifier>> Make(std::string_view roots_pem);

  /// The signature verifies, the certificates lead to a root and are valid, the document is at most five minutes old
  /// and, for clocks that differ, at most one in the future, and it holds an RSA key of 2048 to 4096 bits.
  /// Errors    kInvalidArgument, saying what is wrong.
  /// Cost      some milliseconds: a P-384 verification for each certificate and one more.
  Result<AttestedRecipient> Verify(ByteView document, ports::WallTime now) const;

  explicit AttestationVerifier(std::vector<crypto::Certificate> roots) : roots_(std::move(roots)) {}

 private:
  std::vector<crypto::Certificate> roots_;
};

}  // namespace strongroom::kms
