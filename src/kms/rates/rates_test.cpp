// Request rates: buckets of one second, counted as AWS counts.
#include "kms/rates/rates.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace strongroom::kms {
namespace {
namespace json = boost::json;
using std::chrono::milliseconds;

class Caller {
 public:
  explicit Caller(Throttling throttling) : rates_(throttling, [this] { return now_; }) {}

  void Pass(milliseconds time) { now_ += time; }
  /// How many of `count` calls are let through, on a key of this spec where that matters.
  int Try(int count, std::string_view operation, std::string_view spec = "SYMMETRIC_DEFAULT",
          std::string_view store = "", json::object body = {}, std::string_view account = "111122223333",
          std::string_view region = "eu-central-1") {
    ports::Caller caller;
    caller.account = account;
    const std::string action = "kms:" + std::string(operation);
    const aws::Call call{.caller = caller,
                         .region = region,
                         .request_id = "",
                         .operation = operation,
                         .iam_action = action,
                         .source_ip = "",
                         .user_agent = "",
                         .time = {},
                         .body = aws::Fields(body)};
    KeyRow key;
    key.spec = spec;
    if (!store.empty()) key.custom_key_store_id = store;
    int passed = 0;
    for (int i = 0; i < count; ++i) {
      const Status status = rates_.Admit(call);
      const Status on_key = status.ok() ? rates_.AdmitOnKey(call, action, key) : Status();
      passed += status.ok() && on_key.ok() ? 1 : 0;
      const Status& refused = status.ok() ? on_key : status;
      if (!refused.ok()) {
        EXPECT_EQ(refused.error().code(), Errc::kThrottled);
        EXPECT_EQ(refused.error().public_message(),
                  "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.");
      }
    }
    return passed;
  }

 private:
  RequestRates::Clock::time_point now_{std::chrono::hours(1)};
  RequestRates rates_;
};

TEST(RequestRates, AreOffUnlessAskedFor) {
  Caller caller(Throttling::kOff);
  EXPECT_EQ(caller.Try(100, "CreateKey"), 100);
  EXPECT_EQ(caller.Try(20'000, "Encrypt"), 20'000);
}

struct Row {
  std::string name, operation, spec, store;
  json::object body;
  int per_second;
};
const Row kRows[] = {
    {"Symmetric", "Encrypt", "SYMMETRIC_DEFAULT", "", {}, 10'000},
    {"Mac", "GenerateMac", "HMAC_256", "", {}, 10'000},
    {"Random", "GenerateRandom", "", "", {}, 10'000},
    {"RandomOfAStore", "GenerateRandom", "", "", {{"CustomKeyStoreId", "cks-1"}}, 1'800},
    {"Rsa", "Sign", "RSA_2048", "", {}, 1'000},
    {"Ecc", "Sign", "ECC_NIST_P256", "", {}, 1'000},
    {"MlDsa", "Sign", "ML_DSA_44", "", {}, 1'000},
    {"CustomKeyStore", "Decrypt", "SYMMETRIC_DEFAULT", "cks-1", {}, 1'800},
    {"PairRsa4096", "GenerateDataKeyPair", "SYMMETRIC_DEFAULT", "", {{"KeyPairSpec", "RSA_4096"}}, 1},
    {"PairEcc",
     "GenerateDataKeyPairWithoutPlaintext",
     "SYMMETRIC_DEFAULT",
     "",
     {{"KeyPairSpec", "ECC_NIST_P521"}},
     100},
    {"DescribeKey", "DescribeKey", "SYMMETRIC_DEFAULT", "", {}, 2'000},
    {"CreateGrant", "CreateGrant", "SYMMETRIC_DEFAULT", "", {}, 50},
    {"CreateKey", "CreateKey", "SYMMETRIC_DEFAULT", "", {}, 5},
};
class RateTable : public ::testing::TestWithParam<Row> {};
TEST_P(RateTable, LetsThroughOneSecondsWorthAndThenTheRate) {
  Caller caller(Throttling::kAws);
  const Row& row = GetParam();
  const auto attempt = [&](int count) { return caller.Try(count, row.operation, row.spec, row.store, row.body); };
  EXPECT_EQ(attempt(row.per_second + 10), row.per_second);
  caller.Pass(milliseconds(2000));
  EXPECT_EQ(attempt(row.per_second + 10), row.per_second);  // a bucket holds a second's
  if (row.per_second >= 10) {
    caller.Pass(milliseconds(500));
    EXPECT_NEAR(attempt(row.per_second), row.per_second / 2, 1);
  }
}
INSTANTIATE_TEST_SUITE_P(RequestRates, RateTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(RequestRates, OfMultiRegionKeysCountInBothRegions) {
  Caller caller(Throttling::kAws);
  const auto make = [&](std::string_view region) {
    return caller.Try(10, "CreateKey", "", "", {}, "111122223333", region);
  };
  EXPECT_EQ(caller.Try(10, "ReplicateKey", "", "", {{"ReplicaRegion", "us-east-1"}}), 2);
  EXPECT_EQ(make("us-east-1"), 1) << "each replica counts as two keys made there";
  EXPECT_EQ(make("eu-central-1"), 5);
  EXPECT_EQ(caller.Try(3, "UpdatePrimaryRegion", "", "", {{"PrimaryRegion", "us-east-1"}}), 3);
  EXPECT_EQ(caller.Try(9, "UpdatePrimaryRegion", "", "", {{"PrimaryRegion", "us-west-2"}}, "111122223333", "us-east-1"),
            2);
}

TEST(RequestRates, AreSharedWithinAGroupAndNotBeyondIt) {
  Caller caller(Throttling::kAws);
  EXPECT_EQ(caller.Try(6'000, "Encrypt"), 6'000);
  EXPECT_EQ(caller.Try(6'000, "Decrypt"), 4'000);
  EXPECT_EQ(caller.Try(2'000, "Encrypt", "RSA_2048"), 1'000);
  EXPECT_EQ(caller.Try(2'000, "Decrypt", "SYMMETRIC_DEFAULT", "cks-1"), 1'800);
  EXPECT_EQ(caller.Try(2'000, "Decrypt", "SYMMETRIC_DEFAULT", "cks-2"), 1'800);
  EXPECT_EQ(caller.Try(10, "EnableKey"), 5);
  EXPECT_EQ(caller.Try(10, "DisableKey"), 5);
  EXPECT_EQ(caller.Try(10, "EnableKey", "", "", {}, "444455556666"), 5);
  EXPECT_EQ(caller.Try(10, "EnableKey", "", "", {}, "111122223333", "us-east-1"), 5);
}

}  // namespace
}  // namespace strongroom::kms
