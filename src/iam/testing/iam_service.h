#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "aws/dispatch/reply_writer.h"
#include "aws/model/validate.h"
#include "aws/policy/engine.h"
#include "iam/access_keys.h"
#include "iam/rows.h"
#include "iam/service.h"
#include "iam/testing/fake_sealer.h"
#include "iam/testing/fake_signing_secrets.h"
#include "store/testing/engines.h"

namespace strongroom::iam::testing {

inline constexpr std::string_view kAccount = "111122223333";

inline const std::string kPolicy =
    R"("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\"}]}")";
inline const std::string kTrust =
    R"("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",)"
    R"(\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"}}]}")";

/// The text or the JSON at a JSON pointer.
inline std::string At(const boost::json::value& value, const char* pointer) {
  const boost::json::value& found = value.at_pointer(pointer);
  return found.is_string() ? std::string(found.get_string()) : boost::json::serialize(found);
}

/// An IAM service on a real store, called as the dispatcher calls it: model first, then the handler.
class IamTest : public store::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_TRUE(database_);
    keys_ = std::make_unique<AccessKeys>(*database_, secrets_);
    iam_ = std::make_unique<Iam>(
        Iam::Parts{.database = *database_, .authorizer = engine_, .sealer = sealer_, .access_keys = *keys_});
    auto account = store::testing::RunToEnd(keys_->CreateAccount("test", std::string(kAccount)));
    ASSERT_TRUE(account.ok()) << account.error();
    root_.account = kAccount;
    root_.arn = RootArn(kAccount);
    root_.principal_id = kAccount;
  }

  ports::Caller User(const std::string& name) const {
    ports::Caller caller;
    caller.kind = ports::PrincipalKind::kUser;
    caller.account = kAccount;
    caller.arn = "arn:aws:iam::" + std::string(kAccount) + ":user/" + name;
    caller.principal_id = "AIDATEST";
    caller.user_name = name;
    return caller;
  }

  /// The answer as JSON.
  Result<boost::json::value> CallAs(const ports::Caller& caller, std::string_view operation, const std::string& body) {
    const auto rows = RowsOf("iam.");
    const auto row = std::ranges::find_if(rows, [&](const auto* one) { return one->name() == operation; });
    if (row == rows.end()) return Error(Errc::kUnknownOperation, std::string(operation));
    const boost::json::object object = boost::json::parse(body).as_object();
    const auto* shape = aws::model::BuiltIn("iam")->Find(operation);
    SR_CHECK(aws::model::CheckTypes(object, *shape->input));
    SR_CHECK(aws::model::CheckConstraints(object, *shape->input, {}));
    aws::Call call{.caller = caller,
                   .region = "us-east-1",
                   .request_id = "test",
                   .operation = (*row)->name(),
                   .iam_action = (*row)->iam_action,
                   .source_ip = "127.0.0.1",
                   .user_agent = "test",
                   .time = now_,
                   .body = aws::Fields(object)};
    auto answer = store::testing::RunToEnd((*row)->handler(iam_.get(), call));
    resources_ = call.audit_resources;
    SR_TRY(const aws::Reply reply, std::move(answer));
    aws::WipedBuffer out;
    aws::ReplyWriter::Json(reply, out);
    return boost::json::parse(std::string(out.view()));
  }
  /// As root; a failure is a failure of the test.
  boost::json::value Do(std::string_view operation, const std::string& body) {
    auto done = CallAs(root_, operation, body);
    EXPECT_TRUE(done.ok()) << operation << " " << body << ": " << done.error();
    return done.ok() ? *std::move(done) : boost::json::value();
  }
  /// What IAM's callers see of a failure: "NoSuchEntity: The user …"; empty for success.
  std::string Refusal(const ports::Caller& caller, std::string_view operation, const std::string& body) {
    const auto done = CallAs(caller, operation, body);
    if (done.ok()) return "";
    const aws::Service service = Describe(*iam_);
    return std::string((*service.errors)[static_cast<std::size_t>(done.error().code())].type) + ": " +
           done.error().public_message();
  }

  aws::PolicyEngine engine_;
  FakeSigningSecrets secrets_;
  FakeSealer sealer_;
  std::unique_ptr<AccessKeys> keys_;
  std::unique_ptr<Iam> iam_;
  ports::Caller root_;
  std::vector<std::string> resources_;  // of the last call, as the audit trail has them
  ports::WallTime now_ = std::chrono::system_clock::now();
};

}  // namespace strongroom::iam::testing
