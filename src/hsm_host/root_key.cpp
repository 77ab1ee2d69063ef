#include "hsm_host/root_key.h"

#include <cstdlib>
#include <system_error>

#include "base/log.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "hsm_host/key_file.h"

namespace strongroom::hsm_host {
namespace {

constexpr std::string_view kPurpose = "strongroom hsm root v1";

Result<SecretBuffer> Checked(Result<SecretBuffer> key) {
  if (!key) return key;
  if (key->size() != kRootKeyBytes)
    return Error(Errc::kCorrupted, fmt::format("The HSM root key has {} bytes, not {}.", key->size(), kRootKeyBytes));
  return key;
}

/// Says that the HSMs beside it were made with a credential, so that nobody makes a key for them anew.
std::filesystem::path MarkOfCredential(const std::filesystem::path& file) {
  return file.parent_path() / "hsm-root-key-is-a-credential";
}

/// The credential, unless HSMs here were made with another key.
Result<SecretBuffer> FromCredential(const std::filesystem::path& credential, const std::filesystem::path& file) {
  SR_TRY(SecretBuffer key, Checked(KeyFile::Read(credential, kRootKeyBytes + 1)));
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    SR_TRY(const SecretBuffer older, Checked(KeyFile::Read(file, kRootKeyBytes + 1)));
    if (!older.EqualsInConstantTime(key))
      return Error(Errc::kInvalidState,
                   fmt::format("The HSMs here were made with the root key in {}, and the systemd credential "
                               "strongroom-root-key is another one. Start without the credential, or make the "
                               "credential of that file's bytes and remove the file.",
                               file.string()));
  }
  if (!std::filesystem::exists(MarkOfCredential(file), ignored)) {
    const Status marked = WriteFileAtomically(MarkOfCredential(file), "", 0644);
    if (!marked.ok()) LogError("noting that the HSM root key is a credential", marked.error());
  }
  return key;
}

Result<SecretBuffer> FromFile(const std::filesystem::path& file) {
  auto key = KeyFile::Read(file, kRootKeyBytes + 1);
  if (key.ok() || key.error().code() != Errc::kNotFound) return Checked(std::move(key));
  std::error_code ignored;
  if (std::filesystem::exists(MarkOfCredential(file), ignored))
    return Error(
        Errc::kNotFound,
        "The root key of this machine's HSMs is the systemd credential strongroom-root-key, which this command "
        "was not given: systemd-run --pty --wait -p LoadCredentialEncrypted=strongroom-root-key COMMAND.");
  SR_TRY(SecretBuffer made, crypto::RandomSecret(kRootKeyBytes));
  SR_CHECK(KeyFile::Write(file, made));
  log::Warn("Made {}: whoever reads this file and the HSMs' directories has every key in them.", file.string());
  return made;
}

}  // namespace

Result<SecretBuffer> ReadHostRootKey(RootKeySource source, const std::filesystem::path& file) {
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  if (source != RootKeySource::kFile && credentials != nullptr && *credentials != '\0') {
    const auto credential = std::filesystem::path(credentials) / "strongroom-root-key";
    std::error_code ignored;
    if (source == RootKeySource::kSystemdCredential || std::filesystem::exists(credential, ignored))
      return FromCredential(credential, file);
  }
  if (source == RootKeySource::kSystemdCredential)
    return Error(Errc::kNotFound, "There is no systemd credential strongroom-root-key (LoadCredentialEncrypted=).");
  static bool told = false;
  if (!std::exchange(told, true))
    log::Warn("DEVELOPMENT ONLY: the HSMs' root key lies in the plain file {}. Use a systemd credential.",
              file.string());
  return FromFile(file);
}

Result<SecretBuffer> DeriveHsmRootKey(const SecretBuffer& host_key, const std::string& hsm_id) {
  if (hsm_id.empty() || hsm_id.size() > 255) return Error(Errc::kInvalidArgument, "An HSM id has 1 to 255 characters.");
  Bytes info = ToBytes(AsBytes(kPurpose));
  info.push_back(0);
  info.push_back(static_cast<std::uint8_t>(hsm_id.size()));
  Append(info, AsBytes(hsm_id));
  return crypto::HkdfSha256(host_key, {}, info, kRootKeyBytes);
}

}  // namespace strongroom::hsm_host
