#pragma once

#include "aws/dispatch/reply.h"
#include "cloudhsm/backups.h"

namespace strongroom::cloudhsm {

/// Structures of the CloudHSMv2 model, from rows. Source: CloudHSMv2 API Reference, "Cluster", "Hsm".
aws::Reply PresentHsm(const HsmRow& hsm, const ClusterRow& cluster);
aws::Reply PresentCluster(const ClusterRow& cluster, const Tags& tags);
std::vector<aws::Reply> PresentTags(const Tags& tags);

aws::Reply PresentBackup(const BackupRow& backup, const Tags& tags);
/// What CopyBackupToRegion answers: where the copy comes from, not its id.
aws::Reply PresentDestination(const BackupRow& copy);

}  // namespace strongroom::cloudhsm
