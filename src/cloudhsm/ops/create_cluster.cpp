// Source: CloudHSMv2 API Reference, "CreateCluster".
#include <charconv>

#include "base/ids.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"
#include "cloudhsm/subnets.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region;
  std::string hsm_type, mode, network_type;
  std::vector<std::string> subnets;
  std::int64_t retention_days = 90;
  std::vector<std::pair<std::string, std::string>> tags;
};

constexpr std::int64_t kShortestRetention = 7, kLongestRetention = 379;

Result<std::int64_t> Retention(const aws::Fields& body) {
  SR_TRY(const auto policy, body.OptionalObject("BackupRetentionPolicy"));
  if (!policy) return 90;
  SR_TRY(const auto type, policy->StringOr("Type", "DAYS"));
  SR_TRY(const auto value, policy->OptionalString("Value"));
  if (!value) return 90;
  std::int64_t days = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), days);
  if (type != "DAYS" || error != std::errc() || end != value->data() + value->size() || days < kShortestRetention ||
      days > kLongestRetention) {
    return Error(Errc::kInvalidArgument, "Backup retention value must be between 7 and 379 days.");
  }
  return days;
}

Result<Request> Parse(const aws::Call& call) {
  Request r{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_TRY(r.hsm_type, call.body.RequiredString("HsmType"));
  if (r.hsm_type != "hsm1.medium" && r.hsm_type != "hsm2m.medium") {
    return Error(Errc::kInvalidArgument, "Provided HsmType is not supported.");
  }
  SR_TRY(r.mode, call.body.StringOr("Mode", "FIPS"));
  if (r.mode == "NON_FIPS" && r.hsm_type == "hsm1.medium") {
    return Error(Errc::kInvalidArgument, "Mode NON_FIPS is not supported by HsmType hsm1.medium.");
  }
  SR_TRY(r.network_type, call.body.StringOr("NetworkType", "IPV4"));
  if (r.network_type != "IPV4") {
    return Error(Errc::kInvalidArgument,
                 "NetworkType " + r.network_type + " is not supported: HSMs have IPv4 addresses.");
  }
  SR_TRY(r.subnets, call.body.StringList("SubnetIds"));
  SR_TRY(r.retention_days, Retention(call.body));
  SR_TRY(r.tags, call.body.PairList("TagList", "Key", "Value"));
  for (std::size_t i = 0; i < r.tags.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (r.tags[i].first == r.tags[j].first) {
        return Error(Errc::kTag, "Tag keys must be unique: " + r.tags[i].first + " is given twice.");
      }
    }
  }
  return r;
}

Status RefuseBackup(store::Transaction& t, std::string_view source) {
  const std::string id(source.substr(source.rfind('/') == std::string_view::npos ? 0 : source.rfind('/') + 1));
  SR_TRY(const auto found, t.QueryOne("SELECT 1 FROM cluster_snapshots WHERE backup_id = $1", {store::Text(id)}));
  if (!found) return Error(Errc::kNotFound, "Backup " + id + " was not found.");
  return Error(Errc::kUnsupported, "This deployment does not create clusters from backups.");
}

Result<ClusterRow> Create(store::Transaction& t, const Request& r, const Limits& limits) {
  SR_TRY(const auto count,
         t.QueryOne("SELECT COUNT(*) FROM clusters WHERE account_id = $1 AND region = $2 AND state <> 'DELETED'",
                    {store::Text(r.account), store::Text(r.region)}));
  if (count->Int(0) >= limits.clusters) {
    return Error(Errc::kResourceExhausted,
                 "You have reached the limit of " + std::to_string(limits.clusters) + " clusters.");
  }
  ClusterRow row{.account = r.account,
                 .region = r.region,
                 .cluster_id = NewBase32Id("cluster-"),
                 .hsm_type = r.hsm_type,
                 .mode = r.mode,
                 .security_group = NewHexId("sg-"),
                 .retention_days = r.retention_days,
                 .network_type = r.network_type};
  SR_TRY(row.subnets, ZonesOf(t, r.account, r.region, r.subnets));
  SR_TRY(row.vpc_id, VpcOf(t, r.account, r.region));
  SR_TRY(row.created_at, t.NowMillis());
  SR_CHECK(InsertCluster(t, row));
  for (const auto& [key, value] : r.tags) SR_CHECK(PutTag(t, r.account, r.region, row.cluster_id, key, value));
  return row;
}

Task<Result<aws::Reply>> CreateCluster(CloudHsm& service, aws::Call& call) {
  SR_CO_CHECK(service.Authorize(call, ""));
  SR_CO_TRY(const auto source, call.body.OptionalString("SourceBackupId"));
  if (source) {
    auto look = [backup = *source](store::Transaction& t) { return RefuseBackup(t, backup); };
    SR_CO_CHECK(co_await service.database().RunRead(std::move(look)));
  }
  SR_CO_TRY(Request request, Parse(call));
  Tags tags(request.tags.begin(), request.tags.end());
  auto create = [request = std::move(request), limits = service.limits()](store::Transaction& t) {
    return Create(t, request, limits);
  };
  SR_CO_TRY(const ClusterRow row, co_await service.database().Run(std::move(create)));
  call.AuditResource(ClusterArn(call.region, call.account(), row.cluster_id));
  service.Wake();
  aws::Reply reply;
  reply.Object("Cluster", PresentCluster(row, tags));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::create_cluster = {.target = "BaldrApiService.CreateCluster",
                                                     .iam_action = "cloudhsm:CreateCluster",
                                                     .handler = aws::Bind<CloudHsm, &CreateCluster>};
}  // namespace strongroom::cloudhsm
