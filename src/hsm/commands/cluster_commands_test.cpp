// What an officer says about the cluster itself: who may join it, and which side of a fork is kept.
#include "cluster.pb.h"
#include "crypto/hash.h"
#include "hsm/replica/record.h"
#include "hsm/session/testing/test_hsm.h"

namespace strongroom::hsm {
namespace {

using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

class ClusterCommands : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.Activate();
    client = hsm.Connect();
  }
  Errc Rule(bool approval) {
    proto::SetAdmissionRuleRequest request;
    request.set_approval(approval);
    return TestHsm::CodeOf(hsm.Call(*client, Command::kSetAdmissionRule, request));
  }
  Errc Approve(const std::string& fingerprint) {
    proto::ApproveAdmissionRequest request;
    request.set_fingerprint(fingerprint);
    return TestHsm::CodeOf(hsm.Call(*client, Command::kApproveAdmission, request));
  }
  Errc Choose(proto::ChooseLogRequest::Side side) {
    proto::ChooseLogRequest request;
    request.set_side(side);
    return TestHsm::CodeOf(hsm.Call(*client, Command::kChooseLog, request));
  }
  proto::ListAdmissionsReply List() {
    return TestHsm::Parsed<proto::ListAdmissionsReply>(
        hsm.Call(*client, Command::kListAdmissions, proto::ListAdmissionsRequest()));
  }
  TestHsm hsm{TestHsm::Kind::kCustomer};
  decltype(hsm.Connect()) client;
};

TEST_F(ClusterCommands, AreAnOfficersAlone) {
  EXPECT_EQ(Rule(true), Errc::kNotLoggedIn);
  EXPECT_EQ(Approve(std::string(32, 'x')), Errc::kNotLoggedIn);
  EXPECT_EQ(Choose(proto::ChooseLogRequest::STORE), Errc::kNotLoggedIn);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*client, Command::kListAdmissions, proto::ListAdmissionsRequest())),
            Errc::kNotLoggedIn);
}

TEST_F(ClusterCommands, DemandListAndApproveAdmissions) {
  ASSERT_EQ(hsm.LogIn(*client, proto::CO, "admin", "password-admin"), kOk);
  EXPECT_FALSE(List().approval());
  EXPECT_EQ(Approve(std::string(32, 'x')), Errc::kInvalidState) << "nobody has to";
  EXPECT_EQ(Rule(true), kOk);
  EXPECT_EQ(Rule(true), kOk);
  EXPECT_TRUE(List().approval());
  EXPECT_EQ(Approve(std::string(32, 'x')), Errc::kNotFound);
  EXPECT_EQ(Approve("short"), Errc::kInvalidArgument);

  const Bytes certificate{1, 2, 3};
  replica::Decide ask = [&certificate](const replica::State&) -> Result<replica::Proposal> {
    replica::Proposal proposal;
    auto* requested = proposal.changes.emplace_back().mutable_admission_requested();
    requested->mutable_member()->set_hsm_id("hsm-bbbbbbbbbbb");
    requested->mutable_member()->set_zone("us-east-1b");
    requested->set_device_certificate(std::string(AsText(certificate)));
    return proposal;
  };
  ASSERT_TRUE(hsm.Await(hsm.replica->Change(nullptr, Command::kSetAdmissionRule, ask)).ok());
  const std::string fingerprint(AsText(crypto::Sha256(certificate)));
  ASSERT_EQ(List().admissions_size(), 1);
  EXPECT_EQ(List().admissions(0).fingerprint(), fingerprint);
  EXPECT_FALSE(List().admissions(0).approved());
  EXPECT_EQ(Approve(fingerprint), kOk);
  EXPECT_EQ(Approve(fingerprint), kOk);
  EXPECT_TRUE(List().admissions(0).approved());
  EXPECT_EQ(Rule(false), kOk);
  EXPECT_EQ(List().admissions_size(), 0);
}

TEST_F(ClusterCommands, AForkIsEndedByTheOfficersWord) {
  ASSERT_EQ(hsm.LogIn(*client, proto::CO, "admin", "password-admin"), kOk);
  EXPECT_EQ(Choose(proto::ChooseLogRequest::SIDE_UNSPECIFIED), Errc::kInvalidArgument);
  EXPECT_EQ(Choose(proto::ChooseLogRequest::THIS_HSM), Errc::kInvalidState);
  // The other side of the fork: this HSM's own past, with another change at its end.
  const std::vector<Bytes> before = hsm.store.rows;
  ASSERT_EQ(Rule(true), kOk);
  const std::vector<Bytes> mine = hsm.store.rows;
  hsm.store.rows = before;
  const replica::Head head{before.size(), replica::HashOf(before.back())};
  proto::LogBatch batch;
  batch.set_written_millis(TestHsm::Now());
  batch.add_changes()->mutable_admission_rule()->set_approval(false);
  hsm.store.rows.push_back(
      *replica::SealRecord(*hsm.replica->device().SecretOf(1), "cluster-aaaaaaaaaaa", 1, head, {}, batch, {}));
  EXPECT_NE(Rule(false), kOk) << "the store sees that it does not continue its log";
  hsm.RunUntil([&] { return !hsm.replica->LogProblem().empty(); });
  EXPECT_EQ(Rule(false), Errc::kStale);
  const auto info = TestHsm::Parsed<proto::GetInfoReply>(hsm.Call(*client, Command::kGetInfo, proto::GetInfoRequest()));
  EXPECT_FALSE(info.changes_possible());
  EXPECT_NE(info.log_problem().find("forked"), std::string::npos);
  EXPECT_EQ(Choose(proto::ChooseLogRequest::STORE), kOk);
  EXPECT_FALSE(List().approval());
  EXPECT_EQ(Rule(true), kOk);
}

}  // namespace
}  // namespace strongroom::hsm
