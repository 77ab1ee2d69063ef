#pragma once

#include "aws/dispatch/reply.h"
#include "cloudhsm/rows.h"

namespace strongroom::cloudhsm {

/// Structures of the CloudHSMv2 model, from rows. Source: CloudHSMv2 API Reference, "Cluster", "Hsm".
aws::Reply PresentHsm(const HsmRow& hsm, const ClusterRow& cluster);
aws::Reply PresentCluster(const ClusterRow& cluster, const Tags& tags);
std::vector<aws::Reply> PresentTags(const Tags& tags);

}  // namespace strongroom::cloudhsm
