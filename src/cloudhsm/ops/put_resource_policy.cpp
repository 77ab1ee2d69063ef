// Source: CloudHSMv2 API Reference, "PutResourcePolicy".
#include "cloudhsm/backup_policies.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, backup_id;
  BackupPolicy policy;
};

Status Put(store::Transaction& t, const Request& r) {
  SR_TRY(const BackupRow backup, RequireBackup(t, r.account, r.region, r.backup_id));
  if (backup.state != BackupState::kReady) return WrongBackupState(backup);
  return PutBackupPolicy(t, backup, r.policy);
}

Task<Result<aws::Reply>> PutResourcePolicy(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.backup_id, BackupOfRequest(call));
  SR_CO_TRY(std::optional<std::string> text, call.body.OptionalString("Policy"));
  if (!text) co_return Error(Errc::kInvalidArgument, "Specify Policy.");
  SR_CO_CHECK(co_await service.AuthorizeOnPolicy(call, request.backup_id));
  const std::string arn = ResourceArn(call.region, call.account(), request.backup_id);
  call.AuditResource(arn);
  SR_CO_TRY(request.policy, co_await CheckBackupPolicy(service, *text));
  auto put = [request = std::move(request)](store::Transaction& t) { return Put(t, request); };
  SR_CO_CHECK(co_await service.database().Run(std::move(put)));
  aws::Reply reply;
  reply.Text("ResourceArn", arn).Text("Policy", *std::move(text));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::put_resource_policy = {.target = "BaldrApiService.PutResourcePolicy",
                                                          .iam_action = "cloudhsm:PutResourcePolicy",
                                                          .handler = aws::Bind<CloudHsm, &PutResourcePolicy>};
}  // namespace strongroom::cloudhsm
