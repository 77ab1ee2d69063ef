#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "aws/dispatch/operation.h"
#include "base/result.h"
#include "base/task.h"
#include "cloudhsm/backups.h"
#include "ports/authorizer.h"

namespace strongroom::cloudhsm {

class CloudHsm;

/// What the ARN of a backup names: arn:<partition>:cloudhsm:<region>:<account>:backup/<id>.
struct BackupName {
  std::string arn, account, id;
};
/// None for what is no such ARN.
std::optional<BackupName> ReadBackupArn(std::string_view text);

/// The backup of the caller's account and Region that the request's ResourceArn names, by its id; whether it is there
/// is not looked at. Errors: kInvalidArgument without the member and for what can have no policy; kNotFound, in
/// RequireBackup's words, for another account's or Region's.
Result<std::string> BackupOfRequest(const aws::Call& call);

/// A policy that a backup is to have, ready to be kept. Whom it names must be there.
/// Errors: kMalformedPolicy with the text for the caller; the store's.
Task<Result<BackupPolicy>> CheckBackupPolicy(CloudHsm& service, std::string text);

/// Ready for decisions; null for none. A policy that cannot be read any more might deny, so it denies everything.
/// Errors: kInternal.
Result<std::shared_ptr<const ports::Policy>> CompileBackupPolicy(const ports::Authorizer& authorizer,
                                                                 const BackupPolicy& policy);

}  // namespace strongroom::cloudhsm
