// Source: CloudHSMv2 API Reference, "ModifyBackupAttributes".
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Found {
  BackupRow backup;
  Tags tags;
};

Result<Found> Modify(store::Transaction& t, std::string_view account, std::string_view region, std::string_view id,
                     bool never_expires) {
  SR_TRY(BackupRow backup, RequireBackup(t, account, region, id));
  if (backup.state != BackupState::kReady) return WrongBackupState(backup);
  backup.never_expires = never_expires;
  SR_CHECK(UpdateBackup(t, backup));
  SR_TRY(Tags tags, LoadTags(t, account, region, id));
  return Found{std::move(backup), std::move(tags)};
}

Task<Result<aws::Reply>> ModifyBackupAttributes(CloudHsm& service, aws::Call& call) {
  SR_CO_TRY(std::string id, call.body.RequiredString("BackupId"));
  SR_CO_TRY(const bool never_expires, call.body.BoolOr("NeverExpires", false));
  SR_CO_CHECK(co_await service.Authorize(call, id));
  call.AuditResource(ResourceArn(call.region, call.account(), id));
  auto change = [account = std::string(call.account()), region = std::string(call.region), id = std::move(id),
                 never_expires](store::Transaction& t) { return Modify(t, account, region, id, never_expires); };
  SR_CO_TRY(const Found found, co_await service.database().Run(std::move(change)));
  aws::Reply reply;
  reply.Object("Backup", PresentBackup(found.backup, found.tags));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::modify_backup_attributes = {.target = "BaldrApiService.ModifyBackupAttributes",
                                                               .iam_action = "cloudhsm:ModifyBackupAttributes",
                                                               .handler = aws::Bind<CloudHsm, &ModifyBackupAttributes>};
}  // namespace strongroom::cloudhsm
