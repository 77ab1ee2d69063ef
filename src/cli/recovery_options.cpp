#include "cli/recovery_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "recovery/recovery_key.h"
#include "secret/hardening.h"
#include "terminal/terminal.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;

bool IsInside(const fs::path& path, const fs::path& directory) {
  const fs::path inner = fs::weakly_canonical(fs::absolute(path)), outer = fs::weakly_canonical(directory);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

Result<SecretBuffer> AskTwice() {
  SR_TRY(SecretBuffer first, Terminal::AskPassword("New passphrase of the recovery key: "));
  if (first.empty()) return Error(Errc::kInvalidArgument, "The passphrase is empty.");
  if (::isatty(STDIN_FILENO) == 0) return first;
  SR_TRY(const SecretBuffer second, Terminal::AskPassword("Once more: "));
  if (!first.EqualsInConstantTime(second))
    return Error(Errc::kInvalidArgument, "The two passphrases are not the same.");
  return first;
}

}  // namespace

void NewRecoveryKey::Declare(CLI::App& app, bool with_development) {
  app.add_option("--recovery-key", file, "File for the recovery key's private half, outside the data directory");
  app.add_flag("--passphrase", passphrase,
               "Ask for a passphrase (or read a line of standard input) and encrypt the file");
  app.add_option("--recovery-shares", shares, "K/N: N shares instead, any K of which give the key");
  app.add_option("--share-directory", share_directory, "Directory for the shares, outside the data directory");
  if (with_development)
    app.add_flag("--development", development, "Leave the private half in the data directory, unprotected");
}

Status NewRecoveryKey::Check(const DataDirectory& data) const {
  const int places = (file.empty() ? 0 : 1) + (shares.empty() ? 0 : 1) + (development ? 1 : 0);
  if (places != 1)
    return Error(Errc::kInvalidArgument,
                 "Say where the recovery key's private half goes: --recovery-key FILE, or --recovery-shares K/N with "
                 "--share-directory DIR. Whoever has it can restore this deployment's backups; without it nobody can.");
  if (passphrase && file.empty())
    return Error(Errc::kInvalidArgument, "--passphrase goes with --recovery-key: shares are protected by being apart.");
  if (shares.empty() != share_directory.empty())
    return Error(Errc::kInvalidArgument, "--recovery-shares and --share-directory go together.");
  if (!shares.empty()) SR_CHECK(recovery::ParseShareCount(shares));
  for (const std::string& place : {file, share_directory})
    if (!place.empty() && IsInside(place, data.root()))
      return Error(Errc::kInvalidArgument,
                   "The recovery key's private half must not be in the data directory, which it is to outlive.");
  return {};
}

Result<crypto::PublicKey> NewRecoveryKey::Make(const DataDirectory& data) const {
  SR_CHECK(Check(data));
  recovery::KeyDestination to;
  if (development) {
    to.file = data.development_recovery_key();
  } else if (!file.empty()) {
    to.file = fs::absolute(file);
  } else {
    to.share_directory = fs::absolute(share_directory);
    SR_TRY(const auto count, recovery::ParseShareCount(shares));
    to.needed = count.first;
    to.of = count.second;
  }
  std::optional<SecretBuffer> secret;
  if (passphrase) {
    SR_TRY(secret, AskTwice());
  }
  return recovery::MakeRecoveryKey(to, secret);
}

std::string NewRecoveryKey::Where() const {
  if (development)
    return "The recovery key is recovery-key.pem in the data directory. That is for development: move it off this "
           "machine.";
  if (!file.empty()) return fmt::format("The recovery key is {}. Take it off this machine and keep it well.", file);
  return fmt::format("The shares of the recovery key are in {}. Give each to a keeper of its own, and leave none here.",
                     share_directory);
}

void GivenRecoveryKey::Declare(CLI::App& app) {
  app.add_option("--recovery-key", file, "File with the recovery key's private half");
  app.add_option("--shares", shares, "Files with shares of the recovery key, as many as are needed")->expected(1, 64);
}

Result<crypto::PrivateKey> GivenRecoveryKey::Load() const {
  if (file.empty() == shares.empty())
    return Error(Errc::kInvalidArgument, "Give the recovery key as --recovery-key FILE or as --shares FILE FILE …");
  recovery::KeySource from;
  from.file = file;
  from.shares.assign(shares.begin(), shares.end());
  return recovery::LoadRecoveryKey(from, [] { return Terminal::AskPassword("Passphrase of the recovery key: "); });
}

Status HardenForSecrets() {
  SR_CHECK(secret::DisableCoreDumps());
  if (const Status locked = secret::LockAllMemory(); !locked.ok()) log::Warn("{}", locked.error().ForLog());
  return {};
}

}  // namespace strongroom::cli
