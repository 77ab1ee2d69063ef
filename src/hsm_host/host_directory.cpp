#include "hsm_host/host_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "base/ids.h"
#include "base/log.h"
#include "hsm_host/key_file.h"

namespace strongroom::hsm_host {
namespace {

namespace fs = std::filesystem;
constexpr int kTenYearsInDays = 3652;

std::vector<crypto::NameEntry> OuterName(const char* unit) {
  return {{"C", "US"},
          {"ST", "Virginia"},
          {"L", "Herndon"},
          {"O", "AWS"},
          {"OU", unit},
          {"CN", "CloudHSM"},
          {"emailAddress", "cloudhsm-team@amazon.com"}};
}

// Key first, so that a certificate is never there without its key unless somebody removed one.
Status MakeIdentity(const fs::path& certificate_file, const fs::path& key_file, crypto::KeySpec spec,
                    const std::vector<crypto::NameEntry>& name, const crypto::CertificateOptions& options) {
  SR_TRY(const crypto::PrivateKey key, crypto::PrivateKey::Generate(spec));
  SR_TRY(const crypto::Certificate certificate, crypto::MakeSelfSigned(name, key, options));
  SR_TRY(const SecretBuffer pem, key.ToPem());
  SR_CHECK(KeyFile::Write(key_file, pem));
  return WriteFileAtomically(certificate_file, certificate.ToPem(), 0644);
}

Status EnsureIdentity(const fs::path& certificate_file, const fs::path& key_file, crypto::KeySpec spec,
                      const std::vector<crypto::NameEntry>& name, const crypto::CertificateOptions& options) {
  std::error_code ignored;
  const bool has_certificate = fs::exists(certificate_file, ignored);
  const bool has_key = fs::exists(key_file, ignored);
  if (has_certificate && has_key) return {};
  if (has_certificate) {
    return Error(Errc::kCorrupted, fmt::format("{} is there without {}: put the missing file back or remove both.",
                                               certificate_file.string(), key_file.string()));
  }
  // A key alone is what an interrupted first run leaves; nothing was issued for it yet.
  if (has_key && ::unlink(key_file.c_str()) != 0) return FileError("remove", key_file, errno);
  return MakeIdentity(certificate_file, key_file, spec, name, options);
}

Status EnsureDirectory(const fs::path& directory, mode_t mode) {
  if (::mkdir(directory.c_str(), mode) != 0 && errno != EEXIST) return FileError("make", directory, errno);
  return {};
}

bool IsFrontEndName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

Status InitHostDirectory(const fs::path& root) {
  const HostDirectory files{root};
  std::error_code failed;
  fs::create_directories(files.root.parent_path(), failed);
  SR_CHECK(EnsureDirectory(files.root, 0700));
  SR_CHECK(EnsureDirectory(files.front_ends(), 0700));
  if (!fs::exists(files.host_id(), failed))
    SR_CHECK(WriteFileAtomically(files.host_id(), NewBase32Id("host-") + "\n", 0644));

  // The original's serials: tools and people compare them.
  crypto::CertificateOptions outer;
  outer.days = kTenYearsInDays;
  outer.serial = {0xB7, 0xFA, 0x7A, 0x40, 0x97, 0x6C, 0xBE, 0x82};
  SR_CHECK(EnsureIdentity(files.outer_certificate(), files.outer_key(), crypto::KeySpec::kRsa2048,
                          OuterName("AWS Cryptography"), outer));
  outer.serial = {0xA7, 0x52, 0x5B, 0x28, 0x5D, 0x1C, 0x2B, 0xB5};
  SR_CHECK(EnsureIdentity(files.next_outer_certificate(), files.next_outer_key(), crypto::KeySpec::kRsa2048,
                          OuterName("Cryptography"), outer));

  crypto::CertificateOptions client;
  client.days = kTenYearsInDays;
  client.uses = {crypto::ExtendedUse::kClientAuth};
  SR_CHECK(EnsureIdentity(files.client_certificate(), files.client_key(), crypto::KeySpec::kRsa2048,
                          {{"O", "Strongroom"}, {"CN", "default client"}}, client));

  crypto::CertificateOptions control;
  control.days = kTenYearsInDays;
  return EnsureIdentity(files.control_certificate(), files.control_key(), crypto::KeySpec::kP256,
                        {{"O", "Strongroom"}, {"CN", "HSM host control"}}, control);
}

Status AllowFrontEnd(const fs::path& root, const std::string& name, const crypto::Certificate& certificate) {
  if (!IsFrontEndName(name))
    return Error(Errc::kInvalidArgument, "A front end's name is 1 to 64 of a-z, 0-9 and hyphen.");
  const HostDirectory files{root};
  SR_CHECK(EnsureDirectory(files.front_ends(), 0700));
  return WriteFileAtomically(files.front_ends() / (name + ".pem"), certificate.ToPem(), 0644);
}

namespace {

/// The files of front ends, in the order of their names.
Result<std::vector<fs::path>> FrontEndFiles(const fs::path& root) {
  const HostDirectory files{root};
  std::error_code failed;
  std::vector<fs::path> paths;
  for (fs::directory_iterator at(files.front_ends(), failed), end; !failed && at != end; at.increment(failed))
    if (at->path().extension() == ".pem") paths.push_back(at->path());
  if (failed && failed != std::errc::no_such_file_or_directory)
    return Error(Errc::kInternal, "The front ends' certificates cannot be listed.").WithDetail(failed.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// None, and a line in the log, for a file that is no certificate.
std::optional<crypto::Certificate> ReadFrontEnd(const fs::path& path) {
  const auto text = ReadTextFile(path, 8192);
  if (!text) {
    LogError("reading a front end's certificate", text.error());
    return std::nullopt;
  }
  auto certificate = crypto::Certificate::FromPem(*text);
  if (certificate) return std::move(*certificate);
  log::Warn("{} is not a certificate and is left out: {}", path.string(), certificate.error().ForLog());
  return std::nullopt;
}

}  // namespace

Result<bool> RemoveFrontEnd(const fs::path& root, const crypto::Certificate& certificate) {
  SR_TRY(const std::vector<fs::path> paths, FrontEndFiles(root));
  std::vector<fs::path> its;
  std::size_t others = 0;
  for (const fs::path& path : paths) {
    const auto found = ReadFrontEnd(path);
    if (found && *found == certificate) its.push_back(path);
    if (found && *found != certificate) ++others;
  }
  if (its.empty()) return false;
  if (others == 0) return Error(Errc::kInvalidState, "The only front end that may connect to this host stays.");
  for (const fs::path& path : its) {
    std::error_code failed;
    fs::remove(path, failed);
    if (failed)
      return Error(Errc::kInternal, "A front end's certificate cannot be removed.").WithDetail(failed.message());
  }
  return true;
}

Result<std::vector<crypto::Certificate>> LoadFrontEnds(const fs::path& root) {
  SR_TRY(const std::vector<fs::path> paths, FrontEndFiles(root));
  std::vector<crypto::Certificate> certificates;
  for (const fs::path& path : paths) {
    if (certificates.size() == kMaxFrontEnds) {
      log::Warn("More than {} front ends: {} and those after it are left out.", kMaxFrontEnds, path.string());
      break;
    }
    if (auto certificate = ReadFrontEnd(path)) certificates.push_back(*std::move(certificate));
  }
  return certificates;
}

Status MakeControlIdentity(const fs::path& certificate, const fs::path& key, const std::string& common_name) {
  std::error_code ignored;
  if (fs::exists(certificate, ignored) || fs::exists(key, ignored))
    return Error(Errc::kAlreadyExists, fmt::format("{} or its key exists already.", certificate.string()));
  crypto::CertificateOptions options;
  options.days = kTenYearsInDays;
  return MakeIdentity(certificate, key, crypto::KeySpec::kP256, {{"O", "Strongroom"}, {"CN", common_name}}, options);
}

}  // namespace strongroom::hsm_host
