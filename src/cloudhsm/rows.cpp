#include "cloudhsm/rows.h"

#include <algorithm>

namespace strongroom::cloudhsm {
namespace {

constexpr std::string_view kClusterColumns =
    "account_id, region, cluster_id, kind, hsm_type, mode, state, state_message, vpc_id, security_group, created_at, "
    "retention_days, network_type, source_backup_id, csr, hsm_certificate, aws_hw_certificate, "
    "manufacturer_hw_certificate, cluster_certificate, trust_anchor, delete_at";
constexpr std::string_view kHsmColumns =
    "account_id, region, hsm_id, cluster_id, zone, subnet_id, eni_id, eni_ip, host_id, state, state_message, "
    "created_at";

template <typename State, std::size_t N>
Result<State> StateOf(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return Error(Errc::kCorrupted, "The store holds a state that is not known.");
  return static_cast<State>(found - names.begin());
}

Result<HsmRow> ReadHsm(const store::Row& row) {
  HsmRow hsm{.account = row.Text(0),
             .region = row.Text(1),
             .hsm_id = row.Text(2),
             .cluster_id = row.Text(3),
             .zone = row.Text(4),
             .subnet_id = row.Text(5),
             .eni_id = row.Text(6),
             .eni_ip = row.Text(7),
             .host_id = row.Text(8),
             .state_message = row.Text(10),
             .created_at = row.Int(11)};
  SR_TRY(hsm.state, HsmStateOf(row.Text(9)));
  return hsm;
}

Result<ClusterRow> ReadCluster(store::Transaction& t, const store::Row& row) {
  ClusterRow cluster{.account = row.Text(0),
                     .region = row.Text(1),
                     .cluster_id = row.Text(2),
                     .kind = row.Text(3),
                     .hsm_type = row.Text(4),
                     .mode = row.Text(5),
                     .state_message = row.Text(7),
                     .vpc_id = row.Text(8),
                     .security_group = row.Text(9),
                     .created_at = row.Int(10),
                     .retention_days = row.Int(11),
                     .network_type = row.Text(12),
                     .source_backup_id = row.OptionalText(13),
                     .csr = row.Text(14),
                     .hsm_certificate = row.Text(15),
                     .aws_hw_certificate = row.Text(16),
                     .manufacturer_hw_certificate = row.Text(17),
                     .cluster_certificate = row.Text(18),
                     .trust_anchor = row.Text(19),
                     .delete_at = row.OptionalInt(20)};
  SR_TRY(cluster.state, ClusterStateOf(row.Text(6)));
  SR_TRY(const store::Rows subnets, t.Query("SELECT zone, subnet_id FROM cluster_subnets WHERE cluster_id = $1",
                                            {store::Text(cluster.cluster_id)}));
  for (const store::Row& subnet : subnets) cluster.subnets.emplace(subnet.Text(0), subnet.Text(1));
  SR_TRY(const store::Rows hsms,
         t.Query("SELECT " + std::string(kHsmColumns) +
                     " FROM hsms WHERE cluster_id = $1 AND state <> 'DELETED' ORDER BY created_at, hsm_id",
                 {store::Text(cluster.cluster_id)}));
  for (const store::Row& row_of_hsm : hsms) {
    SR_TRY(HsmRow hsm, ReadHsm(row_of_hsm));
    cluster.hsms.push_back(std::move(hsm));
  }
  return cluster;
}

Result<std::optional<ClusterRow>> ReadOptional(store::Transaction& t, Result<std::optional<store::Row>> found) {
  if (!found.ok()) return std::move(found).error();
  if (!found->has_value()) return std::optional<ClusterRow>();
  SR_TRY(ClusterRow row, ReadCluster(t, **found));
  return std::optional<ClusterRow>(std::move(row));
}

}  // namespace

Result<ClusterState> ClusterStateOf(std::string_view name) {
  return StateOf<ClusterState>(ports::kClusterStateNames, name);
}
Result<HsmState> HsmStateOf(std::string_view name) { return StateOf<HsmState>(kHsmStateNames, name); }

const HsmRow* ClusterRow::Hsm(std::string_view hsm_id) const noexcept {
  const auto found = std::find_if(hsms.begin(), hsms.end(), [&](const HsmRow& hsm) { return hsm.hsm_id == hsm_id; });
  return found == hsms.end() ? nullptr : &*found;
}

std::size_t ClusterRow::Count(HsmState wanted) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(hsms.begin(), hsms.end(), [&](const HsmRow& hsm) { return hsm.state == wanted; }));
}

Result<std::optional<ClusterRow>> LoadCluster(store::Transaction& t, std::string_view account, std::string_view region,
                                              std::string_view cluster_id) {
  return ReadOptional(t, t.QueryOne("SELECT " + std::string(kClusterColumns) +
                                        " FROM clusters WHERE account_id = $1 AND region = $2 AND cluster_id = $3",
                                    {store::Text(account), store::Text(region), store::Text(cluster_id)}));
}

Result<std::optional<ClusterRow>> LoadClusterById(store::Transaction& t, std::string_view cluster_id) {
  return ReadOptional(t, t.QueryOne("SELECT " + std::string(kClusterColumns) + " FROM clusters WHERE cluster_id = $1",
                                    {store::Text(cluster_id)}));
}

Result<ClusterRow> RequireCluster(store::Transaction& t, std::string_view account, std::string_view region,
                                  std::string_view cluster_id) {
  SR_TRY(std::optional<ClusterRow> found, LoadCluster(t, account, region, cluster_id));
  if (!found || found->state == ClusterState::kDeleted) {
    return Error(Errc::kNotFound, "Cluster " + std::string(cluster_id) + " was not found.");
  }
  return *std::move(found);
}

