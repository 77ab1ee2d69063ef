#include "cli/data/service_config.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "store/connection_string.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;

/// The service's own copy of a file whose original it may not read.
Status CopyFor(const fs::path& from, const fs::path& to, mode_t mode) {
  SR_TRY(const std::string content, ReadFile(from));
  SR_CHECK(WriteFileAtomically(to, content, mode));
  return GiveTo(to, kServiceUser);
}

/// The same of a file that a setting names, as "[audit] s3_ca_file". Errors: kInvalidArgument with both when it cannot
/// be read; file errors.
Status CopyNamed(std::string_view setting, const fs::path& from, const fs::path& to, mode_t mode) {
  if (const auto content = ReadFile(from); !content.ok())
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} in strongroom.toml: {}", setting, content.error().public_message()));
  return CopyFor(from, to, mode);
}

/// Where libpq would look for passwords as this user (PostgreSQL manual, "The Password File").
fs::path OperatorsPasswordFile() {
  if (const char* named = std::getenv("PGPASSFILE"); named != nullptr && *named != '\0') return named;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return fs::path(home) / ".pgpass";
  const passwd* user = ::getpwuid(::geteuid());
  return user == nullptr ? fs::path() : fs::path(user->pw_dir) / ".pgpass";
}

/// The service is another user when root starts it, and cannot read root's file.
Status CopyPasswordFile(const DataDirectory& data, const Settings& settings) {
  const fs::path copy = ServicePasswordFile(data);
  std::error_code failed;
  fs::remove(copy, failed);
  if (settings.store.empty() || ::geteuid() != 0) return {};
  SR_TRY(const store::ConnectionString said, store::ReadConnectionString(settings.store));
  if (said.has_password || said.names_password_place) return {};
  const fs::path from = OperatorsPasswordFile();
  struct stat info {};
  if (from.empty() || ::stat(from.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    log::Warn("{} is not used, as libpq would not either: group or others may read it, and its mode must be 0600",
              from.string());
    return {};
  }
  return CopyFor(from, copy, 0600);
}

/// Section [xks], without what is empty, and the service's copies of the files that it names.
Result<std::string> XksSection(const DataDirectory& data, const Settings& settings) {
  const auto& xks = settings.xks;
  std::string text = fmt::format("[xks]\ntimeout_ms = {}\n", xks.timeout_ms);
  const auto put = [&text](std::string_view key, const std::string& value) {
    if (!value.empty()) text += fmt::format("{} = {}\n", key, Quoted(value));
  };
  put("networks", xks.networks);
  put("hosts", xks.hosts);
  put("vpc_endpoint_services", xks.vpc_endpoint_services);
  const struct {
    std::string_view key;
    const std::string& file;
    std::string_view copy;
    mode_t mode;
  } files[] = {{"ca_file", xks.ca_file, "xks-ca.pem", 0644},
               {"client_certificate", xks.client_certificate, "xks-client.crt", 0644},
               {"client_key", xks.client_key, "xks-client.key", 0600}};
  for (const auto& [key, file, copy, mode] : files) {
    if (file.empty()) continue;
    SR_CHECK(CopyNamed(fmt::format("[xks] {}", key), data.root() / file, data.service() / copy, mode));
    put(key, (data.service() / copy).string());
  }
  return text;
}

/// Section [oidc], likewise.
Result<std::string> OidcSection(const DataDirectory& data, const Settings& settings) {
  const auto& oidc = settings.oidc;
  std::string text = "[oidc]\n";
  if (!oidc.networks.empty()) text += fmt::format("networks = {}\n", Quoted(oidc.networks));
  if (!oidc.hosts.empty()) text += fmt::format("hosts = {}\n", Quoted(oidc.hosts));
  if (oidc.ca_file.empty()) return text;
  const fs::path copy = data.service() / "oidc-ca.pem";
  SR_CHECK(CopyNamed("[oidc] ca_file", data.root() / oidc.ca_file, copy, 0644));
  return text + fmt::format("ca_file = {}\n", Quoted(copy.string()));
}

/// What [audit] says of the bucket, likewise. Keys are in a file of the service's own.
Result<std::string> DeliverySettings(const DataDirectory& data, const Settings& settings) {
  const auto& s3 = settings.audit.s3;
  std::string text = fmt::format("s3_minutes = {}\ns3_kib_per_second = {}\n", s3.minutes, s3.kib_per_second);
  const std::pair<std::string_view, const std::string&> texts[] = {{"bucket", s3.bucket},
                                                                   {"prefix", s3.prefix},
                                                                   {"region", s3.region},
                                                                   {"endpoint", s3.endpoint},
                                                                   {"profile", s3.profile}};
  for (const auto& [key, value] : texts)
    if (!value.empty()) text += fmt::format("s3_{} = {}\n", key, Quoted(value));
  const struct {
    std::string_view key, copy;
    const std::string& file;
    mode_t mode;
  } files[] = {{"credentials_file", "s3-credentials", s3.credentials_file, 0600},
               {"config_file", "s3-config", s3.config_file, 0600},
               {"ca_file", "s3-ca.pem", s3.ca_file, 0644}};
  for (const auto& [key, copy, file, mode] : files) {
    if (file.empty()) continue;
    SR_CHECK(CopyNamed(fmt::format("[audit] s3_{}", key), data.root() / file, data.service() / copy, mode));
    text += fmt::format("s3_{} = {}\n", key, Quoted((data.service() / copy).string()));
  }
  return text;
}

}  // namespace

