// Source: CloudHSMv2 API Reference, "DeleteBackup".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"
#include "store/clock_guard.h"

namespace strongroom::cloudhsm {
namespace {

struct Found {
  BackupRow backup;
  Tags tags;
};

Result<Found> Delete(store::Transaction& t, std::string_view account, std::string_view region, std::string_view id) {
  SR_TRY(BackupRow backup, RequireBackup(t, account, region, id));
  if (backup.state != BackupState::kReady) return WrongBackupState(backup);
  SR_TRY(const std::int64_t now, store::LatestMillis(t));
  backup.state = BackupState::kPendingDeletion;
  backup.delete_at = now + kPendingMillis;
  SR_CHECK(UpdateBackup(t, backup));
  SR_TRY(Tags tags, LoadTags(t, account, region, id));
  return Found{std::move(backup), std::move(tags)};
}

Task<Result<aws::Reply>> DeleteBackup(CloudHsm& service, aws::Call& call) {
  SR_CO_TRY(std::string id, call.body.RequiredString("BackupId"));
  SR_CO_CHECK(co_await service.Authorize(call, id));
  call.AuditResource(ResourceArn(call.region, call.account(), id));
  auto change = [account = std::string(call.account()), region = std::string(call.region),
                 id = std::move(id)](store::Transaction& t) { return Delete(t, account, region, id); };
  SR_CO_TRY(const Found found, co_await service.database().Run(std::move(change)));
  aws::Reply reply;
  reply.Object("Backup", PresentBackup(found.backup, found.tags));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::delete_backup = {.target = "BaldrApiService.DeleteBackup",
                                                    .iam_action = "cloudhsm:DeleteBackup",
                                                    .handler = aws::Bind<CloudHsm, &DeleteBackup>};
}  // namespace strongroom::cloudhsm
