// Source: CloudHSMv2 API Reference, "DeleteResourcePolicy".
#include "cloudhsm/backup_policies.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

/// In any state: a backup that is given up can be unshared, too.
Result<BackupPolicy> Delete(store::Transaction& t, std::string_view account, std::string_view region,
                            std::string_view id) {
  SR_TRY(const BackupRow backup, RequireBackup(t, account, region, id));
  SR_TRY(BackupPolicy before, LoadBackupPolicy(t, account, region, id));
  if (!before.text.empty()) SR_CHECK(PutBackupPolicy(t, backup, {}));
  return before;
}

Task<Result<aws::Reply>> DeleteResourcePolicy(CloudHsm& service, aws::Call& call) {
  SR_CO_TRY(std::string id, BackupOfRequest(call));
  SR_CO_CHECK(co_await service.AuthorizeOnPolicy(call, id));
  const std::string arn = ResourceArn(call.region, call.account(), id);
  call.AuditResource(arn);
  auto change = [account = std::string(call.account()), region = std::string(call.region),
                 id = std::move(id)](store::Transaction& t) { return Delete(t, account, region, id); };
  SR_CO_TRY(BackupPolicy before, co_await service.database().Run(std::move(change)));
  aws::Reply reply;
  reply.Text("ResourceArn", arn);
  if (!before.text.empty()) reply.Text("Policy", std::move(before.text));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::delete_resource_policy = {.target = "BaldrApiService.DeleteResourcePolicy",
                                                             .iam_action = "cloudhsm:DeleteResourcePolicy",
                                                             .handler = aws::Bind<CloudHsm, &DeleteResourcePolicy>};
}  // namespace strongroom::cloudhsm
