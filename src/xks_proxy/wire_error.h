#pragma once

#include <string_view>

#include "base/error.h"
#include "xks_protocol/errors.h"

namespace strongroom::xks_proxy {

/// What KMS sees for each Errc. Source: XKS Proxy API Specification v0.9.7, "Errors"; spec/kms.md 7.10.
const xks::ErrorForm& FormFor(Errc code) noexcept;

/// The message that goes with it: the error's own where it says what KMS's caller can change, else a fixed one, since
/// this text leaves the deployment.
std::string_view MessageFor(const Error& error) noexcept;

}  // namespace strongroom::xks_proxy
