#include "cli/data/settings.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <array>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "aws_client/config.h"
#include "base/file.h"

namespace strongroom::cli {
namespace {

Error Bad(const std::filesystem::path& file, const toml::source_region& where, std::string_view what) {
  return Error(Errc::kInvalidArgument, fmt::format("{}:{}: {}", file.string(), where.begin.line, what));
}

bool IsTwelveDigits(const std::string& text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Result<Settings> LoadSettings(const std::filesystem::path& file) {
  toml::table table;
  try {
    table = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    return Bad(file, error.source(), error.description());
  }
  Settings settings;
  std::int64_t port = settings.https_port, threads = 0, max_keys = settings.max_keys;
  const struct {
    std::string_view section, key;
    std::string* text;
    std::int64_t* number;
  } known[] = {
      {"network", "prefix", &settings.network_prefix, nullptr},
      {"https", "address", &settings.https_address, nullptr},
      {"https", "port", nullptr, &port},
      {"https", "threads", nullptr, &threads},
      {"account", "id", &settings.account_id, nullptr},
      {"account", "region", &settings.region, nullptr},
      {"store", "postgresql", &settings.store, nullptr},
      {"hsm", "max_keys", nullptr, &max_keys},
      {"service", "lock_memory", &settings.lock_memory, nullptr},
      {"kms", "keys", nullptr, &settings.kms.keys},
      {"kms", "aliases_per_key", nullptr, &settings.kms.aliases_per_key},
      {"kms", "grants_per_key", nullptr, &settings.kms.grants_per_key},
      {"kms", "custom_key_stores", nullptr, &settings.kms.custom_key_stores},
      {"kms", "on_demand_rotations", nullptr, &settings.kms.on_demand_rotations},
      {"kms", "throttling", &settings.kms.throttling, nullptr},
      {"kms", "sm2", &settings.kms.sm2, nullptr},
      {"kms", "domain_key_days", nullptr, &settings.kms.domain_key_days},
      {"kms", "backup_retention_days", nullptr, &settings.kms.backup_retention_days},
      {"kms", "attestation_roots", &settings.kms.attestation_roots, nullptr},
      {"xks", "networks", &settings.xks.networks, nullptr},
      {"xks", "hosts", &settings.xks.hosts, nullptr},
      {"xks", "vpc_endpoint_services", &settings.xks.vpc_endpoint_services, nullptr},
      {"xks", "ca_file", &settings.xks.ca_file, nullptr},
      {"xks", "client_certificate", &settings.xks.client_certificate, nullptr},
      {"xks", "client_key", &settings.xks.client_key, nullptr},
      {"xks", "timeout_ms", nullptr, &settings.xks.timeout_ms},
      {"oidc", "networks", &settings.oidc.networks, nullptr},
      {"oidc", "hosts", &settings.oidc.hosts, nullptr},
      {"oidc", "ca_file", &settings.oidc.ca_file, nullptr},
      {"audit", "mode", &settings.audit.mode, nullptr},
      {"audit", "throttling", &settings.audit.throttling, nullptr},
      {"audit", "digest_minutes", nullptr, &settings.audit.digest_minutes},
      {"audit", "retention_days", nullptr, &settings.audit.retention_days},
      {"audit", "s3_bucket", &settings.audit.s3.bucket, nullptr},
      {"audit", "s3_prefix", &settings.audit.s3.prefix, nullptr},
      {"audit", "s3_region", &settings.audit.s3.region, nullptr},
      {"audit", "s3_endpoint", &settings.audit.s3.endpoint, nullptr},
      {"audit", "s3_profile", &settings.audit.s3.profile, nullptr},
      {"audit", "s3_credentials_file", &settings.audit.s3.credentials_file, nullptr},
      {"audit", "s3_config_file", &settings.audit.s3.config_file, nullptr},
      {"audit", "s3_ca_file", &settings.audit.s3.ca_file, nullptr},
      {"audit", "s3_minutes", nullptr, &settings.audit.s3.minutes},
      {"audit", "s3_kib_per_second", nullptr, &settings.audit.s3.kib_per_second},
      {"log", "level", &settings.log_level, nullptr},
  };
  for (const auto& [section, node] : table) {
    const auto* entries = node.as_table();
    if (entries == nullptr) return Bad(file, node.source(), fmt::format("unknown key '{}'", section.str()));
    for (const auto& [key, value] : *entries) {
      const auto* row = std::find_if(std::begin(known), std::end(known), [&](const auto& candidate) {
        return candidate.section == section.str() && candidate.key == key.str();
      });
      if (row == std::end(known))
        return Bad(file, value.source(), fmt::format("unknown key '{}.{}'", section.str(), key.str()));
      if (row->text != nullptr) {
        const auto text = value.value_exact<std::string>();
        if (!text) return Bad(file, value.source(), fmt::format("'{}' must be a text", key.str()));
        *row->text = *text;
      } else {
        const auto number = value.value_exact<std::int64_t>();
        if (!number) return Bad(file, value.source(), fmt::format("'{}' must be a whole number", key.str()));
        *row->number = *number;
      }
    }
  }
  // Where the value stands; what is missing has its default, which is in range.
  const auto bad = [&](std::string_view section, std::string_view key, std::string_view what) {
    const auto node = table[section][key];
    return Bad(file, node ? node.node()->source() : table.source(), what);
  };
  if (port < 1 || port > 65535) return bad("https", "port", "https.port must be between 1 and 65535");
  if (threads < 0 || threads > 256) return bad("https", "threads", "https.threads must be between 0 and 256");
  if (max_keys < 1 || max_keys > 100000) return bad("hsm", "max_keys", "hsm.max_keys must be between 1 and 100000");
  if (settings.lock_memory != "try" && settings.lock_memory != "require")
    return bad("service", "lock_memory", "service.lock_memory must be \"try\" or \"require\"");
  for (const std::int64_t quota : {settings.kms.keys, settings.kms.aliases_per_key, settings.kms.grants_per_key,
                                   settings.kms.custom_key_stores, settings.kms.on_demand_rotations})
    if (quota < 1 || quota > 1'000'000'000)
      return Bad(file, table.source(), "quotas of [kms] must be between 1 and 1000000000");
  if (settings.kms.domain_key_days < 1 || settings.kms.domain_key_days > 3650 ||
      settings.kms.backup_retention_days < 2 || settings.kms.backup_retention_days > 3650)
    return Bad(file, table.source(),
               "kms.domain_key_days must be between 1 and 3650, kms.backup_retention_days between 2 and 3650");
  if (settings.kms.throttling != "off" && settings.kms.throttling != "aws")
    return bad("kms", "throttling", "kms.throttling must be \"off\" or \"aws\"");
  if (settings.kms.sm2 != "off" && settings.kms.sm2 != "on")
    return bad("kms", "sm2", "kms.sm2 must be \"off\" or \"on\"");
  if (settings.xks.timeout_ms < 1 || settings.xks.timeout_ms > 60'000)
    return bad("xks", "timeout_ms", "xks.timeout_ms must be between 1 and 60000");
  if (settings.audit.mode != "grouped" && settings.audit.mode != "strict")
    return bad("audit", "mode", "audit.mode must be \"grouped\" or \"strict\"");
  if (settings.audit.throttling != "off" && settings.audit.throttling != "aws")
    return bad("audit", "throttling", "audit.throttling must be \"off\" or \"aws\"");
  if (settings.audit.digest_minutes < 1 || settings.audit.digest_minutes > 1440 || settings.audit.retention_days < 1 ||
      settings.audit.retention_days > 36'500)
    return Bad(file, table.source(),
               "audit.digest_minutes must be between 1 and 1440, audit.retention_days between 1 and 36500");
  const auto& s3 = settings.audit.s3;
  if (s3.minutes < 1 || s3.minutes > 60 || s3.kib_per_second < 16 || s3.kib_per_second > 1'048'576)
    return Bad(file, table.source(),
               "audit.s3_minutes must be between 1 and 60, audit.s3_kib_per_second between 16 and 1048576");
  if (!IsTwelveDigits(settings.account_id)) return bad("account", "id", "account.id must be 12 digits");
  if (!aws_client::CheckRegion(settings.region).ok())
    return bad("account", "region", "account.region must be like us-east-1: letters, digits and hyphens");
  constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info", "warn", "error", "off"};
  if (std::find(kLevels.begin(), kLevels.end(), settings.log_level) == kLevels.end())
    return bad("log", "level", "log.level must be trace, debug, info, warn, error or off");
  boost::system::error_code failed;
  boost::asio::ip::make_address(settings.https_address, failed);
  if (failed) return bad("https", "address", "https.address must be an IP address");
  boost::asio::ip::make_address_v4(settings.network_prefix + ".1", failed);
  if (failed) return bad("network", "prefix", "network.prefix must be like 127.20.30");
  settings.https_port = static_cast<std::uint16_t>(port);
  settings.threads = static_cast<unsigned>(threads);
  settings.max_keys = static_cast<unsigned>(max_keys);
  return settings;
}

Status SaveSettings(const std::filesystem::path& file, const Settings& settings) {
  const auto& s3 = settings.audit.s3;
  // A libpq connection string may hold a password, so the file is its owner's alone.
  std::string text = fmt::format(
      "# Strongroom's settings for this data directory. Read at start; unknown keys are refused.\n\n"
      "[network]\n# HSMs and the HSM host have addresses of their own in this network of the machine's.\n"
      "prefix = {}\n\n"
      "[https]\naddress = {}\nport = {}\n# Event loops; 0 is one per core.\nthreads = {}\n\n"
      "[account]\nid = {}\n# The region that `strongroom env` exports; any region is served.\nregion = {}\n\n"
      "[store]\n# A libpq connection string; empty is SQLite in this directory.\npostgresql = {}\n\n"
      "[hsm]\n# Keys that a cluster holds at most; up to 100000.\nmax_keys = {}\n\n"
      "[service]\n# \"require\": strongroomd does not start where all of its memory cannot be locked, and so kept from "
      "swap.\n"
      "lock_memory = {}\n\n"
      "[kms]\n# Quotas: of each account and region, and of each key.\nkeys = {}\ncustom_key_stores = {}\n"
      "aliases_per_key = {}\ngrants_per_key = {}\non_demand_rotations = {}\n"
      "# \"aws\" limits the request rates of each account and region as AWS does.\nthrottling = {}\n"
      "# \"on\" has keys of spec SM2, as AWS has them in China.\nsm2 = {}\n"
      "# A PEM file of the roots whose attestation documents may be a request's Recipient; none when empty.\n"
      "attestation_roots = {}\n"
      "# Days until the domain key gets a new generation, and days that backups of this deployment are kept: after so\n"
      "# long a deleted key is lost in old copies, too, and older backups can no longer be restored.\n"
      "domain_key_days = {}\nbackup_retention_days = {}\n\n"
      "[xks]\n# Networks where proxies of external key stores may be (\"10.20.0.0/16 …\"); when empty, all but "
      "loopback,\n"
      "# link-local, multicast and reserved addresses.\nnetworks = {}\n"
      "# Where a proxy's host is, if DNS and port 443 do not say (\"proxy.example.com=10.20.0.5:8443 …\").\n"
      "hosts = {}\n"
      "# Where a VPC endpoint service is, in the same form.\nvpc_endpoint_services = {}\n"
      "# PEM files: roots trusted beside the system's, and what is shown to proxies that ask for a certificate.\n"
      "ca_file = {}\nclient_certificate = {}\nclient_key = {}\n"
      "# From a request to its whole answer.\ntimeout_ms = {}\n\n"
      "[oidc]\n# OpenID Connect providers (AssumeRoleWithWebIdentity): where they may be, where a host is, and roots\n"
      "# trusted beside the system's; all as in [xks].\nnetworks = {}\nhosts = {}\nca_file = {}\n\n"
      "[audit]\n# \"grouped\": a crash loses at most the last second's records. \"strict\": no answer before its "
      "record is\n"
      "# durable, and no service while records cannot be written.\nmode = {}\n"
      "# Minutes between signed digests, and days that records are kept.\ndigest_minutes = {}\nretention_days = {}\n"
      "# \"aws\": two LookupEvents a second in each account and region.\nthrottling = {}\n"
      "# A bucket of S3 or the like that records are delivered to, as CloudTrail's are; none when empty. The other\n"
      "# settings as the aws client has them; files are copied at each start.\n"
      "s3_bucket = {}\ns3_prefix = {}\ns3_region = {}\ns3_endpoint = {}\ns3_profile = {}\n"
      "s3_credentials_file = {}\ns3_config_file = {}\ns3_ca_file = {}\n"
      "# Minutes between deliveries, and what is sent at most.\ns3_minutes = {}\ns3_kib_per_second = {}\n\n"
      "[log]\nlevel = {}\n",
      Quoted(settings.network_prefix), Quoted(settings.https_address), settings.https_port, settings.threads,
      Quoted(settings.account_id), Quoted(settings.region), Quoted(settings.store), settings.max_keys,
      Quoted(settings.lock_memory), settings.kms.keys, settings.kms.custom_key_stores, settings.kms.aliases_per_key,
      settings.kms.grants_per_key, settings.kms.on_demand_rotations, Quoted(settings.kms.throttling),
      Quoted(settings.kms.sm2), Quoted(settings.kms.attestation_roots), settings.kms.domain_key_days,
      settings.kms.backup_retention_days, Quoted(settings.xks.networks), Quoted(settings.xks.hosts),
      Quoted(settings.xks.vpc_endpoint_services), Quoted(settings.xks.ca_file), Quoted(settings.xks.client_certificate),
      Quoted(settings.xks.client_key), settings.xks.timeout_ms, Quoted(settings.oidc.networks),
      Quoted(settings.oidc.hosts), Quoted(settings.oidc.ca_file), Quoted(settings.audit.mode),
      settings.audit.digest_minutes, settings.audit.retention_days, Quoted(settings.audit.throttling),
      Quoted(s3.bucket), Quoted(s3.prefix), Quoted(s3.region), Quoted(s3.endpoint), Quoted(s3.profile),
      Quoted(s3.credentials_file), Quoted(s3.config_file), Quoted(s3.ca_file), s3.minutes, s3.kib_per_second,
      Quoted(settings.log_level));
  return WriteFileAtomically(file, text, 0600);
}

Status SaveListen(const std::filesystem::path& file, const Settings& settings) {
  toml::table table;
  try {
    table = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    return Bad(file, error.source(), error.description());
  }
  SR_TRY(const std::string text, ReadFile(file));
  std::vector<std::string> lines;
  boost::split(lines, text, [](char c) { return c == '\n'; });
  const std::array<std::pair<std::string_view, std::string>, 2> wanted{
      {{"address", Quoted(settings.https_address)}, {"port", std::to_string(settings.https_port)}}};
  for (const auto& [key, value] : wanted) {
    const auto node = table["https"][key];
    const toml::source_region where = node ? node.node()->source() : toml::source_region();
    const std::size_t line = where.begin.line, from = where.begin.column, to = where.end.column;
    // Missing, or in a way of writing that is not ours: then all of it is written anew.
    const bool plain = line != 0 && line == where.end.line && line <= lines.size() && from < to &&
                       to <= lines[line - 1].size() + 1 && lines[line - 1].starts_with(key);
    if (!plain) return SaveSettings(file, settings);
    lines[line - 1].replace(from - 1, to - from, value);
  }
  return WriteFileAtomically(file, boost::join(lines, "\n"), 0600);
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

Result<Listen> ParseListen(const std::string& text) {
  const auto bad = [&] {
    return Error(Errc::kInvalidArgument,
                 fmt::format("'{}' is no listening address; write ADDR:PORT, for example 127.0.0.1:8443.", text));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  Listen listen;
  listen.address = text.substr(0, colon);
  if (listen.address.size() > 2 && listen.address.front() == '[' && listen.address.back() == ']')
    listen.address = listen.address.substr(1, listen.address.size() - 2);
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(begin, end, listen.port);
  boost::system::error_code wrong;
  boost::asio::ip::make_address(listen.address, wrong);
  if (begin == end || failed != std::errc() || stop != end || wrong || listen.port == 0) return bad();
  return listen;
}

}  // namespace strongroom::cli
