#include "aws/policy/keys.h"

#include <charconv>
#include <chrono>

#include "aws/http/text.h"

namespace strongroom::aws::policy {
namespace {

struct Named {
  std::string_view name;
  GlobalKey key;
};
constexpr auto kGlobals = std::to_array<Named>({{"aws:PrincipalArn", GlobalKey::kPrincipalArn},
                                                {"aws:PrincipalAccount", GlobalKey::kPrincipalAccount},
                                                {"aws:PrincipalType", GlobalKey::kPrincipalType},
                                                {"aws:PrincipalIsAWSService", GlobalKey::kPrincipalIsAwsService},
                                                {"aws:PrincipalServiceName", GlobalKey::kPrincipalServiceName},
                                                {"aws:userid", GlobalKey::kUserId},
                                                {"aws:username", GlobalKey::kUserName},
                                                {"aws:FederatedProvider", GlobalKey::kFederatedProvider},
                                                {"aws:SourceIdentity", GlobalKey::kSourceIdentity},
                                                {"aws:TokenIssueTime", GlobalKey::kTokenIssueTime},
                                                {"aws:MultiFactorAuthPresent", GlobalKey::kMfaPresent},
                                                {"aws:MultiFactorAuthAge", GlobalKey::kMfaAge},
                                                {"aws:SourceIp", GlobalKey::kSourceIp},
                                                {"aws:SecureTransport", GlobalKey::kSecureTransport},
                                                {"aws:UserAgent", GlobalKey::kUserAgent},
                                                {"aws:RequestedRegion", GlobalKey::kRequestedRegion},
                                                {"aws:CurrentTime", GlobalKey::kCurrentTime},
                                                {"aws:EpochTime", GlobalKey::kEpochTime},
                                                {"aws:ResourceAccount", GlobalKey::kResourceAccount},
                                                {"aws:ViaAWSService", GlobalKey::kViaAwsService},
                                                {"kms:ResourceAliases", GlobalKey::kNotInKeyPolicies}});
constexpr std::string_view kPrincipalTagPrefix = "aws:PrincipalTag/";
constexpr std::string_view kResourceTagPrefix = "aws:ResourceTag/";

std::int64_t Millis(ports::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

void AddText(std::string_view text, Found& found) {
  if (!text.empty()) found.values.Add(text);
}
void AddBool(bool value, Found& found) { found.values.Add(value ? "true" : "false"); }
void AddNumber(std::int64_t number, Found& found) {
  const auto end = std::to_chars(found.scratch.data(), found.scratch.data() + found.scratch.size(), number).ptr;
  found.values.Add({found.scratch.data(), static_cast<std::size_t>(end - found.scratch.data())});
}
void AddTime(ports::WallTime time, Found& found) {
  found.millis = Millis(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  const auto end = fmt::format_to_n(found.scratch.data(), found.scratch.size(), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                                    static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                    static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                                    clock.seconds().count());
  found.values.Add({found.scratch.data(), std::min(end.size, found.scratch.size())});
}

std::string_view TypeOf(ports::PrincipalKind kind) {
  switch (kind) {
    case ports::PrincipalKind::kRoot: return "Account";
    case ports::PrincipalKind::kUser: return "User";
    case ports::PrincipalKind::kAssumedRole: return "AssumedRole";
    case ports::PrincipalKind::kFederatedUser: return "FederatedUser";
    case ports::PrincipalKind::kService:
    case ports::PrincipalKind::kWebIdentity: break;
  }
  return "";
}

/// Of a role's session the role's, as AWS documents it.
std::string_view PrincipalArn(const ports::Caller& caller) {
  const bool role = caller.kind == ports::PrincipalKind::kAssumedRole && !caller.role_arn.empty();
  return role ? caller.role_arn : caller.arn;
}

void LookAtTags(const ports::Caller& caller, std::string_view key, Found& found) {
  if (!caller.tags) return;
  for (const ports::Tag& tag : *caller.tags) {
    if (!EqualsIgnoringCase(tag.key, key)) continue;
    found.values.Add(tag.value);
    return;
  }
}

void LookAtSession(const ports::Question& question, GlobalKey key, Found& found) {
  if (!question.caller.session) return;
  const ports::Session& session = *question.caller.session;
  switch (key) {
    case GlobalKey::kFederatedProvider: return AddText(session.federated_provider, found);
    case GlobalKey::kSourceIdentity: return AddText(session.source_identity, found);
    case GlobalKey::kTokenIssueTime: return AddTime(session.issued_at, found);
    case GlobalKey::kMfaPresent: return AddBool(session.mfa_at.has_value(), found);
    default:
      if (session.mfa_at && question.request.now)
        AddNumber(std::max<std::int64_t>((Millis(*question.request.now) - Millis(*session.mfa_at)) / 1000, 0), found);
  }
}

void LookAtRequest(const ports::Question& question, GlobalKey key, Found& found) {
  const ports::RequestFacts& request = question.request;
  switch (key) {
    case GlobalKey::kSourceIp: return AddText(request.source_ip, found);
    case GlobalKey::kSecureTransport: return AddBool(request.secure_transport, found);
    case GlobalKey::kUserAgent: return AddText(request.user_agent, found);
    case GlobalKey::kRequestedRegion: return AddText(request.region, found);
    case GlobalKey::kResourceAccount: return AddText(question.resource_account, found);
    case GlobalKey::kViaAwsService: return AddBool(false, found);
    case GlobalKey::kCurrentTime:
      if (request.now) AddTime(*request.now, found);
      return;
    default:
      if (!request.now) return;
      found.millis = Millis(*request.now) / 1000 * 1000;
      AddNumber(Millis(*request.now) / 1000, found);
  }
}

void LookAtCaller(const ports::Question& question, const Key& key, Found& found) {
  const ports::Caller& caller = question.caller;
  const bool service = caller.kind == ports::PrincipalKind::kService;
  switch (key.global) {
    case GlobalKey::kPrincipalArn: return AddText(service ? std::string_view() : PrincipalArn(caller), found);
    case GlobalKey::kPrincipalAccount: return AddText(caller.account, found);
    case GlobalKey::kPrincipalType: return AddText(TypeOf(caller.kind), found);
    case GlobalKey::kPrincipalTag: return LookAtTags(caller, key.suffix, found);
    case GlobalKey::kPrincipalIsAwsService: return AddBool(service, found);
    case GlobalKey::kPrincipalServiceName: return AddText(service ? caller.arn : std::string_view(), found);
    case GlobalKey::kUserId: return AddText(caller.principal_id, found);
    case GlobalKey::kUserName:
      return AddText(caller.kind == ports::PrincipalKind::kUser ? caller.user_name : std::string_view(), found);
    case GlobalKey::kFederatedProvider:
    case GlobalKey::kSourceIdentity:
    case GlobalKey::kTokenIssueTime:
    case GlobalKey::kMfaPresent:
    case GlobalKey::kMfaAge: return LookAtSession(question, key.global, found);
    default: return LookAtRequest(question, key.global, found);
  }
}

}  // namespace

Key MakeKey(std::string_view name) {
  Key key;
  key.name = name;
  if (StartsWithIgnoringCase(name, kPrincipalTagPrefix)) {
    key.global = GlobalKey::kPrincipalTag;
    key.suffix = name.substr(kPrincipalTagPrefix.size());
  } else if (StartsWithIgnoringCase(name, kResourceTagPrefix)) {
    key.global = GlobalKey::kNotInKeyPolicies;
  } else {
    for (const Named& one : kGlobals) {
      if (EqualsIgnoringCase(one.name, name)) key.global = one.key;
    }
  }
  return key;
}

void Look(const ports::Question& question, ports::PolicyKind kind, const Key& key, Found& found) {
  if (key.global == GlobalKey::kNotInKeyPolicies && kind == ports::PolicyKind::kKey) return;
  if (question.context != nullptr && !question.context->empty()) {
    const auto given = question.context->find(std::string_view(key.name));
    if (given != question.context->end()) {
      for (const std::string& value : given->second) found.values.Add(value);
      return;
    }
  }
  if (key.global != GlobalKey::kNone && key.global != GlobalKey::kNotInKeyPolicies) LookAtCaller(question, key, found);
  if (found.present()) return;
  if (question.source != nullptr) {
    if (question.source->Find(key.name, found.values)) return;
    found.values.Clear();
  }
  if (key.global != GlobalKey::kNone || !question.caller.session) return;
  for (const ports::Tag& claim : question.caller.session->claims) {
    if (EqualsIgnoringCase(claim.key, key.name)) found.values.Add(claim.value);
  }
}

}  // namespace strongroom::aws::policy
