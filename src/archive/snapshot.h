#pragma once

#include <memory>
#include <string>
#include <vector>

#include "archive/access.h"
#include "archive/manifest.h"
#include "archive/object_reader.h"

namespace strongroom::archive {

inline constexpr std::string_view kSnapshots = "snapshots/";
std::string PrefixOf(std::string_view snapshot);  // "snapshots/NAME/"
std::string DataPrefixOf(std::string_view snapshot);
std::string ManifestOf(std::string_view snapshot);
std::string KeysOf(std::string_view snapshot);
std::string ClaimsOf(std::string_view snapshot);  // "snapshots/NAME/claims/"

/// What every message of a snapshot has in its encryption context besides what the user gave.
inline constexpr std::string_view kContextLocation = "strongroom:location";
inline constexpr std::string_view kContextSnapshot = "strongroom:snapshot";
inline constexpr std::string_view kContextPath = "strongroom:path";
inline constexpr std::string_view kContextKind = "strongroom:kind";
/// The kinds: no message of a snapshot passes for one of another kind.
inline constexpr std::string_view kKindData = "data";
inline constexpr std::string_view kKindManifest = "manifest";
inline constexpr std::string_view kKindKeys = "keys";
encryption_sdk::EncryptionContext WithKind(encryption_sdk::EncryptionContext context, std::string_view kind);

/// A snapshot whose manifest has been verified.
struct Snapshot {
  std::string name;
  Manifest manifest;
  encryption_sdk::CmmPtr cmm;                  // opens its objects
  encryption_sdk::EncryptionContext expected;  // of each of them, whole but for the public key
  encryption_sdk::Header header;               // of the manifest's message

  ObjectReader Reader(aws_client::ObjectStore& store) const {
    return ObjectReader(store, DataPrefixOf(name), *cmm, expected, manifest.objects());
  }
};

/// Fetches the manifest, verifies its signature and all of its records.
/// Errors: kNotFound (no such snapshot, or one that is unfinished); kCorrupted when it was altered or is another
/// snapshot's; those of KMS, explained.
Result<Snapshot> OpenSnapshot(const Access& access, const std::string& name);

/// What there is under "snapshots/".
struct SnapshotState {
  std::string name;
  bool finished = false;  // has a manifest
  bool rekeyed = false;   // has its data keys under other wrapping keys
  std::uint64_t manifest_bytes = 0;
};
Result<std::vector<SnapshotState>> ListSnapshots(aws_client::ObjectStore& store);

/// A caching materials manager over a keyring, for reading: one KMS call per data key and quarter of an hour.
Result<encryption_sdk::CmmPtr> ReadingCmm(encryption_sdk::KeyringPtr keyring);

}  // namespace strongroom::archive
