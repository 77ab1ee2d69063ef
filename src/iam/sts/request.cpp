#include "iam/sts/request.h"

#include <algorithm>

#include "iam/data/managed.h"
#include "iam/data/mfa.h"
#include "iam/sts/errors.h"

namespace strongroom::iam {
namespace {

bool SameKey(std::string_view a, std::string_view b) { return Folded(a) == Folded(b); }

const ports::Tag* FindTag(const std::vector<ports::Tag>& tags, std::string_view key) {
  const auto found = std::ranges::find_if(tags, [&](const ports::Tag& tag) { return SameKey(tag.key, key); });
  return found == tags.end() ? nullptr : &*found;
}

/// What is transitive in the session that asks goes on to the new one, and nobody changes it on the way.
Status InheritFrom(const ports::Session& parent, SessionRequest& request) {
  for (const std::string& key : parent.transitive) {
    const ports::Tag* tag = FindTag(parent.tags, key);
    if (tag == nullptr) continue;
    if (FindTag(request.tags, key) != nullptr)
      return StsValidation(
          "One of the specified transitive tag keys can't be set because it conflicts with a "
          "transitive tag key from the calling session.");
    request.tags.push_back(*tag);
    request.transitive.push_back(key);
  }
  return {};
}

std::size_t PackedBytes(const SessionRequest& request) {
  std::size_t bytes = 0;
  for (const auto* texts : {&request.policies, &request.policy_arns, &request.transitive})
    for (const std::string& text : *texts) bytes += text.size() + 2;
  for (const ports::Tag& tag : request.tags) bytes += tag.key.size() + tag.value.size() + 4;
  return bytes;
}

/// Fills in packed_percent. Errors: kLimitExceeded.
Status CheckPacked(SessionRequest& request) {
  const std::size_t bytes = PackedBytes(request);
  request.packed_percent = static_cast<std::int64_t>((bytes * 100 + kPackedBytes - 1) / kPackedBytes);
  if (request.packed_percent <= 100) return {};
  return Error(Errc::kLimitExceeded, fmt::format("Packed policy consumes {}% of allotted space, please use smaller "
                                                 "policy.",
                                                 request.packed_percent));
}

}  // namespace

void SessionRequest::PutInto(proto::SessionClaims& claims) const {
  claims.mutable_policies()->Assign(policies.begin(), policies.end());
  claims.mutable_policy_arns()->Assign(policy_arns.begin(), policy_arns.end());
  for (const ports::Tag& tag : tags) {
    auto* put = claims.add_tags();
    put->set_key(tag.key);
    put->set_value(tag.value);
  }
  claims.mutable_transitive_keys()->Assign(transitive.begin(), transitive.end());
}

Result<SessionRequest> ReadSessionRequest(const Sts& sts, const aws::Call& call, const ports::Session* parent) {
  SessionRequest request;
  SR_TRY(auto policy, call.body.OptionalString("Policy"));
  if (policy) {
    SR_CHECK(sts.authorizer().Compile(ports::PolicyKind::kSession, *policy));
    request.policies.push_back(*std::move(policy));
  }
  SR_TRY(const auto arns, call.body.ObjectList("PolicyArns"));
  if (arns.size() > 10) return StsValidation("At most 10 managed session policies can be passed.");
  for (const aws::Fields& one : arns) {
    SR_TRY(auto arn, one.OptionalString("arn"));
    if (arn) request.policy_arns.push_back(*std::move(arn));
  }
  SR_TRY(const auto pairs, call.body.PairList("Tags", "Key", "Value"));
  std::vector<ports::Tag> tags;
  for (const auto& [key, value] : pairs) tags.push_back({key, value});
  SR_TRY(const std::vector<std::string> transitive, call.body.StringList("TransitiveTagKeys"));
  SR_CHECK(AddTags(request, tags, transitive));
  if (parent != nullptr) SR_CHECK(InheritFrom(*parent, request));
  SR_CHECK(CheckPacked(request));
  return request;
}

Status AddTags(SessionRequest& request, const std::vector<ports::Tag>& tags,
               const std::vector<std::string>& transitive) {
  for (const ports::Tag& tag : tags) {
    if (Folded(tag.key).starts_with("aws:"))
      return StsValidation("The tag key '" + tag.key + "' is reserved: keys do not begin with 'aws:'.");
    if (FindTag(request.tags, tag.key) != nullptr)
      return StsValidation("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    request.tags.push_back(tag);
  }
  for (const std::string& key : transitive) {
    if (FindTag(request.tags, key) == nullptr)
      return StsValidation("The specified transitive tag key must be included in the requested tags.");
    request.transitive.push_back(key);
  }
  return CheckPacked(request);
}

Task<Status> CheckPolicyArns(Sts& sts, std::string account, std::vector<std::string> arns) {
  if (arns.empty()) co_return Status();
  auto look = [account = std::move(account), arns = std::move(arns)](store::Transaction& t) -> Status {
    for (const std::string& arn : arns) {
      const auto found = FindManaged(t, account, arn);
      if (found.ok()) continue;
      const Errc code = found.error().code();
      if (code != Errc::kNotFound && code != Errc::kInvalidArn) return found.error();
      return StsValidation("The managed session policy " + arn.substr(0, 256) + " does not exist.");
    }
    return {};
  };
  co_return co_await sts.database().RunRead(std::move(look));
}

void NoteCondition(aws::Call& call, std::string_view key, const std::optional<std::string>& value) {
  if (value) call.conditions[std::string(key)] = {*value};
}

void NoteConditions(aws::Call& call, const SessionRequest& request) {
  if (request.tags.empty()) return;
  std::vector<std::string>& keys = call.conditions["aws:TagKeys"];
  for (const ports::Tag& tag : request.tags) {
    keys.push_back(tag.key);
    call.conditions["aws:RequestTag/" + tag.key] = {tag.value};
  }
  if (!request.transitive.empty()) call.conditions["sts:TransitiveTagKeys"] = request.transitive;
}

Result<std::chrono::seconds> DurationOf(const aws::Call& call, std::chrono::seconds usual, std::chrono::seconds most,
                                        std::string_view too_long) {
  SR_TRY(const auto asked, call.body.OptionalInt("DurationSeconds"));
  if (!asked) return std::min(usual, most);
  if (*asked > most.count()) return StsValidation(std::string(too_long));
  return std::chrono::seconds(*asked);
}

Result<std::chrono::seconds> UserDurationOf(const aws::Call& call) {
  SR_TRY(const std::chrono::seconds duration,
         DurationOf(call, kUsualUserSession, kMostUserSession, "The requested DurationSeconds exceeds 36 hours."));
  return call.caller.is_root() ? std::min(duration, kMostRootSession) : duration;
}

Task<Result<std::optional<ports::WallTime>>> MfaOfRequest(Sts& sts, aws::Call& call) {
  std::optional<ports::WallTime> none;
  SR_CO_TRY(auto serial, call.body.OptionalString("SerialNumber"));
  SR_CO_TRY(auto code, call.body.OptionalString("TokenCode"));
  if (!serial && !code) co_return none;
  if (!serial || !code)
    co_return StsValidation("Both SerialNumber and TokenCode must be given to show a second factor.");
  if (call.caller.kind != ports::PrincipalKind::kUser) {
    co_return Error(Errc::kAccessDenied,
                    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.");
  }
  std::string account = call.caller.account, user = call.caller.principal_id;
  SR_CO_CHECK(co_await UseMfaCode(sts.database(), sts.sealer(), std::move(account), std::move(user), *std::move(serial),
                                  *std::move(code), call.time));
  co_return std::optional<ports::WallTime>(call.time);
}

void ShowCredentials(SessionTokens::Minted minted, aws::Reply& reply) {
  aws::Reply shown;
  shown.Text("AccessKeyId", std::move(minted.access_key_id))
      .SecretText("SecretAccessKey", std::move(minted.secret))
      .Text("SessionToken", std::move(minted.token))
      .Timestamp("Expiration", minted.expires_at);
  reply.Object("Credentials", std::move(shown));
}

}  // namespace strongroom::iam
