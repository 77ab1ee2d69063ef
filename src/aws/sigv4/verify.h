#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aws/http/handler.h"
#include "aws/sigv4/canonical.h"
#include "aws/sigv4/signing_keys.h"
#include "base/result.h"
#include "ports/clock.h"
#include "ports/signing_keys.h"

namespace strongroom::aws {

enum class Presigned { kRefused, kAllowed };

struct VerifyOptions {
  std::span<const std::string> regions;  // the configured ones
  std::string_view service;              // what the scope has to name
  Presigned presigned = Presigned::kRefused;
  PathForm path_form = PathForm::kNormalized;
  std::chrono::seconds skew{300};
};

struct Verified {
  std::shared_ptr<const ports::Credential> credential;
  std::string_view region;  // one of VerifyOptions::regions
  /// When set, nothing is verified yet and there is no credential: this is to be fetched, then the request looked at
  /// again.
  std::unique_ptr<ports::WantedKey> wanted{};
};

/// Checks AWS Signature Version 4.
///
/// Promise   the request's method, target, signed headers and body were signed by the holder of the credential's
///           secret within the skew; the first failing check of spec/kms.md 1.5 answers, with its text. An unknown
///           access key costs the same as a wrong signature, and the comparison takes constant time.
/// Errors    kMissingAuthentication, kIncompleteSignature, kInvalidSignature, kUnrecognizedClient, kExpiredToken;
///           kResourceExhausted or kInternal when the locked pool is full.
/// Threads   any number of calls at once.
/// Source    AWS General Reference, "Authenticating requests (AWS Signature Version 4)".
class SigV4Verifier {
 public:
  /// What is given outlives the verifier; `keys` is for credentials without a secret, and null when there are none.
  /// Errors: those of the locked pool.
  static Result<std::unique_ptr<SigV4Verifier>> Create(const ports::Credentials& credentials, std::size_t loops,
                                                       const ports::SigningKeySource* keys = nullptr);

  Result<Verified> Verify(const HttpRequest& request, const VerifyOptions& options, ports::WallTime now);

 private:
  SigV4Verifier(const ports::Credentials& credentials, std::size_t loops, const ports::SigningKeySource* source,
                ports::Credential nobody)
      : credentials_(credentials), source_(source), keys_(loops, source), nobody_(std::move(nobody)) {}

  const ports::Credentials& credentials_;
  const ports::SigningKeySource* const source_;
  SigningKeys keys_;
  ports::Credential nobody_;  // stands in for unknown access keys
};

/// The service in the request's credential scope, without any check; empty when there is none. To choose the table of
/// operations and errors for a request that names no target.
std::string ScopeService(const HttpRequest& request);

}  // namespace strongroom::aws
