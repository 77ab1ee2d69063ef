#pragma once

#include <functional>
#include <string>

#include "kms/pipeline.h"

namespace strongroom::kms {

/// Members that belong to the other type of key store. Errors: kInvalidArgument.
Status RequireCloudHsmMembers(const aws::Call& call);

/// kCustomKeyStoreNotFound.
Error NoSuchStore(std::string_view store_id);
/// kCustomKeyStoreInvalidState, naming the state the store is in.
Error WrongStoreState(const CustomStoreRow& row, std::string_view operation);

/// What the audit trail shows of the store beside the request.
void NoteStore(aws::Call& call, const CustomStoreRow& row);

/// The store's row as it is now. Errors: kCustomKeyStoreNotFound.
Task<Result<CustomStoreRow>> FindCustomStore(Kms& kms, const aws::Call& call, std::string store_id);

/// A change of the store's row in a transaction. Errors: kCustomKeyStoreNotFound and what `change` answers.
using ChangeStore = std::function<Status(store::Transaction&, CustomStoreRow&)>;
Task<Result<CustomStoreRow>> ChangeCustomStore(Kms& kms, const aws::Call& call, std::string store_id,
                                               ChangeStore change);

/// Begins an attempt: state, a fresh attempt id and its lease.
Status BeginAttempt(store::Transaction& t, CustomStoreRow& row, ConnectionState state);

/// The cluster that a store is to use. Errors: kClusterNotFound, kClusterNotActive (spec/kms.md 7.2).
Task<Result<ports::ClusterInfo>> RequireActiveCluster(Kms& kms, const aws::Call& call, std::string cluster_id);
/// Its HSMs serve in two zones. Errors: kClusterInvalidConfiguration.
Status RequireTwoZones(const ports::ClusterInfo& cluster);
/// The PEM text is the very certificate that initialised the cluster. Errors: kIncorrectTrustAnchor.
Status RequireTrustAnchor(const ports::ClusterInfo& cluster, const std::string& pem);

/// Whether the cluster is the store's own or shares its history: all that were made from one's backups show its
/// certificate. A store from before this was kept is judged by what its present cluster shows; false when that is gone.
Task<Result<bool>> SharesHistory(Kms& kms, const CustomStoreRow& store, const ports::ClusterInfo& cluster);

/// A kmsuser password as the request has it, sealed for the row.
Task<Result<Bytes>> SealPassword(Kms& kms, std::string store_id, SecretBuffer password);

}  // namespace strongroom::kms
