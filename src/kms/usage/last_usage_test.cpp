// GetKeyLastUsage: what counts as a use, and how it gets into the store.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

Task<void> FlushTo(LastUsage* usage, LastUsage::Which which, Status* status) { *status = co_await usage->Flush(which); }
Status Flush(FakeService& service, LastUsage::Which which = LastUsage::Which::kDue) {
  Status status;
  service.RunTask(FlushTo(&service.kms().last_usage(), which, &status));
  return status;
}
json::object Last(FakeService& service, const std::string& key) {
  const Answer answer = service.Call("GetKeyLastUsage", {{"KeyId", key}});
  return answer.ok() ? answer.body.at("KeyLastUsage").as_object() : json::object{{"error", answer.raw}};
}
json::object EncryptBody(const std::string& key) { return {{"KeyId", key}, {"Plaintext", B64("hi")}}; }

TEST(LastUsage, IsEmptyBeforeTheFirstUse) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer answer = service.Call("GetKeyLastUsage", {{"KeyId", key}});
  EXPECT_EQ(answer.Text("KeyId"), key);
  EXPECT_EQ(answer.Text("KeyLastUsage"), "{}");
  EXPECT_EQ(answer.Text("TrackingStartDate"), answer.Text("KeyCreationDate"));
  EXPECT_EQ(answer.Text("KeyCreationDate"),
            service.Call("DescribeKey", {{"KeyId", key}}).Text("KeyMetadata.CreationDate"));
}

TEST(LastUsage, IsTheLastCryptographicOperationThatSucceeded) {
  FakeService service;
  const std::string key = service.NewKey();
  ASSERT_TRUE(service.Call("Encrypt", EncryptBody(key)).ok());
  EXPECT_EQ(Last(service, key)["Operation"], "Encrypt");
  ASSERT_TRUE(service.Call("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}}).ok());
  const json::object last = Last(service, key);
  EXPECT_EQ(last.at("Operation"), "GenerateDataKey");
  EXPECT_EQ(last.at("KmsRequestId").as_string().size(), 36u);
  EXPECT_TRUE(last.at("Timestamp").is_number());
  // Neither what is no cryptography nor what fails nor what is tried dry.
  json::object dry = EncryptBody(key);
  dry["DryRun"] = true;
  EXPECT_FALSE(service.Call("Encrypt", dry).ok());
  EXPECT_FALSE(service.Call("Decrypt", {{"KeyId", key}, {"CiphertextBlob", B64("nonsense")}}).ok());
  EXPECT_TRUE(service.Call("DescribeKey", {{"KeyId", key}}).ok());
  EXPECT_EQ(Last(service, key), last);
}

TEST(LastUsage, IsWrittenInAGroupAndOutlivesTheProcess) {
  FakeService service;
  const std::string first = service.NewKey(), second = service.NewKey();
  for (const std::string& key : {first, second}) ASSERT_TRUE(service.Call("Encrypt", EncryptBody(key)).ok());
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_last_usage"), 0);
  ASSERT_TRUE(Flush(service).ok());
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_last_usage"), 2);
  const json::object before = Last(service, first);
  service.Restart(false);
  EXPECT_EQ(Last(service, first), before);
  // What another front end has written since is newer.
  service.Sql("UPDATE kms_last_usage SET used_at = used_at + 3600000, operation = 'Sign'");
  ASSERT_TRUE(service.Call("Encrypt", EncryptBody(first)).ok());
  ASSERT_TRUE(Flush(service).ok());
  EXPECT_EQ(Last(service, first)["Operation"], "Sign");
}

TEST(LastUsage, OfAKeyInSteadyUseIsWrittenNowAndThen) {
  FakeService service;
  const std::string key = service.NewKey();
  ASSERT_TRUE(service.Call("Encrypt", EncryptBody(key)).ok());
  ASSERT_TRUE(Flush(service).ok());
  ASSERT_TRUE(service.Call("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}}).ok());
  ASSERT_TRUE(Flush(service).ok());
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_last_usage WHERE operation = 'Encrypt'"), 1);
  EXPECT_EQ(Last(service, key)["Operation"], "GenerateDataKey");  // known all the same
  ASSERT_TRUE(Flush(service, LastUsage::Which::kAll).ok());
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_last_usage WHERE operation = 'GenerateDataKey'"), 1);
}

TEST(LastUsage, OfAKeyInSteadyUseIsWrittenAgainWhenItIsDue) {
  FakeService service;
  const std::string key = service.NewKey();
  LastUsage usage(service.database(), std::chrono::milliseconds(0));
  const ports::Caller caller;
  const json::object body;
  for (const std::string operation : {"Encrypt", "Decrypt"}) {
    aws::Call call{.caller = caller,
                   .region = kRegion,
                   .request_id = operation,
                   .operation = operation,
                   .iam_action = "kms:Any",
                   .source_ip = "",
                   .user_agent = "",
                   .time = ports::WallTime::clock::now(),
                   .body = aws::Fields(body)};
    call.AuditResource(service.Call("DescribeKey", {{"KeyId", key}}).Text("KeyMetadata.Arn"));
    usage.Record(call);
    Status written;
    service.RunTask(FlushTo(&usage, LastUsage::Which::kDue, &written));
    ASSERT_TRUE(written.ok()) << written.error();
    EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_last_usage WHERE operation = '" + operation + "'"), 1);
  }
}

TEST(LastUsage, IsWrittenByItselfAndAtTheEnd) {
  FakeService service;
  const std::string key = service.NewKey();
  service.Restart(true);
  ASSERT_TRUE(service.Call("Encrypt", EncryptBody(key)).ok());
  service.Restart(false);
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_last_usage"), 1);
}

TEST(LastUsage, OfAKeyThatIsGoneIsNotWritten) {
  FakeService service;
  const std::string key = service.NewKey();
  ASSERT_TRUE(service.Call("Encrypt", EncryptBody(key)).ok());
  service.Sql("DELETE FROM kms_keys");
  ASSERT_TRUE(Flush(service).ok());
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_last_usage"), 0);
}

}  // namespace
}  // namespace strongroom::kms::testing
