// Every list of the API in pages: section 9 of spec/kms.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "aws/model/service_model.h"
#include "kms/ops/all.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

const std::string kRoot = "arn:aws:iam::111122223333:root";

/// One list, of which World makes `entries`.
struct Row {
  std::string operation, list, id;  // the member that tells entries apart; empty: the entries are texts
  json::object body;                // "KEY" stands for the key's id
  std::size_t entries;
};
const Row kRows[] = {
    {"ListKeys", "Keys", "KeyId", {}, 3},
    {"ListAliases", "Aliases", "AliasName", {{"KeyId", "KEY"}}, 3},
    {"ListGrants", "Grants", "GrantId", {{"KeyId", "KEY"}}, 3},
    {"ListRetirableGrants", "Grants", "GrantId", {{"RetiringPrincipal", kRoot}}, 3},
    {"ListResourceTags", "Tags", "TagKey", {{"KeyId", "KEY"}}, 3},
    {"ListKeyPolicies", "PolicyNames", "", {{"KeyId", "KEY"}}, 1},
    {"ListKeyRotations", "Rotations", "KeyMaterialId", {{"KeyId", "KEY"}}, 3},
    {"DescribeCustomKeyStores", "CustomKeyStores", "CustomKeyStoreId", {}, 3},
};

class World {
 public:
  World() {
    service_.MakeCluster();
    service_.NewStore();
    // Longest names, as another two CloudHSM clusters would have them.
    for (const std::string number : {"1", "2"}) {
      std::string name;
      for (int i = 0; i < 255; ++i) name += "\U0001f511";
      service_.Sql(
          "INSERT INTO custom_key_stores (account_id, region, store_id, name, type, cluster_id, trust_anchor, "
          "sealed_password, state, lease_until, created_at) SELECT account_id, region, $1, $2, type, cluster_id, "
          "trust_anchor, sealed_password, state, lease_until, created_at FROM custom_key_stores WHERE name = 'store'",
          {"cks-" + number, name + number});
    }
    key_ = service_.NewKey();
    service_.NewKey();
    service_.NewKey();
    for (const std::string number : {"1", "2", "3"}) {
      service_.Call("CreateAlias", {{"AliasName", "alias/" + number}, {"TargetKeyId", key_}});
      const json::object tag{{"TagKey", number}, {"TagValue", "v"}};
      service_.Call("TagResource", {{"KeyId", key_}, {"Tags", json::array{tag}}});
      service_.Call("RotateKeyOnDemand", {{"KeyId", key_}});
      service_.Call(
          "CreateGrant",
          {{"KeyId", key_}, {"GranteePrincipal", kRoot}, {"RetiringPrincipal", kRoot}, {"Operations", {"Encrypt"}}});
    }
  }
  Answer Call(const Row& row, json::object more = {}) {
    json::object body = row.body;
    for (auto& [name, value] : more) body[name] = std::move(value);
    if (body.contains("KeyId")) body["KeyId"] = key_;
    return service_.Call(row.operation, body);
  }

 private:
  FakeService service_;
  std::string key_;
};

class PagingTable : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }
  /// What an answer lists.
  static std::vector<std::string> Ids(const Answer& answer) {
    std::vector<std::string> ids;
    if (!answer.ok()) return {answer.raw};
    for (const json::value& entry : answer.body.at(GetParam().list).as_array())
      ids.emplace_back(GetParam().id.empty() ? json::value_to<std::string>(entry)
                                             : json::value_to<std::string>(entry.at(GetParam().id)));
    return ids;
  }
  static std::unique_ptr<World> world_;
};
std::unique_ptr<World> PagingTable::world_;

TEST_P(PagingTable, PagesShowEveryEntryOnceAndInOrder) {
  const std::vector<std::string> all = Ids(world_->Call(GetParam()));
  EXPECT_EQ(all.size(), GetParam().entries);
  for (const int limit : {1, 2, 3, 1000}) {
    std::vector<std::string> paged;
    json::object more{{"Limit", limit}};
    for (std::size_t pages = 1; pages <= GetParam().entries; ++pages) {
      const Answer page = world_->Call(GetParam(), more);
      const std::vector<std::string> ids = Ids(page);
      EXPECT_LE(ids.size(), static_cast<std::size_t>(limit));
      paged.insert(paged.end(), ids.begin(), ids.end());
      EXPECT_EQ(page.Text("Truncated") == "true", !page.Text("NextMarker").empty());
      if (page.Text("Truncated") != "true") break;
      more["Marker"] = page.Text("NextMarker");
    }
    EXPECT_EQ(paged, all) << "Limit " << limit;
  }
}

TEST_P(PagingTable, LimitsAndMarkersThatCannotBeAreRefused) {
  EXPECT_EQ(world_->Call(GetParam(), {{"Limit", 0}}).message,
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value "
            "greater than or equal to 1");
  EXPECT_EQ(world_->Call(GetParam(), {{"Limit", 1001}}).message,
            "1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value "
            "less than or equal to 1000");
  const Answer answer = world_->Call(GetParam(), {{"Marker", "nonsense"}});
  EXPECT_EQ(answer.type + " " + answer.message, "InvalidMarkerException Invalid marker nonsense");
}
INSTANTIATE_TEST_SUITE_P(Lists, PagingTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.operation; });

TEST(Paging, CoversEveryOperationThatTakesAMarker) {
  const aws::model::ServiceModel* model = aws::model::BuiltIn("kms");
  for (const aws::Operation* operation : kAllRows) {
    if (model->Find(operation->name())->input->Find("Marker") == nullptr) continue;
    EXPECT_TRUE(std::ranges::any_of(kRows, [&](const Row& row) { return row.operation == operation->name(); }))
        << operation->name() << " needs a row in this table";
  }
}

}  // namespace
}  // namespace strongroom::kms::testing
