#include "trail/record/shown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "trail/record/services_for_tests.h"

namespace strongroom::trail {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

void Check(const json::object& shapes, const json::object& shape, const std::vector<Shown::Node>& nodes,
           const std::string& path, std::size_t& seen) {
  const auto is_secret = [&](const json::object& one, const auto& self, int depth) -> bool {
    if (one.contains("sensitive") || one.at("type").as_string() == "blob") return true;
    for (const std::string_view inner : {"member", "key", "value"})
      if (const auto* name = one.if_contains(inner);
          name != nullptr && depth < 4 &&
          shapes.at(name->as_string()).as_object().at("type").as_string() != "structure" &&
          self(shapes.at(name->as_string()).as_object(), self, depth + 1))
        return true;
    return false;
  };
  for (const Shown::Node& node : nodes) {
    const json::object* member = nullptr;
    for (const auto& pair : shape.at("members").as_array())
      if (pair.as_array()[0].as_string() == node.name) member = &shapes.at(pair.as_array()[1].as_string()).as_object();
    ASSERT_NE(member, nullptr) << path << node.name;
    EXPECT_FALSE(is_secret(*member, is_secret, 0)) << path << node.name;
    ++seen;
    if (!node.members.empty()) Check(shapes, *member, node.members, path + node.name + ".", seen);
    if (node.element)
      Check(shapes, shapes.at(member->at("member").as_string()).as_object(), node.element->members,
            path + node.name + "[].", seen);
  }
}

TEST(Shown, NoBlobAndNoSensitiveMemberOfAnyRequestIsShown) {
  std::size_t seen = 0;
  for (const auto& [service, model] : All().models) {
    const json::object& shapes = model.at("shapes").as_object();
    for (const auto& [operation, row] : model.at("operations").as_object()) {
      const Shown::Plan* plan = Tables().Find(All().Operation(service, operation));
      ASSERT_NE(plan, nullptr);
      const auto& input = row.as_object().at("input").as_string();
      if (input.empty()) continue;
      Check(shapes, shapes.at(input).as_object(), plan->parameters, service + ":" + std::string(operation) + " ", seen);
    }
  }
  EXPECT_GT(seen, 500U);
}

TEST(Shown, NoBlobAndNoSensitiveMemberOfAnyAnswerIsListed) {
  std::ifstream file(std::string(STRONGROOM_SOURCE_DIR) + "/src/trail/record/secret_outputs.txt");
  std::string service, member;
  int rows = 0;
  while (file >> service >> member) {
    for (const ShownNames& names : AllShownNames()) {
      if (names.service != service) continue;
      EXPECT_EQ(std::ranges::count(names.replies, member), 0) << service << member;
      EXPECT_EQ(std::ranges::count(names.additional, member), 0) << service << member;
      ++rows;
    }
  }
  EXPECT_GE(rows, 15);
}

TEST(Shown, NamesThatNoModelCallsSecretButAreAreNotListed) {
  for (const std::string_view name : {"GrantTokens",
                                      "GrantToken",
                                      "ImportToken",
                                      "Marker",
                                      "NextToken",
                                      "Password",
                                      "NewPassword",
                                      "OldPassword",
                                      "KeyStorePassword",
                                      "RawSecretAccessKey",
                                      "XksProxyAuthenticationCredential",
                                      "SessionToken",
                                      "SecretAccessKey",
                                      "TokenCode",
                                      "AuthenticationCode1",
                                      "AuthenticationCode2",
                                      "WebIdentityToken",
                                      "EncodedMessage",
                                      "DecodedMessage",
                                      "PreCoPassword",
                                      "Message",
                                      "Mac",
                                      "Signature",
                                      "Plaintext",
                                      "CiphertextBlob",
                                      "Recipient",
                                      "PublicKey",
                                      "EncryptedKeyMaterial"}) {
    for (const ShownNames& names : AllShownNames()) {
      EXPECT_EQ(std::ranges::count(names.requests, name), 0) << names.service << name;
      EXPECT_EQ(std::ranges::count(names.replies, name), 0) << names.service << name;
      EXPECT_EQ(std::ranges::count(names.additional, name), 0) << names.service << name;
    }
  }
}

TEST(Shown, EveryListedNameOfARequestIsInItsModel) {
  for (const ShownNames& names : AllShownNames()) {
    const std::string model = json::serialize(All().models.at(std::string(names.service)).at("shapes"));
    for (const std::string_view name : names.requests)
      EXPECT_THAT(model, HasSubstr("[\"" + std::string(name) + "\",")) << names.service;
  }
}

}  // namespace
}  // namespace strongroom::trail
