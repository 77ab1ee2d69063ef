#pragma once

#include <memory>
#include <span>
#include <vector>

#include "encryption_sdk/materials.h"

namespace strongroom::encryption_sdk {

/// Why attempts to open a data key failed, one entry for each attempt.
using Causes = std::vector<Error>;

/// Wrapping keys. A keyring is immutable once built; const use is thread-safe.
class Keyring {
 public:
  virtual ~Keyring() = default;
  /// Makes a data key where the materials have none, wraps it and adds at least one entry to encrypted_data_keys. On
  /// failure the materials are what they were.
  virtual Status OnEncrypt(EncryptionMaterials& materials) const = 0;
  /// Opens one of the keys. Failed attempts go to `causes`; the answer is then NoDataKey, and the materials are what
  /// they were. Other errors: MalformedProviderInfo; InvalidArgument when the materials hold a data key already.
  virtual Status OnDecrypt(DecryptionMaterials& materials, std::span<const EncryptedDataKey> keys,
                           Causes& causes) const = 0;
};
using KeyringPtr = std::shared_ptr<const Keyring>;

/// NoDataKey with every cause in its text; its Errc is a transient cause's, else the first cause's.
Error NoDataKey(const Causes& causes, boost::source_location where = BOOST_CURRENT_LOCATION);

}  // namespace strongroom::encryption_sdk
