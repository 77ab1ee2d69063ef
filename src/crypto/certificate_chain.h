#pragma once

#include <chrono>
#include <span>

#include "crypto/certificate.h"

namespace strongroom::crypto {

/// Whether `leaf` may sign data on behalf of one of `roots` at the moment `at`: a path of certificates with valid
/// signatures, dates and CA marks leads from it over some of `between` to one of `roots`, and its key usage, if it
/// names any, has digitalSignature. Nothing but `roots` is trusted, whatever `between` holds; revocation is not looked
/// at. Errors    kUntrusted, with OpenSSL's reason in the detail. Source    RFC 5280, section 6.
Status VerifyChain(const Certificate& leaf, std::span<const Certificate> between, std::span<const Certificate> roots,
                   std::chrono::system_clock::time_point at);

}  // namespace strongroom::crypto
