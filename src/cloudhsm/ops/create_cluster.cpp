// Source: CloudHSMv2 API Reference, "CreateCluster".
#include "base/ids.h"
#include "cloudhsm/backup_policies.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/retention.h"
#include "cloudhsm/service.h"
#include "cloudhsm/subnets.h"
#include "cloudhsm/tags.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region;
  std::string hsm_type, mode, network_type;
  std::vector<std::string> subnets;
  std::int64_t retention_days = kDefaultRetentionDays;
  std::optional<std::string> source;  // SourceBackupId
  BackupName backup;                  // which it names
  bool mode_given = false;
  std::vector<std::pair<std::string, std::string>> tags;
};

Result<Request> Parse(const aws::Call& call) {
  Request r{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_TRY(r.hsm_type, call.body.RequiredString("HsmType"));
  if (r.hsm_type != "hsm1.medium" && r.hsm_type != "hsm2m.medium") {
    return Error(Errc::kInvalidArgument, "Provided HsmType is not supported.");
  }
  r.mode_given = call.body.Has("Mode");
  SR_TRY(r.mode, call.body.StringOr("Mode", "FIPS"));
  SR_TRY(r.source, call.body.OptionalString("SourceBackupId"));
  if (r.mode == "NON_FIPS" && r.hsm_type == "hsm1.medium") {
    return Error(Errc::kInvalidArgument, "Mode NON_FIPS is not supported by HsmType hsm1.medium.");
  }
  SR_TRY(r.network_type, call.body.StringOr("NetworkType", "IPV4"));
  if (r.network_type != "IPV4") {
    return Error(Errc::kInvalidArgument,
                 "NetworkType " + r.network_type + " is not supported: HSMs have IPv4 addresses.");
  }
  SR_TRY(r.subnets, call.body.StringList("SubnetIds"));
  SR_TRY(const auto retention, RetentionOf(call.body));
  r.retention_days = retention.value_or(kDefaultRetentionDays);
  SR_TRY(r.tags, call.body.PairList("TagList", "Key", "Value"));
  SR_CHECK(CheckTagKeys(r.tags));
  return r;
}

/// A backup is named by its id, by an ARN of this account and region, or by another account's.
/// Errors: kNotFound for an ARN of this account elsewhere.
Result<BackupName> SourceOf(const Request& r) {
  const std::string& source = *r.source;
  if (!source.starts_with("arn:")) return BackupName{ResourceArn(r.region, r.account, source), r.account, source};
  std::optional<BackupName> named = ReadBackupArn(source);
  if (!named || (named->account == r.account && source != ResourceArn(r.region, r.account, named->id)))
    return Error(Errc::kNotFound, "Backup " + source.substr(source.rfind('/') + 1) + " was not found.");
  return *std::move(named);
}

/// Its keys and users come with it, so the backup has to be allowed, too.
Task<Status> AuthorizeSource(CloudHsm& service, aws::Call& call, BackupName backup) {
  if (backup.account == call.account()) co_return co_await service.Authorize(call, std::move(backup.id));
  SR_CO_CHECK(co_await service.AuthorizeForeign(call, backup));
  // Its owner's trail says so; that of a caller who is refused must not say that the backup is there.
  call.AuditResource(std::move(backup.arn));
  co_return Status();
}

/// Takes over what the backup decides.
Status TakeBackup(store::Transaction& t, const Request& r, ClusterRow& row) {
  SR_TRY(const BackupRow backup, RequireBackup(t, r.backup.account, r.region, r.backup.id));
  if (backup.state != BackupState::kReady) return WrongBackupState(backup);
  if (!r.mode_given) row.mode = backup.mode;
  if (row.mode != backup.mode)
    return Error(Errc::kInvalidArgument, "The backup is not compatible with mode " + row.mode + ".");
  if (backup.hsm_type == "hsm2m.medium" && row.hsm_type != backup.hsm_type)
    return Error(Errc::kInvalidArgument, "The backup is not compatible with HsmType " + row.hsm_type + ".");
  row.source_backup_id = backup.backup_id;
  row.cluster_certificate = backup.cluster_certificate;
  row.trust_anchor = backup.trust_anchor;
  return {};
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
  if (r.source) SR_CHECK(TakeBackup(t, r, row));
  SR_CHECK(InsertCluster(t, row));
  for (const auto& [key, value] : r.tags) SR_CHECK(PutTag(t, r.account, r.region, row.cluster_id, key, value));
  return row;
}

Task<Result<aws::Reply>> CreateCluster(CloudHsm& service, aws::Call& call) {
  SR_CO_CHECK(co_await service.Authorize(call, ""));
  SR_CO_TRY(Request request, Parse(call));
  if (!request.tags.empty())
    SR_CO_CHECK(service.AuthorizeTags(call, ClusterArn(call.region, call.account(), "*"), call.region));
  if (request.source) {
    SR_CO_TRY(request.backup, SourceOf(request));
    SR_CO_CHECK(co_await AuthorizeSource(service, call, request.backup));
  }
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
