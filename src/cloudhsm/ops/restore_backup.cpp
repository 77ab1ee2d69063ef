// Source: CloudHSMv2 API Reference, "RestoreBackup".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Found {
  BackupRow backup;
  Tags tags;
};

Result<Found> Restore(store::Transaction& t, std::string_view account, std::string_view region, std::string_view id) {
  SR_TRY(BackupRow backup, RequireBackup(t, account, region, id));
  if (backup.state != BackupState::kPendingDeletion) return WrongBackupState(backup);
  backup.state = BackupState::kReady;
  backup.delete_at.reset();
  SR_CHECK(UpdateBackup(t, backup));
  SR_TRY(Tags tags, LoadTags(t, account, region, id));
  return Found{std::move(backup), std::move(tags)};
}

Task<Result<aws::Reply>> RestoreBackup(CloudHsm& service, aws::Call& call) {
  SR_CO_TRY(std::string id, call.body.RequiredString("BackupId"));
  SR_CO_CHECK(co_await service.Authorize(call, id));
  call.AuditResource(ResourceArn(call.region, call.account(), id));
  auto change = [account = std::string(call.account()), region = std::string(call.region),
                 id = std::move(id)](store::Transaction& t) { return Restore(t, account, region, id); };
  SR_CO_TRY(const Found found, co_await service.database().Run(std::move(change)));
  aws::Reply reply;
  reply.Object("Backup", PresentBackup(found.backup, found.tags));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::restore_backup = {.target = "BaldrApiService.RestoreBackup",
                                                     .iam_action = "cloudhsm:RestoreBackup",
                                                     .handler = aws::Bind<CloudHsm, &RestoreBackup>};
}  // namespace strongroom::cloudhsm
