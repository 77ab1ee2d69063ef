#pragma once

#include <string_view>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::iam {

/// What an authenticator program scans: `otpauth://totp/<device>@<account>?secret=<seed>`, as a PNG in black and white.
/// Source: IAM API Reference, "VirtualMFADevice", QRCodePNG. Errors: kResourceExhausted, kInternal.
Result<SecretBuffer> TotpQrCode(std::string_view device, std::string_view account, const SecretBuffer& seed);

}  // namespace strongroom::iam
