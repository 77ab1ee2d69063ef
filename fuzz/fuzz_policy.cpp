#include "aws/policy/basic_authorizer.h"
#include "fuzz/target.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  return {
      Seed(
          R"({"Version":"2012-10-17","Id":"p","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"AWS":["*","arn:aws:)"
          R"(iam::111122223333:root"]},"Action":["kms:*","kms:De?rypt"],"Resource":"*"}]})"),
      Seed(
          R"({"Statement":{"Effect":"Deny","NotPrincipal":"*","NotAction":"kms:Encrypt","NotResource":"x","Condition":)"
          R"({"StringEquals":{"kms:EncryptionContext:a":["b"]},"Bool":{"aws:SecureTransport":"false"}}}})")};
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  static const aws::BasicAuthorizer authorizer;
  constexpr std::string_view kArn = "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012";
  const auto policy = authorizer.Compile(AsText(ByteView(data, size)), "111122223333", kArn);
  if (!policy.ok()) return 0;
  ports::Caller caller;
  caller.account = "111122223333";
  caller.arn = "arn:aws:iam::111122223333:root";
  (void)authorizer.Decide({.caller = caller,
                           .action = "kms:Decrypt",
                           .resource = kArn,
                           .resource_account = "111122223333",
                           .policy = policy->get()});
  return 0;
}
