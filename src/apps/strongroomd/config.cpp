#include "apps/strongroomd/config.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <limits>

#include "aws_client/config.h"
#include "aws_client/s3_store.h"

namespace strongroom::service {
namespace {

namespace fs = std::filesystem;

/// Reads one table: each known key once, with its type and bounds; what is left over is unknown.
class Reader {
 public:
  Reader(const fs::path& file, const toml::table& table, std::string name)
      : file_(file), table_(table), name_(std::move(name)) {}

  Status Text(std::string_view key, std::string& out, bool required = false) {
    const toml::node* node = Take(key);
    if (node == nullptr) return required ? Missing(key) : Status();
    const auto value = node->value_exact<std::string>();
    if (!value || value->empty()) return Bad(*node, fmt::format("'{}' must be a text that is not empty", Full(key)));
    out = *value;
    return {};
  }

  Status Path(std::string_view key, fs::path& out, bool required = false) {
    std::string text;
    SR_CHECK(Text(key, text, required));
    if (!text.empty()) out = text;
    return {};
  }

  template <typename Int>
  Status Number(std::string_view key, Int& out, std::int64_t least, std::int64_t most) {
    const toml::node* node = Take(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < least || *value > most) {
      return Bad(*node, fmt::format("'{}' must be a whole number from {} to {}", Full(key), least, most));
    }
    out = static_cast<Int>(*value);
    return {};
  }

  Status Texts(std::string_view key, std::vector<std::string>& out) {
    const toml::node* node = Take(key);
    if (node == nullptr) return {};
    const toml::array* list = node->as_array();
    if (list == nullptr) return Bad(*node, fmt::format("'{}' must be a list of texts", Full(key)));
    for (const toml::node& entry : *list) {
      const auto value = entry.value_exact<std::string>();
      if (!value || value->empty()) return Bad(entry, fmt::format("'{}' must be a list of texts", Full(key)));
      out.push_back(*value);
    }
    return {};
  }

  Status NothingElse() const {
    for (const auto& [key, node] : table_) {
      const bool known = std::find(taken_.begin(), taken_.end(), key.str()) != taken_.end();
      if (!known) return Bad(node, fmt::format("unknown key '{}'", Full(key.str())));
    }
    return {};
  }

  Error Bad(const toml::node& node, std::string_view what) const {
    return Error(Errc::kInvalidArgument, fmt::format("{}:{}: {}", file_.string(), node.source().begin.line, what));
  }
  Error Wrong(std::string_view key, std::string_view why) const {
    const toml::node* node = table_.get(key);
    return Bad(node ? *node : static_cast<const toml::node&>(table_), fmt::format("'{}': {}", Full(key), why));
  }
  Error Missing(std::string_view key) const { return Bad(table_, fmt::format("'{}' is missing", Full(key))); }
  const toml::node* Take(std::string_view key) {
    taken_.emplace_back(key);
    return table_.get(key);
  }

 private:
  std::string Full(std::string_view key) const {
    return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
  }

