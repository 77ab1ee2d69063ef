#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/cluster_directory.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

using ports::ClusterState;
using ports::Name;

enum class HsmState : std::uint8_t { kCreateInProgress, kActive, kDegraded, kDeleteInProgress, kDeleted };
inline constexpr std::array<std::string_view, 5> kHsmStateNames{"CREATE_IN_PROGRESS", "ACTIVE", "DEGRADED",
                                                                "DELETE_IN_PROGRESS", "DELETED"};
constexpr std::string_view Name(HsmState state) noexcept { return kHsmStateNames[static_cast<std::size_t>(state)]; }

/// Errors: kCorrupted for a text that is no state.
Result<ClusterState> ClusterStateOf(std::string_view name);
Result<HsmState> HsmStateOf(std::string_view name);

/// A customer's cluster, or the deployment's own (kind "domain", which no account sees).
inline constexpr std::string_view kCustomerKind = "customer";
inline constexpr std::string_view kDomainKind = "domain";
/// Where the domain cluster's rows live: no 12-digit account can meet them.
inline constexpr std::string_view kDomainAccount = "domain";
inline constexpr std::string_view kDomainRegion = "-";

/// One row of `hsms`.
struct HsmRow {
  std::string account, region, hsm_id, cluster_id;
  std::string zone, subnet_id, eni_id, eni_ip, host_id;
  HsmState state = HsmState::kCreateInProgress;
  std::string state_message;
  std::int64_t created_at = 0;
};

/// One row of `clusters` with its subnets and HSMs. Certificates are PEM texts, empty while there are none.
struct ClusterRow {
  std::string account, region, cluster_id;
  std::string kind{kCustomerKind};
  std::string hsm_type, mode;
  ClusterState state = ClusterState::kCreateInProgress;
  std::string state_message;
  std::string vpc_id, security_group;
  std::int64_t created_at = 0;
  std::int64_t retention_days = 90;
  std::string network_type;
  std::optional<std::string> source_backup_id;
  std::string csr, hsm_certificate, aws_hw_certificate, manufacturer_hw_certificate;
  std::string cluster_certificate, trust_anchor;
  std::optional<std::int64_t> delete_at;
  std::map<std::string, std::string> subnets;  // zone -> subnet id
  std::vector<HsmRow> hsms;                    // oldest first; deleted ones are left out

  bool domain() const noexcept { return kind == kDomainKind; }
  const HsmRow* Hsm(std::string_view hsm_id) const noexcept;
  std::size_t Count(HsmState state) const noexcept;
};

/// Reading and writing, inside a transaction of the caller's. Errors: the transaction's; kCorrupted for an unknown
/// state.
Result<std::optional<ClusterRow>> LoadCluster(store::Transaction& t, std::string_view account, std::string_view region,
                                              std::string_view cluster_id);
/// As LoadCluster for a background job, which knows the id only.
Result<std::optional<ClusterRow>> LoadClusterById(store::Transaction& t, std::string_view cluster_id);
/// Errors: kNotFound, in the words that the API uses.
Result<ClusterRow> RequireCluster(store::Transaction& t, std::string_view account, std::string_view region,
                                  std::string_view cluster_id);
/// All clusters of an account and region whose id is greater than `after`, in the order of their ids, at most `limit`.
Result<std::vector<ClusterRow>> ListClusters(store::Transaction& t, std::string_view account, std::string_view region,
                                             std::string_view after, std::int64_t limit);

/// Inserts the cluster and its subnets; the HSMs are not touched.
Status InsertCluster(store::Transaction& t, const ClusterRow& row);
/// Writes state, texts, certificates, deletion time and retention.
Status UpdateCluster(store::Transaction& t, const ClusterRow& row);
Status InsertHsm(store::Transaction& t, const HsmRow& row);
/// Writes host, state and message.
Status UpdateHsm(store::Transaction& t, const HsmRow& row);

/// Tags of a cluster, by key.
using Tags = std::map<std::string, std::string>;
Result<Tags> LoadTags(store::Transaction& t, std::string_view account, std::string_view region,
                      std::string_view resource_id);
Status PutTag(store::Transaction& t, std::string_view account, std::string_view region, std::string_view resource_id,
              std::string_view key, std::string_view value);

}  // namespace strongroom::cloudhsm
