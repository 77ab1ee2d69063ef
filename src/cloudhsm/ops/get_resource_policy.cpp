// Source: CloudHSMv2 API Reference, "GetResourcePolicy".
#include "aws/policy/shown.h"
#include "cloudhsm/backup_policies.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

Result<BackupPolicy> Load(store::Transaction& t, std::string_view account, std::string_view region,
                          std::string_view id) {
  SR_CHECK(RequireBackup(t, account, region, id));
  return LoadBackupPolicy(t, account, region, id);
}

Task<Result<aws::Reply>> GetResourcePolicy(CloudHsm& service, aws::Call& call) {
  SR_CO_TRY(std::string id, BackupOfRequest(call));
  SR_CO_CHECK(co_await service.AuthorizeOnPolicy(call, id));
  call.AuditResource(ResourceArn(call.region, call.account(), id));
  auto load = [account = std::string(call.account()), region = std::string(call.region),
               id = std::move(id)](store::Transaction& t) { return Load(t, account, region, id); };
  SR_CO_TRY(const BackupPolicy policy, co_await service.database().RunRead(std::move(load)));
  aws::Reply reply;
  if (policy.text.empty()) co_return reply;
  SR_CO_TRY(const ports::PrincipalIds ids, ports::ReadPrincipalIds(policy.principals));
  SR_CO_TRY(const auto gone, co_await ports::WhoIsGone(service.principals(), ids));
  reply.Text("Policy", aws::policy::ShownPolicy(policy.text, ids, gone));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::get_resource_policy = {.target = "BaldrApiService.GetResourcePolicy",
                                                          .iam_action = "cloudhsm:GetResourcePolicy",
                                                          .handler = aws::Bind<CloudHsm, &GetResourcePolicy>};
}  // namespace strongroom::cloudhsm
