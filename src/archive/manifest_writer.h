#pragma once

#include <string>
#include <vector>

#include "archive/manifest.h"
#include "aws_client/object_store.h"
#include "encryption_sdk/cmm.h"

namespace strongroom::archive {

/// What a manifest is made of. `entries` has their records already, flushed.
struct ManifestParts {
  const pb::Header& header;
  const ObjectTable& objects;
  const Spool& entries;
  const pb::End& end;
};

/// The manifest as one signed message. Memory: a frame or two.
Status SealManifest(encryption_sdk::Cmm& cmm, const encryption_sdk::EncryptionContext& context,
                    const ManifestParts& parts, Spool& sealed);
/// Stores a spool's bytes under a name that is free. Errors: kAlreadyExists; as of ObjectStore.
Status PutOnce(aws_client::ObjectStore& store, const std::string& name, const Spool& spool);
/// Whether the object has exactly the spool's bytes.
Result<bool> IsStored(aws_client::ObjectStore& store, const std::string& name, const Spool& spool);

}  // namespace strongroom::archive
