#include "iam/sessions/credential.h"

#include <algorithm>
#include <utility>

#include "iam/access_keys.h"

namespace strongroom::iam {
namespace {

ports::WallTime AtMillis(std::int64_t millis) { return ports::WallTime(std::chrono::milliseconds(millis)); }

std::string StsArn(std::string_view account, std::string_view rest) {
  return std::string("arn:aws:sts::").append(account).append(":").append(rest);
}

std::shared_ptr<const ports::Session> FactsOf(const proto::SessionClaims& claims) {
  auto session = std::make_shared<ports::Session>();
  session->issued_at = AtMillis(claims.issued_millis());
  if (claims.mfa_millis() != 0) session->mfa_at = AtMillis(claims.mfa_millis());
  session->name = claims.name();
  session->source_identity = claims.source_identity();
  session->federated_provider = claims.federated_provider();
  for (const auto& tag : claims.tags()) session->tags.push_back({tag.key(), tag.value()});
  session->transitive.assign(claims.transitive_keys().begin(), claims.transitive_keys().end());
  for (const auto& claim : claims.provider_claims()) session->claims.push_back({claim.key(), claim.value()});
  return session;
}

/// Session tags win over the principal's own; keys are compared ignoring case.
std::shared_ptr<const std::vector<ports::Tag>> Overlaid(const std::shared_ptr<const std::vector<ports::Tag>>& own,
                                                        const std::vector<ports::Tag>& passed) {
  if (passed.empty()) return own;
  auto all = std::make_shared<std::vector<ports::Tag>>(passed);
  if (own) {
    for (const ports::Tag& tag : *own) {
      const bool covered =
          std::ranges::any_of(passed, [&](const ports::Tag& one) { return Folded(one.key) == Folded(tag.key); });
      if (!covered) all->push_back(tag);
    }
  }
  return all;
}

/// Those of the principal behind the session (null: the account's root), limited by the session's own: the ones in the
/// token and the managed ones it names.
std::shared_ptr<const ports::PrincipalPolicies> Limited(const Principal* behind, const PrincipalSet& principals,
                                                        const proto::SessionClaims& claims,
                                                        const std::vector<ports::NamedPolicy>& inline_policies) {
  auto limited = behind == nullptr ? std::make_shared<ports::PrincipalPolicies>()
                                   : std::make_shared<ports::PrincipalPolicies>(*behind->policies);
  if (behind == nullptr) limited->identity_allows_all = true;
  limited->session = inline_policies;
  for (const std::string& arn : claims.policy_arns()) {
    auto policy = principals.Managed(arn);
    limited->unreadable = limited->unreadable || policy == nullptr;
    limited->session->push_back({arn, std::move(policy)});
  }
  return limited;
}

void BecomeUser(const Principal& user, ports::Caller& caller) {
  caller.kind = ports::PrincipalKind::kUser;
  caller.arn = user.arn;
  caller.principal_id = user.id;
  caller.user_name = user.name;
  caller.policies = user.policies;
  caller.tags = user.tags;
}

void BecomeRoot(ports::Caller& caller) {
  caller.kind = ports::PrincipalKind::kRoot;
  caller.arn = RootArn(caller.account);
  caller.principal_id = caller.account;
}

}  // namespace

std::shared_ptr<ports::Credential> PermanentCredential(const PrincipalSet& principals, std::string_view account,
                                                       std::string_view principal_id, std::string_view access_key_id) {
  auto credential = std::make_shared<ports::Credential>();
  ports::Caller& caller = credential->caller;
  caller.account = account;
  caller.access_key_id = access_key_id;
  if (principal_id == account) {
    BecomeRoot(caller);
    return credential;
  }
  const auto user = principals.Find(principal_id);
  if (!user || user->kind != Kind::kUser || user->account != account) return nullptr;
  BecomeUser(*user, caller);
  return credential;
}

std::shared_ptr<ports::Credential> SessionCredential(const PrincipalSet& principals, const proto::SessionClaims& claims,
                                                     std::string_view access_key_id,
                                                     const std::vector<ports::NamedPolicy>& inline_policies) {
  auto credential = std::make_shared<ports::Credential>();
  ports::Caller& caller = credential->caller;
  caller.account = claims.account();
  caller.access_key_id = access_key_id;
  caller.session = FactsOf(claims);
  const bool of_root = claims.principal_id() == claims.account();
  const auto principal = of_root ? nullptr : principals.Find(claims.principal_id());
  const Kind kind = claims.kind() == proto::SESSION_OF_ROLE ? Kind::kRole : Kind::kUser;
  if (!of_root && (!principal || principal->kind != kind || principal->account != claims.account())) {
    credential->active = false;
    return credential;
  }
  switch (claims.kind()) {
    case proto::SESSION_OF_ROOT: BecomeRoot(caller); break;
    case proto::SESSION_OF_USER:
      if (principal) BecomeUser(*principal, caller);
      break;
    case proto::SESSION_OF_ROLE:
      if (!principal) break;
      caller.kind = ports::PrincipalKind::kAssumedRole;
      caller.arn = StsArn(caller.account, "assumed-role/" + principal->name + "/" + claims.name());
      caller.principal_id = principal->id + ":" + claims.name();
      caller.role_arn = principal->arn;
      caller.behind_id = principal->id;
      caller.tags = Overlaid(principal->tags, caller.session->tags);
      caller.policies = claims.policies_size() > 0 || claims.policy_arns_size() > 0
                            ? Limited(principal.get(), principals, claims, inline_policies)
                            : principal->policies;
      break;
    case proto::SESSION_OF_FEDERATED:
      caller.kind = ports::PrincipalKind::kFederatedUser;
      caller.arn = StsArn(caller.account, "federated-user/" + claims.name());
      caller.principal_id = caller.account + ":" + claims.name();
      if (principal) {
        caller.role_arn = principal->arn;
        caller.behind_id = principal->id;
      }
      caller.tags = Overlaid(nullptr, caller.session->tags);
      caller.policies = Limited(principal.get(), principals, claims, inline_policies);
      break;
    default: credential->active = false;
  }
  return credential;
}

}  // namespace strongroom::iam
