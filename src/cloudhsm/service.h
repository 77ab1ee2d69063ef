#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "aws/dispatch/operation.h"
#include "aws/dispatch/service.h"
#include "base/result.h"
#include "cloudhsm/backup_policies.h"
#include "cloudhsm/nodes/placement.h"
#include "cloudhsm/rows.h"
#include "ports/authorizer.h"
#include "ports/cluster_directory.h"
#include "ports/principal_directory.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// Source: AWS CloudHSM User Guide, "Quotas".
struct Limits {
  std::int64_t clusters = 4;  // per account and region
  std::int64_t hsms = 6;      // per account and region
  std::int64_t hsms_per_cluster = 28;
  std::int64_t tags = 50;  // per resource
};

/// What the operations work with: they check, change rows and wake the background jobs, which do the rest.
/// Threads   any loop.
/// Lifetime  what it refers to outlives it.
class CloudHsm final : public ports::ClusterDirectory {
 public:
  struct Parts {
    store::Database& database;
    const ports::Authorizer& authorizer;
    ports::PrincipalDirectory& principals;
    const Placement& placement;
    std::vector<std::string> regions{};  // of the deployment
    Limits limits{};
    std::function<void()> wake{};  // the background jobs
  };
  explicit CloudHsm(Parts parts) : parts_(std::move(parts)) {}

  store::Database& database() noexcept { return parts_.database; }
  const ports::Authorizer& authorizer() const noexcept { return parts_.authorizer; }
  ports::PrincipalDirectory& principals() const noexcept { return parts_.principals; }
  const Placement& placement() const noexcept { return parts_.placement; }
  const Limits& limits() const noexcept { return parts_.limits; }
  const std::vector<std::string>& regions() const noexcept { return parts_.regions; }
  void Wake() const {
    if (parts_.wake) parts_.wake();
  }

  /// May the caller do this to the cluster or backup of its account (empty: to no resource in particular)? A backup's
  /// policy has its say. The tags that the request names and, when a policy asks for them, those of the resource are
  /// conditions. Errors: kAccessDenied; the store's.
  Task<Status> Authorize(const aws::Call& call, std::string resource_id);
  /// As Authorize for what is done to the policy of a backup itself, from which no such policy keeps the account's
  /// root: nobody locks himself out.
  Task<Status> AuthorizeOnPolicy(const aws::Call& call, std::string backup_id);
  /// May the caller do this to a backup of another account than its own? One that is not there, has no policy or is
  /// elsewhere is refused in the same words as one whose policy does not let the caller in: nobody learns of others'
  /// backups. Errors: kAccessDenied; the store's.
  Task<Status> AuthorizeForeign(const aws::Call& call, BackupName named);
  /// The same for one that was read already.
  Task<Status> AuthorizeShared(const aws::Call& call, const SharedBackup& shared);
  /// May the caller give these tags to the clusters or backups that the call makes, in `region`? `any` is their ARN
  /// with * for the id. Errors: kAccessDenied.
  Status AuthorizeTags(const aws::Call& call, std::string_view any, std::string_view region) const;

  Task<Result<std::optional<ports::ClusterInfo>>> Find(std::string account, std::string region,
                                                       std::string cluster_id) override;

 private:
  /// What a call is about, when it is about something.
  struct Resource {
    std::string arn, account, region, id;
    std::shared_ptr<const ports::Policy> policy;  // null: none
  };
  Task<Status> Decide(const aws::Call& call, Resource resource);
  Task<Result<BackupPolicy>> PolicyOf(std::string account, std::string region, std::string backup_id);

  Parts parts_;
};

/// arn:aws:cloudhsm:<region>:<account>:cluster/<id>, or backup/<id> for a backup's id.
std::string ResourceArn(std::string_view region, std::string_view account, std::string_view id);
/// The same for what is certainly a cluster.
std::string ClusterArn(std::string_view region, std::string_view account, std::string_view cluster_id);

/// "Cluster <id> is in state <STATE>. <Operation> requires state <STATES>."
Error WrongState(const ClusterRow& cluster, std::string_view operation, std::string_view wanted);

/// The service's table for the dispatcher; `service` outlives it.
aws::Service Describe(CloudHsm& service);

}  // namespace strongroom::cloudhsm