  const fs::path& file_;
  const toml::table& table_;
  std::string name_;
  std::vector<std::string> taken_;
};

bool IsPrefix(const std::string& text) {
  boost::system::error_code failed;
  boost::asio::ip::make_address_v4(text + ".1", failed);
  return !failed;
}

Status ReadHttps(Reader& in, Config& c) {
  SR_CHECK(in.Text("address", c.https.address));
  SR_CHECK(in.Number("port", c.https.port, 0, 65535));
  SR_CHECK(in.Number("threads", c.https.threads, 0, 256));
  SR_CHECK(in.Path("certificate", c.https.certificate));
  return in.Path("key", c.https.key);
}
Status ReadStore(Reader& in, Config& c) {
  SR_CHECK(in.Path("sqlite", c.store.sqlite));
  return in.Text("postgresql", c.store.postgresql);
}
Status ReadNetwork(Reader& in, Config& c) { return in.Text("prefix", c.network_prefix); }
Status ReadFrontEnd(Reader& in, Config& c) {
  SR_CHECK(in.Text("name", c.front_end.name));
  SR_CHECK(in.Path("certificate", c.front_end.certificate));
  SR_CHECK(in.Path("invitations", c.front_end.invitations));
  SR_CHECK(in.Path("invited_by", c.front_end.invited_by));
  return in.Path("key", c.front_end.key);
}
Status ReadClient(Reader& in, Config& c) {
  SR_CHECK(in.Path("certificate", c.client.certificate));
  SR_CHECK(in.Path("key", c.client.key));
  return in.Path("hosts", c.client.hosts);
}
Status ReadRecovery(Reader& in, Config& c) { return in.Path("public_key", c.recovery_public_key); }
Status ReadAccount(Reader& in, Config& c) {
  SR_CHECK(in.Text("id", c.account.id, true));
  SR_CHECK(in.Text("name", c.account.name));
  SR_CHECK(in.Texts("regions", c.account.regions));
  return in.Path("root_access_key", c.account.root_access_key);
}
Status ReadLimits(Reader& in, Config& c) {
  SR_CHECK(in.Number("clusters", c.limits.clusters, 1, 1'000'000));
  SR_CHECK(in.Number("hsms", c.limits.hsms, 1, 1'000'000));
  return in.Number("hsms_per_cluster", c.limits.hsms_per_cluster, 1, 28);
}
Status ReadKms(Reader& in, Config& c) {
  constexpr std::int64_t kMost = 1'000'000'000;
  SR_CHECK(in.Number("keys", c.kms.keys, 1, kMost));
  SR_CHECK(in.Number("aliases_per_key", c.kms.aliases_per_key, 1, kMost));
  SR_CHECK(in.Number("grants_per_key", c.kms.grants_per_key, 1, kMost));
  SR_CHECK(in.Number("custom_key_stores", c.kms.custom_key_stores, 1, kMost));
  SR_CHECK(in.Number("on_demand_rotations", c.kms.on_demand_rotations, 1, kMost));
  SR_CHECK(in.Text("sm2", c.kms.sm2));
  SR_CHECK(in.Path("attestation_roots", c.kms.attestation_roots));
  SR_CHECK(in.Number("domain_key_days", c.kms.domain_key_days, 1, 3650));
  SR_CHECK(in.Number("backup_retention_days", c.kms.backup_retention_days, 2, 3650));
  return in.Text("throttling", c.kms.throttling);
}
Status ReadXks(Reader& in, Config& c) {
  std::string networks, hosts, services;
  std::int64_t timeout_millis = c.xks.answer_timeout.count();
  SR_CHECK(in.Text("networks", networks));
  SR_CHECK(in.Text("hosts", hosts));
  SR_CHECK(in.Text("vpc_endpoint_services", services));
  SR_CHECK(in.Path("ca_file", c.xks.ca_file));
  SR_CHECK(in.Path("client_certificate", c.xks.client_certificate));
  SR_CHECK(in.Path("client_key", c.xks.client_key));
  SR_CHECK(in.Number("timeout_ms", timeout_millis, 1, 60'000));
  c.xks.answer_timeout = std::chrono::milliseconds(timeout_millis);
  const auto take = [&in](std::string_view key, auto parsed, auto& out) -> Status {
    if (!parsed.ok()) return in.Wrong(key, parsed.error().public_message());
    out = std::move(parsed).value();
    return {};
  };
  SR_CHECK(take("networks", xks::ParseNetworks(networks), c.xks.networks));
  SR_CHECK(take("hosts", xks::ParseHostTable(hosts), c.xks.hosts));
  return take("vpc_endpoint_services", xks::ParseHostTable(services), c.xks.vpc_endpoint_services);
}
Status ReadOidc(Reader& in, Config& c) {
  std::string networks, hosts;
  SR_CHECK(in.Text("networks", networks));
  SR_CHECK(in.Text("hosts", hosts));
  SR_CHECK(in.Path("ca_file", c.oidc.ca_file));
  auto allowed = xks::ParseNetworks(networks);
  if (!allowed.ok()) return in.Wrong("networks", allowed.error().public_message());
  c.oidc.networks = *std::move(allowed);
  auto places = xks::ParseHostTable(hosts);
  if (!places.ok()) return in.Wrong("hosts", places.error().public_message());
  c.oidc.hosts = *std::move(places);
  return {};
}
Status ReadDelivery(Reader& in, Config& c) {
  auto& s3 = c.audit.s3;
  SR_CHECK(in.Text("s3_bucket", s3.bucket));
  SR_CHECK(in.Text("s3_prefix", s3.prefix));
  SR_CHECK(in.Text("s3_region", s3.region));
  SR_CHECK(in.Text("s3_endpoint", s3.endpoint));
  SR_CHECK(in.Text("s3_profile", s3.profile));
  SR_CHECK(in.Path("s3_credentials_file", s3.credentials_file));
  SR_CHECK(in.Path("s3_config_file", s3.config_file));
  SR_CHECK(in.Path("s3_ca_file", s3.ca_file));
  SR_CHECK(in.Number("s3_minutes", s3.minutes, 1, 60));
  SR_CHECK(in.Number("s3_kib_per_second", s3.kib_per_second, 16, 1'048'576));
  if (s3.bucket.empty()) {
    if (!s3.prefix.empty() || !s3.region.empty() || !s3.endpoint.empty() || !s3.profile.empty() ||
        !s3.credentials_file.empty() || !s3.config_file.empty() || !s3.ca_file.empty())
      return in.Wrong("s3_bucket", "say which, or leave the other settings for it out");
    return {};
  }
  const auto url = aws_client::ParseS3Url("s3://" + s3.bucket + "/" + s3.prefix);
  if (!url.ok()) return in.Wrong("s3_bucket", url.error().public_message());
  if (url->bucket != s3.bucket)
    return in.Wrong("s3_bucket", "a bucket's name has no slash; what follows it is s3_prefix");
  s3.prefix = url->prefix;
  if (!s3.endpoint.empty()) {
    const auto endpoint = aws_client::ParseEndpoint(s3.endpoint);
    if (!endpoint.ok()) return in.Wrong("s3_endpoint", endpoint.error().public_message());
  }
  if (s3.region.empty()) return {};
  const Status region = aws_client::CheckRegion(s3.region);
  return region.ok() ? region : in.Wrong("s3_region", region.error().public_message());
}
Status ReadAudit(Reader& in, Config& c) {
  SR_CHECK(in.Text("mode", c.audit.mode));
  SR_CHECK(in.Text("throttling", c.audit.throttling));
  SR_CHECK(in.Text("region", c.audit.region));
  SR_CHECK(in.Path("directory", c.audit.directory));
  SR_CHECK(in.Number("digest_minutes", c.audit.digest_minutes, 1, 1440));
  SR_CHECK(ReadDelivery(in, c));
  return in.Number("retention_days", c.audit.retention_days, 1, 36'500);
}
Status ReadService(Reader& in, Config& c) { return in.Text("lock_memory", c.lock_memory); }
Status ReadLog(Reader& in, Config& c) { return in.Text("level", c.log_level); }

struct Section {
  std::string_view name;
  Status (*read)(Reader&, Config&);
};
constexpr auto kSections = std::to_array<Section>({{"https", &ReadHttps},
                                                   {"store", &ReadStore},
                                                   {"network", &ReadNetwork},
                                                   {"front_end", &ReadFrontEnd},
                                                   {"client", &ReadClient},
                                                   {"recovery", &ReadRecovery},
                                                   {"account", &ReadAccount},
                                                   {"limits", &ReadLimits},
                                                   {"kms", &ReadKms},
                                                   {"xks", &ReadXks},
                                                   {"oidc", &ReadOidc},
                                                   {"audit", &ReadAudit},
                                                   {"service", &ReadService},
                                                   {"log", &ReadLog}});

Status ReadHosts(const fs::path& file, const toml::node& node, Reader& root, Config& c) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return root.Bad(node, "write [[host]], once for each host");
  for (const toml::node& entry : *list) {
    const toml::table* table = entry.as_table();
    if (table == nullptr) return root.Bad(entry, "write [[host]], once for each host");
    Reader in(file, *table, "host");
    HostEntry host;
    SR_CHECK(in.Text("id", host.id, true));
    SR_CHECK(in.Text("address", host.address, true));
    SR_CHECK(in.Number("port", host.port, 1, 65535));
    SR_CHECK(in.Path("certificate", host.certificate, true));
    SR_CHECK(in.Text("network", host.network));
    SR_CHECK(in.NothingElse());
    if (host.network.empty()) host.network = c.network_prefix;
    if (!IsPrefix(host.network)) return in.Bad(*table, "'host.network' must be like 127.81.4");
    const bool again =
        std::any_of(c.hosts.begin(), c.hosts.end(), [&](const HostEntry& other) { return other.id == host.id; });
    if (again) return in.Bad(*table, fmt::format("host '{}' is listed twice", host.id));
    c.hosts.push_back(std::move(host));
  }
  return {};
}

Status Check(const fs::path& file, const Config& c) {
  const auto bad = [&](std::string_view what) {
    return Error(Errc::kInvalidArgument, fmt::format("{}: {}", file.string(), what));
  };
  boost::system::error_code failed;
  boost::asio::ip::make_address(c.https.address, failed);
  if (failed) return bad("'https.address' must be an IP address");
  if (c.account.id.size() != 12 || c.account.id.find_first_not_of("0123456789") != std::string::npos) {
    return bad("'account.id' must be 12 digits");
  }
  if (c.hosts.empty()) return bad("at least one [[host]] is needed");
  constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info", "warn", "error", "off"};
  if (std::find(kLevels.begin(), kLevels.end(), c.log_level) == kLevels.end()) {
    return bad("'log.level' must be one of trace, debug, info, warn, error, off");
  }
  if (c.kms.throttling != "off" && c.kms.throttling != "aws") return bad("'kms.throttling' must be \"off\" or \"aws\"");
  if (c.kms.sm2 != "off" && c.kms.sm2 != "on") return bad("'kms.sm2' must be \"off\" or \"on\"");
  if (c.lock_memory != "try" && c.lock_memory != "require")
    return bad("'service.lock_memory' must be \"try\" or \"require\"");
  if (c.audit.mode != "grouped" && c.audit.mode != "strict") {
    return bad("'audit.mode' must be \"grouped\" or \"strict\"");
  }
  if (c.audit.throttling != "off" && c.audit.throttling != "aws")
    return bad("'audit.throttling' must be \"off\" or \"aws\"");
  return {};
}

void MakeAbsolute(Config& c, const fs::path& data) {
  for (fs::path* path : {&c.https.certificate, &c.https.key, &c.store.sqlite, &c.front_end.certificate,
                         &c.front_end.key, &c.front_end.invitations, &c.front_end.invited_by, &c.client.certificate,
                         &c.client.key, &c.recovery_public_key, &c.account.root_access_key, &c.audit.directory}) {
    *path = data / *path;
  }
  for (fs::path* path :
       {&c.client.hosts, &c.kms.attestation_roots, &c.xks.ca_file, &c.oidc.ca_file, &c.xks.client_certificate,
        &c.xks.client_key, &c.audit.s3.credentials_file, &c.audit.s3.config_file, &c.audit.s3.ca_file})
    if (!path->empty()) *path = data / *path;
  for (HostEntry& host : c.hosts) host.certificate = data / host.certificate;
}

}  // namespace

Result<Config> LoadConfig(const fs::path& file, const fs::path& data) {
  std::error_code unreadable;
  if (!fs::is_regular_file(file, unreadable)) {
    return Error(Errc::kNotFound, fmt::format("{} is not there. `strongroom serve` writes one.", file.string()));
  }
  toml::table table;
  try {
    table = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()));
  }
  Config config;
  Reader root(file, table, "");
  for (const Section& section : kSections) {
    const toml::node* node = root.Take(section.name);
    if (node == nullptr) continue;
    const toml::table* entries = node->as_table();
    if (entries == nullptr) return root.Bad(*node, fmt::format("write [{}] and its keys below", section.name));
    Reader in(file, *entries, std::string(section.name));
    SR_CHECK(section.read(in, config));
    SR_CHECK(in.NothingElse());
  }
  if (const toml::node* hosts = root.Take("host")) SR_CHECK(ReadHosts(file, *hosts, root, config));
  SR_CHECK(root.NothingElse());
  SR_CHECK(Check(file, config));
  MakeAbsolute(config, data);
  return config;
}

}  // namespace strongroom::service