fs::path ServicePasswordFile(const DataDirectory& data) { return data.run() / "pgpass"; }

Result<fs::path> WriteServiceConfig(const DataDirectory& data, const Settings& settings) {
  const fs::path service = data.service();
  SR_CHECK(CopyPasswordFile(data, settings));
  SR_CHECK(CopyFor(data.host() / "client.crt", service / "client.crt", 0644));
  SR_CHECK(CopyFor(data.host() / "client.key", service / "client.key", 0600));
  SR_CHECK(CopyFor(data.host() / "control.crt", service / "host-control.crt", 0644));
  std::string attestation_roots;
  if (!settings.kms.attestation_roots.empty()) {
    const fs::path copy = service / "attestation-roots.pem";
    SR_CHECK(CopyNamed("[kms] attestation_roots", data.root() / settings.kms.attestation_roots, copy, 0644));
    attestation_roots = "attestation_roots = " + Quoted(copy.string()) + "\n";
  }
  SR_TRY(const std::string xks, XksSection(data, settings));
  SR_TRY(const std::string oidc, OidcSection(data, settings));
  SR_TRY(const std::string delivery, DeliverySettings(data, settings));
  SR_TRY(const std::string host_id, data.HostId());

  const std::string store = settings.store.empty() ? "sqlite = " + Quoted((service / "strongroom.sqlite").string())
                                                   : "postgresql = " + Quoted(settings.store);
  const std::string text = fmt::format(
      "# Written by `strongroom serve` at each start from strongroom.toml; changes here are lost.\n"
      "[https]\naddress = {}\nport = {}\nthreads = {}\ncertificate = {}\nkey = {}\n\n"
      "[store]\n{}\n\n[network]\nprefix = {}\n\n"
      "[[host]]\nid = {}\naddress = {}\nport = 2224\ncertificate = {}\nnetwork = {}\n\n"
      "[front_end]\nname = \"front-end\"\ncertificate = {}\nkey = {}\ninvitations = {}\n\n"
      "[client]\ncertificate = {}\nkey = {}\nhosts = {}\n\n"
      "[recovery]\npublic_key = {}\n\n"
      "[account]\nid = {}\nname = \"default\"\nroot_access_key = {}\n\n"
      "[kms]\nkeys = {}\ncustom_key_stores = {}\naliases_per_key = {}\ngrants_per_key = {}\non_demand_rotations = "
      "{}\nthrottling = "
      "{}\nsm2 = {}\n{}domain_key_days = {}\nbackup_retention_days = {}\n\n{}\n{}\n[audit]\nmode = {}\n"
      "directory = {}\ndigest_minutes = {}\nretention_days = {}\nthrottling = {}\nregion = "
      "{}\n{}\n[service]\nlock_memory = {}\n\n"
      "[log]\nlevel = {}\n",
      Quoted(settings.https_address), settings.https_port, settings.threads,
      Quoted((data.tls() / "server.crt").string()), Quoted((data.tls() / "server.key").string()), store,
      Quoted(settings.network_prefix), Quoted(host_id), Quoted(settings.network_prefix + ".1"),
      Quoted((service / "host-control.crt").string()), Quoted(settings.network_prefix),
      Quoted((service / "front-end.crt").string()), Quoted((service / "front-end.key").string()),
      Quoted((service / "invitations").string()), Quoted((service / "client.crt").string()),
      Quoted((service / "client.key").string()), Quoted((data.client() / "etc" / "certs").string()),
      Quoted((data.root() / "recovery-key.pub.pem").string()), Quoted(settings.account_id),
      Quoted((service / "root-access-key.json").string()), settings.kms.keys, settings.kms.custom_key_stores,
      settings.kms.aliases_per_key, settings.kms.grants_per_key, settings.kms.on_demand_rotations,
      Quoted(settings.kms.throttling), Quoted(settings.kms.sm2), attestation_roots, settings.kms.domain_key_days,
      settings.kms.backup_retention_days, xks, oidc, Quoted(settings.audit.mode), Quoted((service / "audit").string()),
      settings.audit.digest_minutes, settings.audit.retention_days, Quoted(settings.audit.throttling),
      Quoted(settings.region), delivery, Quoted(settings.lock_memory), Quoted(settings.log_level));
  const fs::path file = data.run() / "strongroomd.toml";
  SR_CHECK(WriteFileAtomically(file, text, 0600));
  SR_CHECK(GiveTo(file, kServiceUser));
  return file;
}

}  // namespace strongroom::cli
