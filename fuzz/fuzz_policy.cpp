#include "aws/policy/engine.h"
#include "fuzz/target.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  return {
      Seed(
          R"({"Version":"2012-10-17","Id":"p","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"AWS":["*","arn:aws:)"
          R"(iam::111122223333:root"]},"Action":["kms:*","kms:De?rypt"],"Resource":"*"}]})"),
      Seed(
          R"({"Statement":{"Effect":"Deny","NotPrincipal":"*","NotAction":"kms:Encrypt","NotResource":"x","Condition":)"
          R"({"StringEquals":{"kms:EncryptionContext:a":["b"]},"Bool":{"aws:SecureTransport":"false"}}}})"),
      Seed(
          R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:D*t","Resource":"arn:aws:kms:e?-*:*:key/)"
          R"(${aws:username, 'x'}*","Condition":{"ForAnyValue:StringNotLikeIfExists":{"kms:X":"${*}?"},"IpAddress":)"
          R"({"aws:SourceIp":"10.0.0.0/8"},"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00Z"},"Null":{"a:b":1}}}})")};
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  using ports::PolicyKind;
  static const aws::PolicyEngine engine;
  constexpr std::string_view kArn = "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012";
  const std::string_view text = AsText(ByteView(data, size));
  static const ports::ConditionContext context{{"kms:EncryptionContext:a", {"b", "*", "\xff"}}, {"kms:X", {"7"}}};
  for (const PolicyKind kind : {PolicyKind::kIdentity, PolicyKind::kBoundary, PolicyKind::kSession, PolicyKind::kKey,
                                PolicyKind::kTrust, PolicyKind::kResource}) {
    const auto policy = engine.Compile(kind, text);
    if (!policy.ok()) continue;
    ports::Caller caller;
    caller.kind = ports::PrincipalKind::kUser;
    caller.account = "111122223333";
    caller.arn = "arn:aws:iam::111122223333:user/anna";
    caller.user_name = "anna";
    ports::PrincipalPolicies own;
    own.identity.push_back({"p", *policy});
    caller.policies = std::make_shared<const ports::PrincipalPolicies>(std::move(own));
    ports::Explanation explanation;
    ports::Question question{.caller = caller,
                             .action = "kms:Decrypt",
                             .resource = kArn,
                             .resource_account = "111122223333",
                             .policy = policy->get(),
                             .context = &context,
                             .request = {.source_ip = "10.0.0.1", .user_agent = "x", .region = "eu-central-1"}};
    const bool allowed = engine.Decide(question).allowed;
    question.explain = &explanation;
    fuzz::Require(engine.Decide(question).allowed == allowed);
  }
  return 0;
}
