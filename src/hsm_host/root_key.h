#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::hsm_host {

inline constexpr std::size_t kRootKeyBytes = 32;

/// Where the key comes from that every HSM's root key is derived from.
enum class RootKeySource {
  kAutomatic,          // the credential when there is one, else the file
  kSystemdCredential,  // $CREDENTIALS_DIRECTORY/strongroom-root-key, 32 bytes (so TPM 2.0 by systemd-creds)
  kFile,               // `file`, made on first use: development only, and said so loudly
};

/// The host's root key. It is read anew for each HSM that starts, so that it is in memory only then.
/// Errors: kNotFound no such credential; kPermission its mode; kCorrupted not 32 bytes; kInternal.
Result<SecretBuffer> ReadHostRootKey(RootKeySource source, const std::filesystem::path& file);

/// The root key of one HSM: HKDF-SHA-256(host's key, no salt, "strongroom hsm root v1\0" | u8 n | hsm id), 32 bytes.
Result<SecretBuffer> DeriveHsmRootKey(const SecretBuffer& host_key, const std::string& hsm_id);

}  // namespace strongroom::hsm_host
