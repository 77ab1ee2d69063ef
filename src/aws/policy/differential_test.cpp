#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "aws/policy/engine.h"
#include "aws/policy/naive_for_tests.h"
#include "aws/policy/random_policies_for_tests.h"

namespace strongroom::aws {
namespace {
using ports::PolicyKind;

constexpr std::size_t kPairs = 3'000, kQuestionsForEach = 10;

std::shared_ptr<const ports::Policy> Compile(PolicyKind kind, const std::string& text) {
  auto compiled = PolicyEngine().Compile(kind, text);
  EXPECT_TRUE(compiled.ok()) << compiled.error() << "\n" << text;
  return compiled.ok() ? *compiled : nullptr;
}

/// The same policies for both: texts and compiled.
struct Drawn {
  naive::Policies texts;
  std::shared_ptr<const ports::PrincipalPolicies> own;
  std::shared_ptr<const ports::Policy> resource;
};

Drawn DrawPolicies(Generator& generator) {
  Drawn drawn;
  ports::PrincipalPolicies own;
  const auto draw = [&](PolicyKind kind, std::string& text) {
    text = generator.Policy(kind);
    return ports::NamedPolicy{"p", Compile(kind, text)};
  };
  for (std::size_t i = generator.Below(3); i > 0; --i)
    own.identity.push_back(draw(PolicyKind::kIdentity, drawn.texts.identity.emplace_back()));
  if (generator.Chance(4)) own.boundary = draw(PolicyKind::kBoundary, drawn.texts.boundary.emplace());
  if (generator.Chance(4)) {
    drawn.texts.session.emplace();
    own.session.emplace();
    for (std::size_t i = generator.Below(3); i > 0; --i)
      own.session->push_back(draw(PolicyKind::kSession, drawn.texts.session->emplace_back()));
  }
  static constexpr PolicyKind kKinds[] = {PolicyKind::kKey, PolicyKind::kKey, PolicyKind::kTrust,
                                          PolicyKind::kResource};
  if (!generator.Chance(5)) {
    drawn.texts.resource_kind = generator.Pick(kKinds);
    drawn.resource = draw(drawn.texts.resource_kind, drawn.texts.resource.emplace()).policy;
  }
  drawn.own = std::make_shared<const ports::PrincipalPolicies>(std::move(own));
  return drawn;
}

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// POLICY_PAIRS=1000000 POLICY_SEED=… strongroom_aws_test --gtest_filter='Differential.*'
TEST(Differential, TheEngineDecidesAsThePlainRulesDo) {
  const std::uint64_t seed = FromEnvironment("POLICY_SEED", std::random_device()());
  const std::uint64_t pairs = FromEnvironment("POLICY_PAIRS", kPairs);
  std::cout << "POLICY_SEED=" << seed << " POLICY_PAIRS=" << pairs << "\n";
  Generator generator(seed);
  const PolicyEngine engine;
  std::size_t allowed = 0, denied = 0;
  for (std::uint64_t done = 0; done < pairs; done += kQuestionsForEach) {
    const Drawn drawn = DrawPolicies(generator);
    for (std::size_t i = 0; i < kQuestionsForEach; ++i) {
      ports::Caller caller = generator.Caller();
      if (caller.kind != ports::PrincipalKind::kRoot) caller.policies = drawn.own;
      const ports::ConditionContext context = generator.Context();
      const ports::Question question{
          .caller = caller,
          .action = drawn.texts.resource_kind == PolicyKind::kTrust ? "sts:AssumeRole" : generator.Action(),
          .resource = generator.Resource(),
          .resource_account = generator.Chance(5) ? "" : "111122223333",
          .policy = drawn.resource.get(),
          .context = &context,
          .request = {.source_ip = generator.Address(),
                      .user_agent = generator.Chance(2) ? "RSA" : "",
                      .region = "eu",
                      .now = generator.Now(),
                      .secure_transport = !generator.Chance(3)}};
      const naive::Answer want = naive::Decide(question, drawn.texts);
      const ports::Decision decision = engine.Decide(question);
      const naive::Answer got{decision.allowed, decision.explicit_deny};
      ports::Explanation explanation;
      ports::Question again = question;
      again.explain = &explanation;
      const ports::Decision explained = engine.Decide(again);
      allowed += got.allowed ? 1 : 0;
      denied += got.explicit_deny ? 1 : 0;
      if (got == want && explained.allowed == got.allowed && explained.message == decision.message) continue;
      std::string texts;
      for (const std::string& one : drawn.texts.identity) texts += "\nidentity " + one;
      if (drawn.texts.boundary) texts += "\nboundary " + *drawn.texts.boundary;
      if (drawn.texts.session) {
        for (const std::string& one : *drawn.texts.session) texts += "\nsession " + one;
      }
      if (drawn.texts.resource) texts += "\nresource " + *drawn.texts.resource;
      std::string keys;
      for (const auto& [key, values] : context) {
        keys += "\n" + key + "=";
        for (const std::string& value : values) keys += "'" + value + "' ";
      }
      FAIL() << "seed " << seed << ", pair " << done + i << ": " << caller.arn << " " << question.action << " "
             << question.resource << " of " << question.resource_account << " from " << question.request.source_ip
             << "\nengine: " << got.allowed << got.explicit_deny << " " << decision.message
             << "\nrules: " << want.allowed << want.explicit_deny << texts << keys;
    }
  }
  // The words meet often enough for the comparison to mean something.
  EXPECT_GT(allowed, pairs / 50);
  EXPECT_GT(denied, pairs / 50);
}

}  // namespace
}  // namespace strongroom::aws