Result<std::vector<ClusterRow>> ListClusters(store::Transaction& t, std::string_view account, std::string_view region,
                                             std::string_view after, std::int64_t limit) {
  SR_TRY(const store::Rows rows,
         t.Query("SELECT " + std::string(kClusterColumns) +
                     " FROM clusters WHERE account_id = $1 AND region = $2 AND cluster_id > $3 AND kind = 'customer' "
                     "ORDER BY cluster_id LIMIT $4",
                 {store::Text(account), store::Text(region), store::Text(after), limit}));
  std::vector<ClusterRow> clusters;
  for (const store::Row& row : rows) {
    SR_TRY(ClusterRow cluster, ReadCluster(t, row));
    clusters.push_back(std::move(cluster));
  }
  return clusters;
}

Status InsertCluster(store::Transaction& t, const ClusterRow& row) {
  SR_CHECK(t.Execute("INSERT INTO clusters (" + std::string(kClusterColumns) +
                         ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
                         "$19, $20, $21)",
                     {store::Text(row.account),
                      store::Text(row.region),
                      store::Text(row.cluster_id),
                      store::Text(row.kind),
                      store::Text(row.hsm_type),
                      store::Text(row.mode),
                      store::Text(Name(row.state)),
                      store::Text(row.state_message),
                      store::Text(row.vpc_id),
                      store::Text(row.security_group),
                      row.created_at,
                      row.retention_days,
                      store::Text(row.network_type),
                      store::OrNull(row.source_backup_id),
                      store::Text(row.csr),
                      store::Text(row.hsm_certificate),
                      store::Text(row.aws_hw_certificate),
                      store::Text(row.manufacturer_hw_certificate),
                      store::Text(row.cluster_certificate),
                      store::Text(row.trust_anchor),
                      store::OrNull(row.delete_at)}));
  for (const auto& [zone, subnet] : row.subnets) {
    SR_CHECK(t.Execute("INSERT INTO cluster_subnets (cluster_id, zone, subnet_id) VALUES ($1, $2, $3)",
                       {store::Text(row.cluster_id), store::Text(zone), store::Text(subnet)}));
  }
  return t.Change("cluster", row.account, row.region, row.cluster_id);
}

Status UpdateCluster(store::Transaction& t, const ClusterRow& row) {
  SR_CHECK(t.Execute(
      "UPDATE clusters SET state = $4, state_message = $5, csr = $6, hsm_certificate = $7, aws_hw_certificate = $8, "
      "manufacturer_hw_certificate = $9, cluster_certificate = $10, trust_anchor = $11, delete_at = $12, "
      "retention_days = $13 "
      "WHERE account_id = $1 AND region = $2 AND cluster_id = $3",
      {store::Text(row.account), store::Text(row.region), store::Text(row.cluster_id), store::Text(Name(row.state)),
       store::Text(row.state_message), store::Text(row.csr), store::Text(row.hsm_certificate),
       store::Text(row.aws_hw_certificate), store::Text(row.manufacturer_hw_certificate),
       store::Text(row.cluster_certificate), store::Text(row.trust_anchor), store::OrNull(row.delete_at),
       row.retention_days}));
  return t.Change("cluster", row.account, row.region, row.cluster_id);
}

Status InsertHsm(store::Transaction& t, const HsmRow& row) {
  SR_CHECK(t.Execute(
      "INSERT INTO hsms (" + std::string(kHsmColumns) + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      {store::Text(row.account), store::Text(row.region), store::Text(row.hsm_id), store::Text(row.cluster_id),
       store::Text(row.zone), store::Text(row.subnet_id), store::Text(row.eni_id), store::Text(row.eni_ip),
       store::Text(row.host_id), store::Text(Name(row.state)), store::Text(row.state_message), row.created_at}));
  return t.Change("cluster", row.account, row.region, row.cluster_id);
}

Status UpdateHsm(store::Transaction& t, const HsmRow& row) {
  SR_CHECK(
      t.Execute("UPDATE hsms SET host_id = $4, state = $5, state_message = $6 "
                "WHERE account_id = $1 AND region = $2 AND hsm_id = $3",
                {store::Text(row.account), store::Text(row.region), store::Text(row.hsm_id), store::Text(row.host_id),
                 store::Text(Name(row.state)), store::Text(row.state_message)}));
  return t.Change("cluster", row.account, row.region, row.cluster_id);
}

Result<Tags> LoadTags(store::Transaction& t, std::string_view account, std::string_view region,
                      std::string_view resource_id) {
  SR_TRY(
      const store::Rows rows,
      t.Query("SELECT tag_key, tag_value FROM resource_tags WHERE account_id = $1 AND region = $2 AND resource_id = $3",
              {store::Text(account), store::Text(region), store::Text(resource_id)}));
  Tags tags;
  for (const store::Row& row : rows) tags.emplace(row.Text(0), row.Text(1));
  return tags;
}

Status PutTag(store::Transaction& t, std::string_view account, std::string_view region, std::string_view resource_id,
              std::string_view key, std::string_view value) {
  SR_CHECK(t.Execute(
      "INSERT INTO resource_tags (account_id, region, resource_id, tag_key, tag_value) "
      "VALUES ($1, $2, $3, $4, $5) "
      "ON CONFLICT (account_id, region, resource_id, tag_key) DO UPDATE SET tag_value = $5",
      {store::Text(account), store::Text(region), store::Text(resource_id), store::Text(key), store::Text(value)}));
  return {};
}

}  // namespace strongroom::cloudhsm
