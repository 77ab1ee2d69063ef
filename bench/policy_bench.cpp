// What deciding costs, by the policies that have a say, and how often it allocates.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "aws/policy/engine.h"

namespace {
std::atomic<std::size_t> allocations = 0;
}  // namespace

// Not inlined: GCC would take malloc and delete for a mismatch.
__attribute__((noinline)) void* operator new(std::size_t size) {
  ++allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace strongroom::aws {
namespace {

constexpr std::string_view kArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// What the console makes for a key with administrators and users.
const std::string kKeyPolicy = R"({"Version":"2012-10-17","Id":"key-consolepolicy-3","Statement":[
 {"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},
  "Action":"kms:*","Resource":"*"},
 {"Sid":"Allow access for Key Administrators","Effect":"Allow",
  "Principal":{"AWS":["arn:aws:iam::111122223333:user/admin","arn:aws:iam::111122223333:role/admins"]},
  "Action":["kms:Create*","kms:Describe*","kms:Enable*","kms:List*","kms:Put*","kms:Update*","kms:Revoke*",
            "kms:Disable*","kms:Get*","kms:Delete*","kms:TagResource","kms:UntagResource","kms:ScheduleKeyDeletion",
            "kms:CancelKeyDeletion","kms:RotateKeyOnDemand"],"Resource":"*"},
 {"Sid":"Allow use of the key","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:user/app"]},
  "Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*"},
 {"Sid":"Allow attachment of persistent resources","Effect":"Allow",
  "Principal":{"AWS":["arn:aws:iam::111122223333:user/app"]},
  "Action":["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"],"Resource":"*",
  "Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]})";

ports::Caller User(std::string_view name) {
  ports::Caller caller;
  caller.kind = ports::PrincipalKind::kUser;
  caller.account = "111122223333";
  caller.arn = "arn:aws:iam::111122223333:user/" + std::string(name);
  caller.user_name = name;
  caller.principal_id = "AIDAEXAMPLE";
  caller.tags = std::make_shared<const std::vector<ports::Tag>>(std::vector<ports::Tag>{{"Dept", "IT"}});
  return caller;
}

std::shared_ptr<const ports::Policy> Compile(ports::PolicyKind kind, std::string_view text) {
  auto compiled = PolicyEngine().Compile(kind, text);
  if (!compiled.ok()) std::abort();
  return *std::move(compiled);
}

void Ask(benchmark::State& state, const ports::Question& question) {
  const PolicyEngine engine;
  if (!engine.Decide(question).allowed) state.SkipWithError("refused");
  const std::size_t before = allocations;
  for (auto _ : state) benchmark::DoNotOptimize(engine.Decide(question).allowed);
  state.counters["allocations"] = static_cast<double>(allocations - before) / static_cast<double>(state.iterations());
}

ports::Question About(const ports::Caller& caller, const ports::Policy* policy,
                      const ports::ConditionContext* context) {
  return {.caller = caller,
          .action = "kms:Decrypt",
          .resource = kArn,
          .resource_account = "111122223333",
          .policy = policy,
          .context = context,
          .request = {.source_ip = "10.1.2.3",
                      .user_agent = "aws-cli/2.9.19",
                      .region = "eu-central-1",
                      .now = std::chrono::system_clock::now()}};
}

void KeyPolicyOfTheConsole(benchmark::State& state) {
  const auto policy = Compile(ports::PolicyKind::kKey, kKeyPolicy);
  const ports::Caller caller = User("app");
  Ask(state, About(caller, policy.get(), nullptr));
}
BENCHMARK(KeyPolicyOfTheConsole);

void KeyPolicyAndIdentityPolicy(benchmark::State& state) {
  const auto policy = Compile(ports::PolicyKind::kKey, kKeyPolicy);
  ports::Caller caller = User("other");
  ports::PrincipalPolicies own;
  own.identity.push_back(
      {"p", Compile(ports::PolicyKind::kIdentity,
                    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],)"
                    R"("Resource":"arn:aws:kms:*:111122223333:key/*"}})")});
  caller.policies = std::make_shared<const ports::PrincipalPolicies>(std::move(own));
  Ask(state, About(caller, policy.get(), nullptr));
}
BENCHMARK(KeyPolicyAndIdentityPolicy);

/// Twenty statements that all match action and resource, each with two conditions, of which the last one holds.
void TwentyStatementsWithConditions(benchmark::State& state) {
  static constexpr const char* kConditions[] = {
      R"({"StringEquals":{"kms:EncryptionContext:Dept":"HR"},"Bool":{"aws:SecureTransport":"true"}})",
      R"({"IpAddress":{"aws:SourceIp":["192.168.0.0/16","172.16.0.0/12"]},"StringLike":{"aws:UserAgent":"aws-cli/*"}})",
      R"({"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"},"StringEquals":{"aws:username":"app"}})",
      R"({"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"},"StringEquals":{"aws:PrincipalTag/Dept":"IT"}})",
      R"({"StringEquals":{"kms:EncryptionContext:Owner":"${aws:username}"},"Null":{"kms:ViaService":"true"}})"};
  std::string text = R"({"Version":"2012-10-17","Statement":[)";
  for (int i = 0; i < 20; ++i) {
    text += R"({"Effect":")" + std::string(i % 2 == 0 ? "Deny" : "Allow") +
            R"(","Principal":{"AWS":"*"},"Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*","Condition":)" +
            kConditions[i % 5] + "},";
  }
  text += R"({"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*","Condition":)"
          R"({"StringEquals":{"kms:EncryptionContext:Dept":"${aws:PrincipalTag/Dept}"}}}]})";
  const auto policy = Compile(ports::PolicyKind::kKey, text);
  const ports::Caller caller = User("app");
  const ports::ConditionContext context{{"kms:EncryptionContext:Dept", {"IT"}},
                                        {"kms:EncryptionContextKeys", {"Dept"}},
                                        {"kms:KeySpec", {"SYMMETRIC_DEFAULT"}},
                                        {"kms:CallerAccount", {"111122223333"}}};
  Ask(state, About(caller, policy.get(), &context));
}
BENCHMARK(TwentyStatementsWithConditions);

void Compiling(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Compile(ports::PolicyKind::kKey, kKeyPolicy));
}
BENCHMARK(Compiling);

}  // namespace
}  // namespace strongroom::aws

BENCHMARK_MAIN();
