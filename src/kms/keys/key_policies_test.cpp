#include "kms/keys/key_policies.h"

#include <gtest/gtest.h>

#include <vector>

#include "aws/policy/engine.h"
#include "kms/keys/policy.h"
#include "ports/principal_directory.h"

namespace strongroom::kms {
namespace {

using PolicyPtr = std::shared_ptr<const ports::Policy>;

struct KeyPoliciesTest : ::testing::Test {
  PolicyPtr Compile(const std::string& policy, const std::string& principals = "") {
    auto compiled = policies_.Compile(policy, principals);
    EXPECT_TRUE(compiled.ok()) << compiled.error();
    return compiled.ok() ? *compiled : nullptr;
  }
  const aws::PolicyEngine engine_;
  KeyPolicies policies_{engine_};
  const std::string one_ = DefaultPolicy("111122223333"), other_ = DefaultPolicy("444455556666");
};

TEST_F(KeyPoliciesTest, KeysShareWhatIsTheSameAndNothingElse) {
  const std::string ids = ports::TextOf({{"arn:aws:iam::111122223333:user/anna", "AIDAEXAMPLE"}});
  const PolicyPtr first = Compile(one_);
  EXPECT_EQ(Compile(one_), first);
  EXPECT_NE(Compile(other_), first);
  EXPECT_NE(Compile(one_ + " "), first);
  const PolicyPtr named = Compile(one_, ids);
  EXPECT_NE(named, first);
  EXPECT_EQ(Compile(one_, ids), named);
}

TEST_F(KeyPoliciesTest, WhatNoKeyHasAnyMoreGoes) {
  const PolicyPtr kept = Compile(one_);
  for (std::size_t i = 0; i < 1000; ++i) Compile(other_ + std::string(i, ' '));
  EXPECT_LE(policies_.size(), 64U);
  EXPECT_EQ(Compile(one_), kept);
  std::vector<PolicyPtr> many;
  for (std::size_t i = 0; i < 1000; ++i) many.push_back(Compile(other_ + std::string(i, ' ')));
  EXPECT_GE(policies_.size(), 1001U);
  for (std::size_t i = 0; i < 1000; ++i) EXPECT_EQ(Compile(other_ + std::string(i, ' ')), many[i]);
}

TEST_F(KeyPoliciesTest, WhatDoesNotCompileIsNotKept) {
  EXPECT_EQ(policies_.Compile("{", "").error().code(), Errc::kMalformedPolicy);
  EXPECT_EQ(policies_.Compile("{", "").error().code(), Errc::kMalformedPolicy);
  EXPECT_FALSE(policies_.Compile(one_, "nonsense").ok());
  EXPECT_EQ(policies_.size(), 0U);
}

}  // namespace
}  // namespace strongroom::kms
