#pragma once

#include <optional>

#include "crypto/key_pair.h"
#include "crypto/rsa_wrapping.h"
#include "encryption_sdk/keyring.h"

namespace strongroom::encryption_sdk {

struct RawRsaOptions {
  std::string name_space, name;
  crypto::RsaPadding padding = crypto::RsaPadding::kOaepSha256;
  std::optional<crypto::PublicKey> public_key;    // needed to encrypt
  std::optional<crypto::PrivateKey> private_key;  // needed to decrypt
  /// PKCS #1 v1.5 is open to padding oracles where others see whether a message opens, so it must be asked for.
  bool allow_pkcs1_v15 = false;
};

/// Wraps with RSA. The encryption context is not bound by this wrapping; the header's tag binds it.
/// Errors: InvalidArgument (no key at all, not RSA, reserved namespace, v1.5 not allowed).
Result<KeyringPtr> MakeRawRsaKeyring(RawRsaOptions options);

}  // namespace strongroom::encryption_sdk
