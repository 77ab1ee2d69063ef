#pragma once

#include <optional>
#include <string>
#include <vector>

#include "iam/data/entity.h"

namespace strongroom::iam {

struct AwsManaged;

/// A managed policy: the account's own, or one of AWS's, which is in the program and has one version.
struct ManagedPolicy {
  std::string account;  // empty: AWS's
  std::string name, path, id, arn, description;
  std::int64_t default_version = 1, next_version = 2;
  std::int64_t created_at = 0, updated_at = 0;
  const AwsManaged* of_aws = nullptr;
};
struct PolicyVersion {
  std::int64_t number = 1;
  std::string document;
  std::int64_t created_at = 0;
};

/// By ARN. Errors: kInvalidArn for what is no policy's ARN; kNotFound, also for policies of other accounts.
Result<ManagedPolicy> FindManaged(store::Transaction& t, std::string_view account, std::string_view arn);
/// The one that the request's PolicyArn names, once the caller may do this operation to it. Errors: as FindManaged, and
/// kAccessDenied.
Result<ManagedPolicy> NeedPolicy(Work& work);
/// The same for operations that change it: those of AWS are refused with kAccessDenied.
Result<ManagedPolicy> NeedOwnPolicy(Work& work);
/// The account's own, by name.
Result<std::vector<ManagedPolicy>> ListOwnPolicies(store::Transaction& t, std::string_view account);

/// Newest first.
Result<std::vector<PolicyVersion>> ReadVersions(store::Transaction& t, const ManagedPolicy& policy);
Result<std::string> ReadDefaultDocument(store::Transaction& t, const ManagedPolicy& policy);
/// By its name "v3". Errors: kNotFound.
Result<PolicyVersion> NeedVersion(Work& work, const ManagedPolicy& policy);
Status InsertVersion(Work& work, const ManagedPolicy& policy, std::int64_t number, const std::string& document);
Status UpdatePolicyRow(Work& work, const ManagedPolicy& policy);

/// How often a policy is used.
struct PolicyUse {
  std::int64_t attachments = 0, boundaries = 0;
};
Result<PolicyUse> CountUse(store::Transaction& t, std::string_view account, std::string_view arn);

/// What GetPolicy shows; in lists, without description.
Result<aws::Reply> ShowPolicy(store::Transaction& t, std::string_view account, const ManagedPolicy& policy,
                              Detail detail);
enum class ShowDocument : std::uint8_t { kNo, kYes };
aws::Reply ShowVersion(const ManagedPolicy& policy, const PolicyVersion& version, ShowDocument document);

/// ARNs of the managed policies that are attached.
Result<std::vector<std::string>> ReadAttachments(store::Transaction& t, std::string_view account,
                                                 std::string_view entity_id);
/// "AttachedPolicies" and their like: name and ARN of each.
std::vector<aws::Reply> ShowAttachments(const std::vector<std::string>& arns);

}  // namespace strongroom::iam
