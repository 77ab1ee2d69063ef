#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kms/testing/grant_calls.h"

namespace strongroom::kms::testing {

// What the tests of real policies have in common: texts of policies, and requests whose outcome they decide.

inline constexpr std::string_view kForeignBob = "444455556666.bob", kForeignRoot = "444455556666";
inline const std::string kForeignBobArn = "arn:aws:iam::444455556666:user/bob";
inline const std::string kDenied = "AccessDeniedException", kOk = "ok", kDryRun = "DryRunOperationException";
inline const std::string kLocksOut = "MalformedPolicyDocumentException";
inline const boost::json::object kContext{{"Dept", "IT"}};

inline std::string Statement(std::string_view effect, const std::string& actions, const std::string& more) {
  return R"({"Effect":")" + std::string(effect) + R"(","Action":)" +
         (actions.starts_with('[') ? actions : '"' + actions + '"') + "," + more + "}";
}
inline std::string Policy(const std::vector<std::string>& statements) {
  std::string all;
  for (const std::string& one : statements) all += (all.empty() ? "" : ",") + one;
  return R"({"Version":"2012-10-17","Statement":[)" + all + "]}";
}
/// A statement of a key policy: for whom, with a condition.
inline std::string KeyAllows(const std::string& principal, const std::string& actions,
                             const std::string& condition = "") {
  return Statement("Allow", actions,
                   R"("Principal":{"AWS":")" + principal + R"("},"Resource":"*")" +
                       (condition.empty() ? "" : R"(,"Condition":)" + condition));
}
inline std::string KeyDenies(const std::string& principal, const std::string& actions) {
  return Statement("Deny", actions, R"("Principal":{"AWS":")" + principal + R"("},"Resource":"*")");
}
/// An identity policy of one statement.
inline std::string MayDo(const std::string& actions, const std::string& resource = "*",
                         const std::string& condition = "") {
  return Policy(
      {Statement("Allow", actions,
                 R"("Resource":")" + resource + '"' + (condition.empty() ? "" : R"(,"Condition":)" + condition))});
}
inline std::string MayNot(const std::string& actions, const std::string& condition = "") {
  return Policy(
      {Statement("Deny", actions, R"("Resource":"*")" + (condition.empty() ? "" : R"(,"Condition":)" + condition))});
}
inline std::string Equals(const std::string& key, const std::string& value, const std::string& how = "StringEquals") {
  return R"({")" + how + R"(":{")" + key + R"(":")" + value + R"("}})";
}
inline const std::string kAccountIn = KeyAllows("111122223333", "kms:*");
inline const std::string kAdminOnly = KeyAllows("arn:aws:iam::111122223333:user/admin", "kms:*");

struct PolicyWorld {
  FakeService& service;

  /// A key with these statements and nothing else.
  std::string Key(const std::vector<std::string>& statements, boost::json::object more = {}) {
    more["Policy"] = Policy(statements);
    more["BypassPolicyLockoutSafetyCheck"] = true;
    return service.NewKey(std::move(more));
  }
  void Attach(std::string_view who, const std::string& policy) { service.credentials().Attach(who, policy); }
  std::string Try(std::string_view who, std::string_view operation, const boost::json::object& body,
                  std::string_view region = kRegion) {
    return Outcome(service.Call(operation, body, who, region));
  }
  std::string Encrypt(std::string_view who, const std::string& key, const boost::json::object& context = {}) {
    return Try(who, "Encrypt", EncryptBody(key, context));
  }
  std::string Alias(const std::string& name, const std::string& key) {
    service.Call("DeleteAlias", {{"AliasName", name}});
    return Try(kAccount, "CreateAlias", {{"AliasName", name}, {"TargetKeyId", key}});
  }
  Answer Grant(const std::string& key, const std::string& grantee, boost::json::array operations,
               boost::json::object more = {}) {
    return service.Call("CreateGrant", GrantBody(key, grantee, std::move(operations), std::move(more)));
  }
};
using Outcomes = std::vector<std::string>;

struct PolicyRow {
  std::string name;
  std::function<Outcomes(PolicyWorld&)> act;
  Outcomes want;
};

/// Each row acts on one service, by what it does to keys of its own.
class PolicyTable : public ::testing::TestWithParam<PolicyRow> {
 protected:
  static void SetUpTestSuite() { service_ = std::make_unique<FakeService>(); }
  static void TearDownTestSuite() { service_.reset(); }
  void TearDown() override { service_->credentials().DetachAll(); }
  void Check() {
    PolicyWorld world{*service_};
    EXPECT_EQ(GetParam().act(world), GetParam().want);
  }

 private:
  static inline std::unique_ptr<FakeService> service_;
};

}  // namespace strongroom::kms::testing
