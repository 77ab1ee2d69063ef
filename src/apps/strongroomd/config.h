#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "xks_client/options.h"

namespace strongroom::service {

/// A machine that houses HSMs, as the configuration names it.
struct HostEntry {
  std::string id;
  std::string address;
  std::uint16_t port = 2224;
  std::filesystem::path certificate;  // PEM: what it shows on the control link, pinned
  std::string network;                // "127.81.4": its HSMs have addresses in it
};

/// strongroomd's configuration. Relative paths are below the data directory.
///
///   [https]      address, port, threads (0: one per core), certificate, key
///   [store]      sqlite = "service/strongroom.db"  or  postgresql = "libpq connection string"
///   [network]    prefix = "127.81.4"
///   [[host]]     id, address, port, certificate, network (that of [network] unless said); this machine's own is the
///   first [front_end]  name, certificate, key      shown to hosts and to the domain cluster
///                invitations                 directory of secrets that other machines are invited with
///                invited_by                  certificate of the front end that has to let this one in, if there is one
///   [client]     certificate, key, hosts     outer TLS: default client pair, directory of hosts' certificates
///   [recovery]   public_key                  PEM SubjectPublicKeyInfo
///   [account]    id, name, regions, root_access_key (file that is written when the account is made)
///   [limits]     clusters, hsms, hsms_per_cluster
///   [kms]        keys, aliases_per_key, grants_per_key, custom_key_stores, on_demand_rotations (of a key, in
///                its life): resource quotas, AWS's unless said;
///                throttling = "off" (default) or "aws": AWS's request rates of each account and region;
///                sm2 = "off" (default) or "on": key spec SM2, which AWS has in China only
///                domain_key_days = 30, backup_retention_days = 35 (kms/domain_keys/keeper.h);
///                attestation_roots = a PEM file of the roots of Recipients' attestation documents; none when empty
///   [xks]        how proxies of external key stores are reached (xks_client/options.h):
///                networks = "10.20.0.0/16 …", hosts = "name=address:port …", vpc_endpoint_services = the same,
///                ca_file, client_certificate, client_key (PEM), timeout_ms
///   [oidc]       how OpenID Connect providers are reached (AssumeRoleWithWebIdentity):
///                networks, hosts, ca_file as in [xks]
///   [audit]      mode = "grouped" (default) or "strict" (trail/trail.h), directory,
///                digest_minutes = 60, retention_days = 90,
///                throttling = "off" (default) or "aws": AWS's rate of LookupEvents (trail/lookup_rate.h),
///                region = "us-east-1": where calls are recorded that name none;
///                s3_bucket: where records are delivered to (trail/delivery/delivery.h), nowhere when empty;
///                s3_prefix, s3_region, s3_endpoint (URL), s3_profile, s3_credentials_file, s3_config_file, s3_ca_file,
///                s3_minutes = 5, s3_kib_per_second = 8192
///   [service]    lock_memory = "try" (default) or "require": not to start where memory cannot be locked
///   [log]        level
struct Config {
  struct {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8443;
    unsigned threads = 0;
    std::filesystem::path certificate = "tls/server.crt", key = "tls/server.key";
  } https;
  struct {
    std::filesystem::path sqlite = "service/strongroom.db";
    std::string postgresql;
  } store;
  std::string network_prefix;
  std::vector<HostEntry> hosts;
  struct {
    std::string name = "front-end";
    std::filesystem::path certificate = "service/front-end.crt", key = "service/front-end.key",
                          invitations = "service/invitations", invited_by = "service/invited-by.crt";
  } front_end;
  struct {
    std::filesystem::path certificate = "host/client.crt", key = "host/client.key", hosts;
  } client;
  std::filesystem::path recovery_public_key = "recovery-key.pub.pem";
  struct {
    std::string id, name = "default";
    std::vector<std::string> regions;
    std::filesystem::path root_access_key = "root-access-key.json";
  } account;
  struct {
    std::int64_t clusters = 4, hsms = 6, hsms_per_cluster = 28;
  } limits;
  struct {
    std::int64_t keys = 100'000, aliases_per_key = 50, grants_per_key = 50'000, custom_key_stores = 10;
    std::int64_t on_demand_rotations = 25;
    std::string throttling = "off", sm2 = "off";
    std::filesystem::path attestation_roots;
    std::int64_t domain_key_days = 30, backup_retention_days = 35;
  } kms;
  xks::Options xks;
  xks::Options oidc{.answer_timeout = std::chrono::milliseconds(5000),
                    .connect_timeout = std::chrono::milliseconds(5000)};
  struct {
    std::string mode = "grouped", throttling = "off", region = "us-east-1";
    std::filesystem::path directory = "service/audit";
    std::int64_t digest_minutes = 60, retention_days = 90;
    struct {
      std::string bucket, prefix, region, endpoint, profile;  // prefix: empty or with a slash at its end
      std::filesystem::path credentials_file, config_file, ca_file;
      std::int64_t minutes = 5, kib_per_second = 8192;
    } s3;
  } audit;
  std::string lock_memory = "try";
  std::string log_level = "info";
  bool memory_is_locked = true;  // no part of the file: main says so
};

/// Errors: kNotFound no such file; kInvalidArgument, as "file:line: text", for what is not TOML, unknown keys, wrong
/// types, values out of range and missing ones.
Result<Config> LoadConfig(const std::filesystem::path& file, const std::filesystem::path& data);

}  // namespace strongroom::service
