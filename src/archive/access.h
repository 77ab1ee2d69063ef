#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archive/location.h"
#include "aws_client/object_store.h"
#include "encryption_sdk/cmm.h"
#include "encryption_sdk/keyring.h"
#include "encryption_sdk/kms_port.h"

namespace strongroom::archive {

/// What opens the data besides KMS: an RSA private key from the safe. With it KMS is not asked at all.
struct OfflineAccess {
  std::string key_file;       // PEM; empty: none
  std::string password_file;  // of an encrypted one; empty: asked for on the terminal
};

/// A location with everything that is needed to work in it.
struct Access {
  Location location;
  std::unique_ptr<aws_client::ObjectStore> store;
  std::shared_ptr<encryption_sdk::KmsSupplier> kms;
  encryption_sdk::KeyringPtr offline;  // null without an offline key

  /// Makes data keys with the first KMS key and wraps them for all others. Errors: kInvalidArgument.
  Result<encryption_sdk::KeyringPtr> WritingKeyring(const WrappingKeys& keys) const;
  /// Opens what any of the location's keys wrapped, those of an unfinished `rekey` included.
  Result<encryption_sdk::KeyringPtr> ReadingKeyring() const;
  /// For KMS keys alone: `keys` in order.
  Result<encryption_sdk::KeyringPtr> KmsKeyring(const std::vector<std::string>& keys) const;
};

/// The store of a location alone, and KMS as the location, environment and profile say. Nothing is sent.
/// Errors: kInvalidArgument, kNotFound (a directory that is not there).
Result<Access> OpenAccess(Location location, const OfflineAccess& offline, bool create_directory = false);

/// s3://bucket[/prefix], or a directory made absolute. Errors: kInvalidArgument.
Result<std::string> NormalUrl(const std::string& given);

/// The key namespace of offline keys in a message's header; a key's name is OfflineKey::name.
inline constexpr std::string_view kOfflineNamespace = "strongroom-offline";

/// The location's own object: {"format":1,"id":"…"}.
inline constexpr std::string_view kLocationObject = "strongroom-archive.json";
/// Errors: kNotFound where there is none; kCorrupted.
Result<std::string> ReadLocationId(aws_client::ObjectStore& store);
/// That the store is the one that the location was added with: an empty mount point or another bucket is neither read
/// as a location without snapshots nor written to. Errors: kConflict; of the store; kCorrupted.
Status CheckLocationId(const Access& access);
/// Errors: kAlreadyExists.
Status WriteLocationId(aws_client::ObjectStore& store, const std::string& id);

}  // namespace strongroom::archive
