#include "cloudhsm/service.h"

#include "aws/dispatch/question.h"
#include "cloudhsm/certificates.h"
#include "cloudhsm/conditions.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/wire_error.h"

namespace strongroom::cloudhsm {
namespace {

Result<std::optional<ports::ClusterInfo>> Shown(const std::optional<ClusterRow>& row) {
  if (!row || row->state == ClusterState::kDeleted || row->domain()) return std::optional<ports::ClusterInfo>();
  ports::ClusterInfo info;
  info.account = row->account;
  info.region = row->region;
  info.cluster_id = row->cluster_id;
  info.state = row->state;
  info.subnets = row->subnets;
  SR_TRY(info.trust_anchor, PemToDer(row->trust_anchor));
  SR_TRY(info.cluster_certificate, PemToDer(row->cluster_certificate));
  for (const HsmRow& hsm : row->hsms) {
    info.hsms.push_back(
        {.hsm_id = hsm.hsm_id, .address = hsm.eni_ip, .zone = hsm.zone, .active = hsm.state == HsmState::kActive});
  }
  return std::optional<ports::ClusterInfo>(std::move(info));
}

}  // namespace

std::string ResourceArn(std::string_view region, std::string_view account, std::string_view id) {
  return "arn:aws:cloudhsm:" + std::string(region) + ":" + std::string(account) +
         (IsBackupId(id) ? ":backup/" : ":cluster/") + std::string(id);
}

std::string ClusterArn(std::string_view region, std::string_view account, std::string_view cluster_id) {
  return ResourceArn(region, account, cluster_id);
}

Error WrongState(const ClusterRow& cluster, std::string_view operation, std::string_view wanted) {
  return Error(Errc::kInvalidState, "Cluster " + cluster.cluster_id + " is in state " +
                                        std::string(Name(cluster.state)) + ". " + std::string(operation) +
                                        " requires state " + std::string(wanted) + ".");
}

Task<Status> CloudHsm::Decide(const aws::Call& call, Resource resource) {
  TagConditions conditions(call, !resource.id.empty());
  ports::Question question = aws::QuestionOf(call);
  question.resource = resource.arn;
  question.resource_account = resource.account;
  question.policy = resource.policy.get();
  question.source = &conditions;
  Status allowed = parts_.authorizer.Authorize(question);
  if (!conditions.wants_resource_tags()) co_return allowed;
  auto load = [account = resource.account, region = resource.region, id = resource.id](store::Transaction& t) {
    return LoadTags(t, account, region, id);
  };
  SR_CO_TRY(const Tags tags, co_await database().RunRead(std::move(load)));
  conditions.Use(tags);
  co_return parts_.authorizer.Authorize(question);
}

Task<Result<BackupPolicy>> CloudHsm::PolicyOf(std::string account, std::string region, std::string backup_id) {
  auto load = [account = std::move(account), region = std::move(region), backup_id = std::move(backup_id)](
                  store::Transaction& t) { return LoadBackupPolicy(t, account, region, backup_id); };
  co_return co_await database().RunRead(std::move(load));
}

Task<Status> CloudHsm::Authorize(const aws::Call& call, std::string resource_id) {
  Resource asked{.arn = "*", .account = std::string(call.account()), .region = std::string(call.region)};
  if (!resource_id.empty()) asked.arn = ResourceArn(call.region, call.account(), resource_id);
  if (IsBackupId(resource_id)) {
    SR_CO_TRY(const BackupPolicy policy, co_await PolicyOf(asked.account, asked.region, resource_id));
    SR_CO_TRY(asked.policy, CompileBackupPolicy(parts_.authorizer, policy));
  }
  asked.id = std::move(resource_id);
  co_return co_await Decide(call, std::move(asked));
}

Task<Status> CloudHsm::AuthorizeOnPolicy(const aws::Call& call, std::string backup_id) {
  if (!call.caller.is_root()) co_return co_await Authorize(call, std::move(backup_id));
  Resource asked{.arn = ResourceArn(call.region, call.account(), backup_id),
                 .account = std::string(call.account()),
                 .region = std::string(call.region),
                 .id = std::move(backup_id)};
  co_return co_await Decide(call, std::move(asked));
}

Task<Status> CloudHsm::AuthorizeForeign(const aws::Call& call, BackupName named) {
  Resource asked{.arn = std::move(named.arn), .account = std::move(named.account), .region = std::string(call.region)};
  // Without a policy a stranger is refused. Of other Regions and partitions nothing is read.
  if (asked.arn == ResourceArn(asked.region, asked.account, named.id)) {
    SR_CO_TRY(const BackupPolicy policy, co_await PolicyOf(asked.account, asked.region, named.id));
    SR_CO_TRY(asked.policy, CompileBackupPolicy(parts_.authorizer, policy));
  }
  asked.id = std::move(named.id);
  co_return co_await Decide(call, std::move(asked));
}

Task<Status> CloudHsm::AuthorizeShared(const aws::Call& call, const SharedBackup& shared) {
  const BackupRow& backup = shared.backup;
  Resource asked{.arn = ResourceArn(backup.region, backup.account, backup.backup_id),
                 .account = backup.account,
                 .region = backup.region,
                 .id = backup.backup_id};
  SR_CO_TRY(asked.policy, CompileBackupPolicy(parts_.authorizer, shared.policy));
  co_return co_await Decide(call, std::move(asked));
}

Status CloudHsm::AuthorizeTags(const aws::Call& call, std::string_view any, std::string_view region) const {
  const TagConditions conditions(call, false);
  ports::Question question = aws::QuestionOf(call);
  question.action = "cloudhsm:TagResource";
  question.resource = any;
  question.source = &conditions;
  question.request.region = region;
  return parts_.authorizer.Authorize(question);
}

Task<Result<std::optional<ports::ClusterInfo>>> CloudHsm::Find(std::string account, std::string region,
                                                               std::string cluster_id) {
  auto load = [account = std::move(account), region = std::move(region), cluster_id = std::move(cluster_id)](
                  store::Transaction& t) { return LoadCluster(t, account, region, cluster_id); };
  SR_CO_TRY(const std::optional<ClusterRow> row, co_await database().RunRead(std::move(load)));
  co_return Shown(row);
}

aws::Service Describe(CloudHsm& service) {
  return {.name = "cloudhsm",
          .signing_name = "cloudhsm",
          .event_source = "cloudhsm.amazonaws.com",
          .protocol = aws::Protocol::kJson11,
          .message_member = aws::MessageMember::kBoth,
          .operations = kAllRows,
          .instance = &service,
          .errors = &kWireErrors};
}

}  // namespace strongroom::cloudhsm
