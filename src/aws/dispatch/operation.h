#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/dispatch/fields.h"
#include "aws/dispatch/reply.h"
#include "base/result.h"
#include "base/task.h"
#include "ports/audit.h"
#include "ports/authorizer.h"
#include "ports/credentials.h"

namespace strongroom::aws {

/// One authenticated, model-valid call. Lives until the handler's task has ended, and everything it shows with it.
struct Call {
  const ports::Caller& caller;
  std::string_view region;      // the credential scope's
  std::string_view request_id;  // lower-case UUID, as in x-amzn-RequestId
  std::string_view operation;   // "Encrypt"
  std::string_view iam_action;  // "kms:Encrypt"
  std::string_view source_ip;
  std::string_view user_agent;
  ports::WallTime time;  // when the request was accepted
  Fields body;

  std::string_view account() const noexcept { return caller.account; }

  /// Condition keys that the operation has found in the request, for its authorisation; operations add to it.
  ports::ConditionContext conditions{};

  /// Of an anonymous operation: the caller, once it has found out who that is. For the audit trail.
  std::optional<ports::Caller> proven{};

  /// What the audit trail shows of this call beside its parameters, as `additionalEventData`: text under a literal name
  /// in lowerCamelCase. Never payload.
  void AuditData(std::string_view name, std::string value) { audit_data.emplace_back(name, std::move(value)); }
  /// The same for an object of texts, which must be of bounded size.
  void AuditData(std::string_view name, ports::AuditEvent::Texts members) {
    audit_objects.emplace_back(name, std::move(members));
  }
  /// What `responseElements` shows although the answer itself does not have it: text under such a name.
  void AuditAnswer(std::string_view name, std::string value) { audit_answer.emplace_back(name, std::move(value)); }
  /// A resource that the call has touched or wanted to touch; the first one of several is the foremost.
  void AuditResource(std::string arn) { audit_resources.push_back(std::move(arn)); }
  std::vector<std::pair<std::string_view, std::string>> audit_data{}, audit_answer{};
  std::vector<std::pair<std::string_view, ports::AuditEvent::Texts>> audit_objects{};
  std::vector<std::string> audit_resources{};
};

using Handler = Task<Result<Reply>> (*)(void* service, Call& call);

/// One row of a service's table: one operation, one file.
struct Operation {
  std::string_view target;      // "TrentService.Encrypt"; for Query services "sts.GetCallerIdentity"
  std::string_view iam_action;  // "kms:Encrypt"
  Handler handler;
  /// Requests without a signature are taken, from a caller of kind kWebIdentity without account: the operation finds
  /// out itself who that is.
  bool anonymous = false;

  constexpr std::string_view name() const noexcept { return target.substr(target.rfind('.') + 1); }
};

/// Makes a handler of a coroutine `Task<Result<Reply>> Fn(Service&, Call&)`:
///
///   constinit const aws::Operation op::encrypt = {
///       .target = "TrentService.Encrypt", .iam_action = "kms:Encrypt", .handler = aws::Bind<Kms, &Encrypt>};
template <typename Service, Task<Result<Reply>> (*Fn)(Service&, Call&)>
Task<Result<Reply>> Bind(void* service, Call& call) {
  return Fn(*static_cast<Service*>(service), call);
}

}  // namespace strongroom::aws
