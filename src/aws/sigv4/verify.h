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
#include "ports/credentials.h"

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
  /// `credentials` outlives the verifier. Errors: those of the locked pool.
  static Result<std::unique_ptr<SigV4Verifier>> Create(const ports::Credentials& credentials, std::size_t loops);

  Result<Verified> Verify(const HttpRequest& request, const VerifyOptions& options, ports::WallTime now);

 private:
  SigV4Verifier(const ports::Credentials& credentials, std::size_t loops, ports::Credential nobody)
      : credentials_(credentials), keys_(loops), nobody_(std::move(nobody)) {}

  const ports::Credentials& credentials_;
  SigningKeys keys_;
  ports::Credential nobody_;  // stands in for unknown access keys
};

/// The service in the request's credential scope, without any check; empty when there is none. To choose the table of
/// operations and errors for a request that names no target.
std::string ScopeService(const HttpRequest& request);

}  // namespace strongroom::aws
