#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace strongroom::cli {

/// DIR/strongroom.toml: what the first start decided for this deployment, and what the operator may change.
struct Settings {
  std::string network_prefix;  // "127.20.30"; addresses of HSMs and hosts are under it
  std::string https_address;   // where KMS and CloudHSM answer
  std::uint16_t https_port = 8443;
  std::string account_id;            // 12 digits
  std::string region = "us-east-1";  // default region that `strongroom env` exports
  std::string store;                 // "" = SQLite in DIR/store; else a libpq connection string
  unsigned threads = 0;              // event loops of strongroomd; 0 = one per core
  unsigned max_keys = 3300;          // that a customer's cluster holds at most
  std::string lock_memory = "try";   // strongroomd's, or "require"
  /// KMS's resource quotas, AWS's unless said, and "off" or "aws" for request rates.
  struct {
    std::int64_t keys = 100'000, aliases_per_key = 50, grants_per_key = 50'000, custom_key_stores = 10;
    std::int64_t on_demand_rotations = 25;
    std::string throttling = "off", sm2 = "off", attestation_roots;
    std::int64_t domain_key_days = 30, backup_retention_days = 35;
  } kms;
  /// How proxies of external key stores are reached; "" for what nothing is said of.
  struct {
    std::string networks, hosts, vpc_endpoint_services, ca_file, client_certificate, client_key;
    std::int64_t timeout_ms = 250;
  } xks;
  /// How OpenID Connect providers are reached, in the same form.
  struct {
    std::string networks, hosts, ca_file;
  } oidc;
  /// The audit trail: "grouped" or "strict", how often a digest is signed, how long records are kept, and "off" or
  /// "aws" for the rate of LookupEvents; and the bucket that records are delivered to, "" for none, with how it is
  /// reached: "" for what nothing is said of.
  struct {
    std::string mode = "grouped", throttling = "off";
    std::int64_t digest_minutes = 60, retention_days = 90;
    struct {
      std::string bucket, prefix, region, endpoint, profile, credentials_file, config_file, ca_file;
      std::int64_t minutes = 5, kib_per_second = 8192;
    } s3;
  } audit;
  std::string log_level = "info";
};

/// Errors: kInvalidArgument with file:line for unknown keys, wrong types and values out of range.
Result<Settings> LoadSettings(const std::filesystem::path& file);
/// Writes atomically with the comments a reader needs.
Status SaveSettings(const std::filesystem::path& file, const Settings& settings);
/// Changes https.address and https.port of a file that LoadSettings has read, and nothing else where they have lines of
/// their own.
Status SaveListen(const std::filesystem::path& file, const Settings& settings);
/// A text as TOML's basic string has it, with the quotes.
std::string Quoted(const std::string& text);

struct Listen {
  std::string address;
  std::uint16_t port = 0;
};
/// "ADDR:PORT" or "[v6]:PORT". Errors: kInvalidArgument.
Result<Listen> ParseListen(const std::string& text);

}  // namespace strongroom::cli
