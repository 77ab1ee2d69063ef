#pragma once

#include <memory>

#include "base/task.h"
#include "hsm_client/cluster_client.h"
#include "store/database.h"

namespace strongroom::trail {

/// The key that signs digests: a P-256 key of the domain cluster's HSMs. The store has its token, which only they open,
/// and its public half; no front end has more of it than the right to ask.
///
/// Errors    kUnavailable no HSM can be reached; the store's.
/// Threads   any of the client's loops.
/// Lifetime  the database outlives it.
class DigestKey {
 public:
  DigestKey(store::Database& database, std::shared_ptr<hsm_client::ClusterClient> hsms);

  /// Makes the key unless the deployment has one; DER SubjectPublicKeyInfo.
  Task<Result<Bytes>> Ensure();
  /// ECDSA with SHA-256, DER. A token under an old generation of the domain key is wrapped under the newest first.
  Task<Result<Bytes>> Sign(Bytes message);

 private:
  store::Database& database_;
  std::shared_ptr<hsm_client::ClusterClient> hsms_;
};

/// The public key in the store. None: no digest was made yet.
Result<std::optional<Bytes>> LoadDigestPublicKey(store::Transaction& t);

}  // namespace strongroom::trail
