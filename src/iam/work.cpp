#include "iam/work.h"

#include <algorithm>
#include <array>

namespace strongroom::iam {
namespace {
/// Members that are read from the request itself, straight into locked memory: the copy has none of them.
bool IsSecret(std::string_view member) {
  constexpr std::array<std::string_view, 3> kSecrets{"Password", "OldPassword", "NewPassword"};
  return std::ranges::find(kSecrets, member) != kSecrets.end();
}
}  // namespace

Actor::Actor(const Iam& iam, aws::Call& call)
    : authorizer(&iam.authorizer()),
      limits(iam.limits()),
      caller(call.caller),
      operation(call.operation),
      action(call.iam_action),
      region(call.region),
      source_ip(call.source_ip),
      user_agent(call.user_agent),
      time(call.time),
      call_(&call) {
  for (const auto& [name, value] : call.body.object()) {
    if (!IsSecret({name.data(), name.size()})) body.emplace(name, boost::json::value(value, {}));
  }
}

void Actor::Touched(const std::vector<std::string>& arns) const {
  for (const std::string& arn : arns) {
    if (std::ranges::find(call_->audit_resources, arn) == call_->audit_resources.end()) call_->AuditResource(arn);
  }
}

Status Work::Authorize(std::string_view resource_arn) const { return Authorize(actor_.action, resource_arn); }

Status Work::Authorize(std::string_view action, std::string_view resource_arn) const {
  const bool is_one = resource_arn.starts_with("arn:") && !resource_arn.ends_with('/') && !resource_arn.ends_with('*');
  if (is_one) touched_.emplace_back(resource_arn);
  const ports::Question question{
      .caller = actor_.caller,
      .action = action,
      .resource = resource_arn,
      .resource_account = actor_.caller.account,
      .context = conditions.empty() ? nullptr : &conditions,
      .request = {
          .source_ip = actor_.source_ip, .user_agent = actor_.user_agent, .region = actor_.region, .now = actor_.time}};
  return actor_.authorizer->Authorize(question);
}

Task<Result<aws::Reply>> RunWork(Iam& iam, aws::Call& call, store::Access access, WorkFn fn) {
  auto actor = std::make_shared<const Actor>(iam, call);
  co_return co_await RunFor<aws::Reply>(iam, std::move(actor), access, std::move(fn));
}

}  // namespace strongroom::iam
