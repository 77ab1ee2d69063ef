// Source: CloudHSMv2 API Reference, "CopyBackupToRegion".
#include <algorithm>

#include "base/ids.h"
#include "cloudhsm/ops/all.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"
#include "cloudhsm/tags.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region, destination, backup_id;
  std::vector<std::pair<std::string, std::string>> tags;
};

Result<BackupRow> Copy(store::Transaction& t, const Request& r) {
  SR_TRY(const BackupRow source, RequireBackup(t, r.account, r.region, r.backup_id));
  if (source.state != BackupState::kReady) return WrongBackupState(source);
  BackupRow copy = source;
  copy.region = r.destination;
  copy.backup_id = NewBase32Id("backup-");
  copy.source_region = r.region;
  copy.source_backup_id = source.backup_id;
  copy.source_cluster_id = source.cluster_id ? source.cluster_id : source.source_cluster_id;
  copy.cluster_id.reset();  // so that no retention policy applies
  copy.never_expires = false;
  SR_TRY(copy.copied_at, t.NowMillis());
  SR_CHECK(InsertBackup(t, copy));
  Tags tags(r.tags.begin(), r.tags.end());
  if (tags.empty()) {
    SR_TRY(tags, LoadTags(t, r.account, r.region, r.backup_id));
  }
  for (const auto& [key, value] : tags) SR_CHECK(PutTag(t, copy.account, copy.region, copy.backup_id, key, value));
  return copy;
}

Task<Result<aws::Reply>> CopyBackupToRegion(CloudHsm& service, aws::Call& call) {
  Request request{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_CO_TRY(request.destination, call.body.RequiredString("DestinationRegion"));
  SR_CO_TRY(request.backup_id, call.body.RequiredString("BackupId"));
  SR_CO_TRY(request.tags, call.body.PairList("TagList", "Key", "Value"));
  SR_CO_CHECK(CheckTagKeys(request.tags));
  SR_CO_CHECK(co_await service.Authorize(call, request.backup_id));
  if (!request.tags.empty())
    SR_CO_CHECK(
        service.AuthorizeTags(call, ResourceArn(request.destination, call.account(), "backup-*"), request.destination));
  if (request.destination == request.region)
    co_return Error(Errc::kInvalidArgument, "DestinationRegion must not be the region that the backup is in.");
  // A copy where nobody can ask for it could never be deleted.
  if (std::ranges::find(service.regions(), request.destination) == service.regions().end())
    co_return Error(Errc::kInvalidArgument,
                    "DestinationRegion " + request.destination + " is not a Region of this deployment.");
  call.AuditResource(ResourceArn(call.region, call.account(), request.backup_id));
  auto change = [request = std::move(request)](store::Transaction& t) { return Copy(t, request); };
  SR_CO_TRY(const BackupRow copy, co_await service.database().Run(std::move(change)));
  aws::Reply reply;
  reply.Object("DestinationBackup", PresentDestination(copy));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::copy_backup_to_region = {.target = "BaldrApiService.CopyBackupToRegion",
                                                            .iam_action = "cloudhsm:CopyBackupToRegion",
                                                            .handler = aws::Bind<CloudHsm, &CopyBackupToRegion>};
}  // namespace strongroom::cloudhsm
