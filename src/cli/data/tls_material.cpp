#include "cli/data/tls_material.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/file.h"
#include "crypto/certificate.h"
#include "crypto/key_pair.h"
#include "terminal/terminal.h"

namespace strongroom::cli {
namespace {

using crypto::Certificate;
using crypto::KeySpec;
using crypto::PrivateKey;
namespace fs = std::filesystem;

Status SaveKey(const fs::path& file, const PrivateKey& key) {
  SR_TRY(const SecretBuffer pem, key.ToPem());
  return Terminal::WriteKeyFile(file, pem);
}

Result<PrivateKey> LoadKey(const fs::path& file) {
  SR_TRY(const SecretBuffer pem, Terminal::ReadKeyFile(file));
  return PrivateKey::FromPem(pem);
}

crypto::CertificateOptions ServerOptions(const std::vector<std::string>& addresses) {
  crypto::CertificateOptions options;
  options.days = 825;  // what the strictest clients accept for a server certificate
  options.uses = {crypto::ExtendedUse::kServerAuth};
  options.dns_names = {"localhost"};
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' && std::string(name) != "localhost")
    options.dns_names.push_back(name);
  options.ip_addresses = {"127.0.0.1", "::1"};
  for (const std::string& address : addresses)
    if (std::find(options.ip_addresses.begin(), options.ip_addresses.end(), address) == options.ip_addresses.end())
      options.ip_addresses.push_back(address);
  return options;
}

Status MakeCa(const fs::path& directory) {
  SR_TRY(const PrivateKey key, PrivateKey::Generate(KeySpec::kP256));
  crypto::CertificateOptions options;
  options.ca = true;
  SR_TRY(const Certificate ca,
         crypto::MakeSelfSigned({{"O", "Strongroom"}, {"CN", "Strongroom HTTPS CA"}}, key, options));
  SR_CHECK(SaveKey(directory / "ca.key", key));
  return WriteFileAtomically(directory / "ca.crt", ca.ToPem(), 0644);
}

Status IssueServer(const fs::path& directory, const Certificate& ca, const PrivateKey& ca_key, const PrivateKey& key,
                   const std::vector<std::string>& addresses) {
  SR_TRY(const Certificate server, crypto::Issue({{"O", "Strongroom"}, {"CN", "Strongroom"}}, key.public_key(), ca,
                                                 ca_key, ServerOptions(addresses)));
  std::string covered;
  for (const std::string& address : addresses) covered += address + "\n";
  SR_CHECK(WriteFileAtomically(directory / "server.addresses", covered, 0644));
  return WriteFileAtomically(directory / "server.crt", server.ToPem(), 0644);
}

}  // namespace

Status MakeHttpsMaterial(const fs::path& directory, const std::vector<std::string>& addresses) {
  if (!fs::exists(directory / "ca.crt")) SR_CHECK(MakeCa(directory));
  SR_TRY(const std::string ca_pem, ReadFile(directory / "ca.crt"));
  SR_TRY(const Certificate ca, Certificate::FromPem(ca_pem));
  SR_TRY(const PrivateKey ca_key, LoadKey(directory / "ca.key"));
  SR_TRY(const PrivateKey key, PrivateKey::Generate(KeySpec::kP256));
  SR_CHECK(SaveKey(directory / "server.key", key));
  return IssueServer(directory, ca, ca_key, key, addresses);
}

Result<bool> RenewHttpsCertificate(const fs::path& directory, const std::vector<std::string>& addresses) {
  SR_TRY(const std::string pem, ReadFile(directory / "server.crt"));
  SR_TRY(const Certificate current, Certificate::FromPem(pem));
  SR_TRY(const std::string covered, ReadFile(directory / "server.addresses"));
  const bool complete = std::all_of(addresses.begin(), addresses.end(), [&](const std::string& address) {
    return ("\n" + covered).find("\n" + address + "\n") != std::string::npos;
  });
  if (complete && current.not_after() - std::chrono::system_clock::now() > std::chrono::hours(24 * 90)) return false;
  SR_TRY(const std::string ca_pem, ReadFile(directory / "ca.crt"));
  SR_TRY(const Certificate ca, Certificate::FromPem(ca_pem));
  SR_TRY(const PrivateKey ca_key, LoadKey(directory / "ca.key"));
  SR_TRY(const PrivateKey key, LoadKey(directory / "server.key"));
  SR_CHECK(IssueServer(directory, ca, ca_key, key, addresses));
  return true;
}

Status MakeFrontEndIdentity(const fs::path& directory, const std::string& name) {
  SR_TRY(const PrivateKey key, PrivateKey::Generate(KeySpec::kP256));
  SR_TRY(const Certificate certificate,
         crypto::MakeSelfSigned({{"O", "Strongroom"}, {"CN", "Strongroom front end " + name}}, key, {}));
  SR_CHECK(SaveKey(directory / (name + ".key"), key));
  return WriteFileAtomically(directory / (name + ".crt"), certificate.ToPem(), 0644);
}

}  // namespace strongroom::cli
