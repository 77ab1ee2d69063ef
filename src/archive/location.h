#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace strongroom::archive {

/// An RSA public key whose private half lies in a safe.
struct OfflineKey {
  std::string name;  // SHA-256 of the DER SubjectPublicKeyInfo, in hex
  std::string pem;

  friend bool operator==(const OfflineKey&, const OfflineKey&) = default;
};

/// Any one of them opens what is in a location; the first KMS key makes the data keys.
struct WrappingKeys {
  std::vector<std::string> kms_keys;  // ARNs
  std::vector<OfflineKey> offline;

  bool empty() const noexcept { return kms_keys.empty() && offline.empty(); }
  friend bool operator==(const WrappingKeys&, const WrappingKeys&) = default;
};

struct Location {
  std::string name;
  std::string id;                                 // 32 hex digits, as the location itself has it
  std::string url;                                // s3://bucket/prefix, or an absolute directory
  std::string s3_endpoint, kms_endpoint, region;  // empty: as environment and profile say
  std::string kms_profile;                        // whose credentials KMS is asked with; empty: as the store
  WrappingKeys keys;
  // While `rekey` is not through: the keys to come, or, once those are `keys`, the ones from before.
  std::optional<WrappingKeys> next_keys, previous_keys;

  bool rekey_unfinished() const noexcept { return next_keys || previous_keys; }
  /// What an unfinished rekey makes the location's keys.
  const WrappingKeys& target_keys() const noexcept { return next_keys ? *next_keys : keys; }

  bool is_s3() const noexcept { return url.starts_with("s3://"); }
};

/// The file that knows this user's locations; nothing in it is secret, but who writes it chooses who can read backups.
/// Errors: kInvalidArgument for a file that is not one, which names the member; as of file.h.
class LocationFile {
 public:
  /// `file` empty: $XDG_CONFIG_HOME/strongroom/archive.json, else ~/.config/strongroom/archive.json.
  static Result<LocationFile> At(const std::string& file);
  const std::filesystem::path& path() const noexcept { return path_; }

  /// By name. Without a file there are none.
  Result<std::map<std::string, Location>> All() const;
  /// Errors: kNotFound.
  Result<Location> Find(const std::string& name) const;
  /// Errors: kAlreadyExists.
  Status Add(const Location& location) const;
  Status Replace(const Location& location) const;
  Status Remove(const std::string& name) const;

 private:
  explicit LocationFile(std::filesystem::path path) : path_(std::move(path)) {}
  Status Save(const std::map<std::string, Location>& locations) const;
  /// Reads, changes and writes while no other process does.
  Status Change(const std::function<Status(std::map<std::string, Location>&)>& change) const;

  std::filesystem::path path_;
};

/// From a PEM file ("PUBLIC KEY", RSA of 2,048 bits and more). Errors: kInvalidArgument, kNotFound.
Result<OfflineKey> ReadOfflinePublicKey(const std::filesystem::path& file);
/// Of the DER form.
std::string OfflineKeyName(std::span<const std::uint8_t> spki);
/// The DER form of a PEM "PUBLIC KEY". Errors: kInvalidArgument.
Result<std::vector<std::uint8_t>> SpkiOfPem(std::string_view pem);

/// $XDG_STATE_HOME/strongroom/archive, else ~/.local/state/strongroom/archive. Errors: kInvalidArgument without $HOME.
Result<std::filesystem::path> StateDirectory();
/// Makes a directory and those above it, for this user only.
Status MakePrivateDirectories(const std::filesystem::path& directory);

}  // namespace strongroom::archive
