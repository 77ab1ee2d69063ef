// The rows of proxies, on both engines.
#include "xks_proxy/rows.h"

#include <gtest/gtest.h>

#include "store/testing/engines.h"

namespace strongroom::xks_proxy {
namespace {

ProxyRow Row(const std::string& id, const std::string& path) {
  ProxyRow row;
  row.account = "111122223333";
  row.region = "eu-central-1";
  row.proxy_id = id;
  row.cluster_id = "cluster-abcdefghijk";
  row.path_prefix = path;
  row.signing_region = "us-west-2";
  row.user_name = "xks";
  row.sealed_password = {1, 2, 3};
  row.access_key_id = "AAAA" + id;
  row.sealed_secret = {4, 5};
  return row;
}

class ProxyRows : public store::testing::EngineTest {
 protected:
  Status Insert(const ProxyRow& row) {
    return database_->Transact([&](store::Transaction& t) { return InsertProxy(t, row); });
  }
  Result<ProxyRow> Load(const ProxyRow& row) {
    return database_->Read([&](store::Transaction& t) { return LoadProxy(t, row.account, row.region, row.proxy_id); });
  }
  std::size_t Count(const std::string& account) {
    const auto rows = database_->Read([&](store::Transaction& t) { return ListProxies(t, account); });
    return rows.ok() ? rows->size() : 999;
  }
};

TEST_P(ProxyRows, AreReadAsTheyWereWritten) {
  ProxyRow row = Row("xksp-1", "");
  ASSERT_TRUE(Insert(row).ok());
  const auto first = Load(row);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->sealed_password, row.sealed_password);
  EXPECT_EQ(first->UriPath(), "/kms/xks/v1");
  EXPECT_GT(first->created_millis, 0);
  EXPECT_FALSE(first->previous_access_key_id);
  row.sealed_password.clear();
  row.previous_access_key_id = "BBBB";
  row.sealed_previous_secret = Bytes{6};
  row.previous_until = 7;
  ASSERT_TRUE(database_->Transact([&](store::Transaction& t) { return UpdateProxy(t, row); }).ok());
  const auto second = Load(row);
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->enabled());
  EXPECT_EQ(second->previous_access_key_id, row.previous_access_key_id);
  EXPECT_EQ(second->sealed_previous_secret, row.sealed_previous_secret);
  EXPECT_EQ(second->previous_until, 7);
  EXPECT_EQ(second->created_millis, first->created_millis);
}

TEST_P(ProxyRows, HaveAPathOfTheirOwn) {
  ASSERT_TRUE(Insert(Row("xksp-1", "/a")).ok());
  ProxyRow other = Row("xksp-2", "/a");
  other.account = "444455556666";
  EXPECT_EQ(Insert(other).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(Count(""), 1u);
}

TEST_P(ProxyRows, AreAHundredOfAnAccountAtMost) {
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_TRUE(Insert(Row("xksp-" + number, "/" + number)).ok());
  }
  EXPECT_EQ(Insert(Row("xksp-x", "/x")).error().code(), Errc::kLimitExceeded);
  ProxyRow other = Row("xksp-x", "/x");
  other.account = "444455556666";
  EXPECT_TRUE(Insert(other).ok());
  EXPECT_EQ(Count("111122223333"), 100u);
  EXPECT_EQ(Count(""), 101u);
}

TEST_P(ProxyRows, AreGoneWhenDeleted) {
  const ProxyRow row = Row("xksp-1", "/a");
  ASSERT_TRUE(Insert(row).ok());
  const auto remove = [&](const std::string& region) {
    return database_->Transact(
        [&](store::Transaction& t) { return DeleteProxy(t, row.account, region, row.proxy_id); });
  };
  EXPECT_EQ(remove("us-east-1").error().code(), Errc::kNotFound);
  EXPECT_TRUE(remove(row.region).ok());
  EXPECT_EQ(remove(row.region).error().code(), Errc::kNotFound);
  EXPECT_EQ(Load(row).error().code(), Errc::kNotFound);
  EXPECT_EQ(database_->Transact([&](store::Transaction& t) { return UpdateProxy(t, row); }).error().code(),
            Errc::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Store, ProxyRows, store::testing::BothEngines(), store::testing::EngineName);

}  // namespace
}  // namespace strongroom::xks_proxy
