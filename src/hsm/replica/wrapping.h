#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "crypto/key_pair.h"
#include "hsm/replica/state.h"

namespace strongroom::hsm::replica {

using EpochSecrets = std::map<std::uint64_t, SharedSecret>;

/// Wraps an epoch's secret to a member's device key (RSA-OAEP-SHA256; docs/formats.md 1).
/// Errors: kInvalidArgument, kWrongKeyUsage for a key that is not RSA.
Result<proto::WrappedSecret> WrapToDevice(const crypto::PublicKey& device, const std::string& hsm_id,
                                          const std::string& cluster_id, std::uint64_t epoch,
                                          const SecretBuffer& secret);
/// The same to the deployment's recovery key, named by its fingerprint.
Result<proto::WrappedSecret> WrapToRecovery(ByteView recovery_spki, const std::string& cluster_id, std::uint64_t epoch,
                                            const SecretBuffer& secret);
/// The same to the deployment backup key, given its certificate.
Result<proto::WrappedSecret> WrapToBackup(ByteView backup_certificate, const std::string& cluster_id,
                                          std::uint64_t epoch, const SecretBuffer& secret);
/// A snapshot's own key to the deployment backup key; bound to cluster and number, not to an epoch.
Result<proto::WrappedSecret> WrapSnapshotKey(ByteView backup_certificate, const std::string& cluster_id,
                                             std::uint64_t epoch, std::uint64_t number, const SecretBuffer& key);
/// Adds the wraps to every member but those in `without`, and to the recovery key (domain cluster) or the backup key
/// (others) when there is one.
Status WrapToAll(const State& state, const std::vector<std::string>& without, std::uint64_t epoch,
                 const SecretBuffer& secret, proto::ClearPart& clear);
/// What in the clear part is for this device. Errors: kCorrupted when one that names it does not open.
Result<EpochSecrets> Unwrap(const proto::ClearPart& clear, const crypto::PrivateKey& device, const std::string& hsm_id,
                            const std::string& cluster_id);

/// What in the clear part is for this recovery key; wraps to others are passed over. Errors: kCorrupted as Unwrap.
Result<EpochSecrets> UnwrapRecovery(const proto::ClearPart& clear, const crypto::PrivateKey& recovery,
                                    const std::string& cluster_id);
/// What was wrapped to the backup key, or released to a device. Errors: kCorrupted.
Result<SecretBuffer> UnwrapReleased(const proto::BackupWrapped& wrapped, const crypto::PrivateKey& key,
                                    const std::string& cluster_id);
/// The domain cluster's part: opens with the backup key and wraps to a device. Errors: kCorrupted.
Result<proto::BackupWrapped> Release(const proto::BackupWrapped& wrapped, const crypto::PrivateKey& backup_key,
                                     const crypto::PublicKey& device, const std::string& cluster_id);

}  // namespace strongroom::hsm::replica
