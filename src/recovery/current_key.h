#pragma once

#include <filesystem>

#include "crypto/key_pair.h"
#include "store/database.h"

namespace strongroom::recovery {

/// Which recovery key restores backups that are taken now. The domain cluster's log has it sealed inside; the store
/// says it to every machine. A deployment whose key was never replaced has it in each machine's own file alone. Errors:
/// kInvalidState while it is not certain, since a replacement was begun and not finished; LoadPublic's.
Result<crypto::PublicKey> CurrentKey(store::Transaction& t, const std::filesystem::path& of_this_machine);

/// Around the replacement in the cluster: before it, and once the cluster has the new key.
Status BeginReplacing(store::Transaction& t, const crypto::PublicKey& fresh);
Status EndReplacing(store::Transaction& t, const crypto::PublicKey& fresh);

}  // namespace strongroom::recovery
