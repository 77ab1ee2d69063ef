#pragma once

#include <map>

#include "encryption_sdk/keyring.h"

namespace strongroom::encryption_sdk {

/// Data keys by the digest of their encrypted forms (DigestOf in materials.h).
using GivenDataKeys = std::map<crypto::Sha256Digest, SecretBuffer>;

/// Opens messages whose data keys the caller holds already, without any wrapping key; never encrypts.
KeyringPtr MakeGivenDataKeyKeyring(GivenDataKeys keys);

}  // namespace strongroom::encryption_sdk
