#include "cli/client_package.h"

#include <fmt/format.h>
#include <unistd.h>

#include <climits>

#include "base/file.h"
#include "crypto/certificate.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;
constexpr const char* kPrograms[] = {"cloudhsm_mgmt_util", "configure"};

Status InstallCertificate(const fs::path& from, const fs::path& certificates) {
  SR_TRY(const std::string pem, ReadFile(from));
  SR_TRY(const auto certificate, crypto::Certificate::FromPem(pem));
  return WriteFileAtomically(certificates / (certificate.subject_hash() + ".0"), pem, 0644);
}

}  // namespace

fs::path ProgramDirectory() {
  char path[PATH_MAX];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path - 1);
  return n > 0 ? fs::path(std::string(path, static_cast<std::size_t>(n))).parent_path() : fs::current_path();
}

Status RefreshClientPackage(const DataDirectory& data) {
  const fs::path etc = data.client() / "etc", bin = data.client() / "bin", certificates = etc / "certs";
  for (const fs::path& directory : {data.client(), etc, bin, certificates, data.client() / "run"})
    SR_CHECK(MakeDirectory(directory, 0755, 0));
  SR_CHECK(InstallCertificate(data.host() / "outer.crt", certificates));
  SR_CHECK(InstallCertificate(data.host() / "outer-next.crt", certificates));
  // The default client pair is the same for every client; tools still want a key that only its owner reads.
  SR_TRY(const std::string certificate, ReadFile(data.host() / "client.crt"));
  SR_CHECK(WriteFileAtomically(etc / "client.crt", certificate, 0644));
  SR_TRY(const std::string key, ReadFile(data.host() / "client.key"));
  SR_CHECK(WriteFileAtomically(etc / "client.key", key, 0600));
  std::error_code failed;
  for (const char* name : kPrograms) {
    const fs::path program = ProgramDirectory() / name;
    fs::remove(bin / name, failed);
    if (fs::exists(program)) fs::create_symlink(program, bin / name, failed);
    if (failed) return FileError("link", bin / name, failed.value());
  }
  return {};
}

Status ExportClientPackage(const DataDirectory& data, const fs::path& target) {
  if (fs::exists(target))
    return Error(Errc::kAlreadyExists,
                 fmt::format("{} exists already; name a directory that does not.", target.string()));
  std::error_code failed;
  fs::create_directories(target.parent_path().empty() ? "." : target.parent_path(), failed);
  fs::copy(data.client(), target, fs::copy_options::recursive, failed);  // follows the links in bin/
  if (failed) return FileError("copy the client package to", target, failed.value());
  return {};
}

}  // namespace strongroom::cli
