// Who may join: an officer's approval, a new epoch at the same moment, what a joining HSM has when it serves.
#include "hsm/replica/testing/three_hsms.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers

class AdmissionTest : public ThreeHsms {
 protected:
  AdmissionTest() : d(loop, store, "hsm-d") { d.now_millis = a.now_millis; }
  void SetUp() override {
    ThreeHsms::SetUp();
    ASSERT_TRUE(d.Open().ok());
    ASSERT_TRUE(Certify(loop, a, d).ok());
  }
  Status Propose(TestHsm& hsm, proto::Change change) {
    Decide decide = [change](const State& state) -> Result<Proposal> {
      SR_CHECK(RequireLevel(state, FeatureLevelOf(change)));
      Proposal proposal;
      proposal.changes.push_back(change);
      return proposal;
    };
    const auto done = Await(loop, hsm.replica->Change(nullptr, wire::Command::kSetAdmissionRule, decide));
    return done.ok() ? Status() : Status(done.error());
  }
  Status Demand(bool approval) {
    proto::Change change;
    change.mutable_admission_rule()->set_approval(approval);
    return Propose(a, change);
  }
  Status Approve(TestHsm& by, const Bytes& certificate) {
    proto::Change change;
    auto* approved = change.mutable_admission_approved();
    approved->set_hsm_id("hsm-d");
    approved->set_fingerprint(std::string(AsText(crypto::Sha256(certificate))));
    approved->set_approved_by(7);
    return Propose(by, change);
  }
  Status Admit(TestHsm& by) { return Await(loop, by.replica->AdmitMember(AdmissionOf(d))); }
  TestHsm d;
};

TEST_F(AdmissionTest, WaitsForAnOfficerWhereTheClusterDemandsOne) {
  ASSERT_TRUE(Demand(true).ok());
  const Bytes certificate = d.replica->device().certificates().manufacturer_hardware;
  for (TestHsm* by : {&a, &b}) {
    const Status waits = Admit(*by);
    ASSERT_EQ(waits.error().code(), Errc::kPermission);
    EXPECT_NE(waits.error().public_message().find(Hex(crypto::Sha256(certificate))), std::string::npos);
  }
  EXPECT_EQ(b.state().admissions().size(), 1U) << "asked twice, it waits once";
  EXPECT_EQ(Await(loop, d.replica->JoinCluster(JoiningOf(d))).error().code(), Errc::kUntrusted);
  EXPECT_TRUE(d.replica->device().secrets().empty());

  EXPECT_EQ(Approve(b, Bytes(10)).error().code(), Errc::kInternal) << "of another device";
  ASSERT_TRUE(Approve(b, certificate).ok());
  ASSERT_TRUE(Admit(a).ok());
  ASSERT_TRUE(Await(loop, d.replica->JoinCluster(JoiningOf(d))).ok());
  ExpectAllEqual({&a, &b, &c, &d});
  EXPECT_TRUE(a.state().admissions().empty());
  // An address that changes needs no officer; the device is the same.
  proto::AdmitMember moved = AdmissionOf(d);
  moved.mutable_member()->set_address("127.9.9.9");
  ASSERT_TRUE(Await(loop, a.replica->AdmitMember(moved)).ok());
  EXPECT_EQ(a.state().members().at("hsm-d").member.address(), "127.9.9.9");
}

TEST_F(AdmissionTest, AnApprovalIsOfTheDeviceThatAsked) {
  ASSERT_TRUE(Demand(true).ok());
  ASSERT_FALSE(Admit(a).ok());
  ASSERT_TRUE(Approve(a, d.replica->device().certificates().manufacturer_hardware).ok());
  // The same name with another device: it has to wait anew.
  TestHsm other(loop, store, "hsm-d");
  other.now_millis = a.now_millis;
  ASSERT_TRUE(other.Open().ok());
  ASSERT_TRUE(Certify(loop, a, other).ok());
  EXPECT_EQ(Await(loop, b.replica->AdmitMember(AdmissionOf(other))).error().code(), Errc::kPermission);
  EXPECT_EQ(Admit(a).error().code(), Errc::kPermission);
}

TEST_F(AdmissionTest, WhatWaitsSurvivesSnapshotsAndIsWithdrawnWithItsHsm) {
  for (TestHsm* hsm : All()) {
    hsm->Kill();
    hsm->extra.compact_after_records = 1;
  }
  OpenAll();
  ASSERT_TRUE(Demand(true).ok());
  ASSERT_FALSE(Admit(a).ok());
  KillAll();
  OpenAll();
  ExpectAllEqual(All());
  EXPECT_TRUE(c.state().admission_needs_approval());
  ASSERT_EQ(c.state().admissions().size(), 1U);
  ASSERT_TRUE(Await(loop, b.replica->RemoveMember("hsm-d")).ok());
  EXPECT_TRUE(b.state().admissions().empty());
  EXPECT_EQ(b.state().epoch(), 1U) << "it had nothing that a new epoch would take from it";
  ASSERT_FALSE(Admit(a).ok());
  ASSERT_TRUE(Demand(false).ok());
  EXPECT_TRUE(a.state().admissions().empty());
  ASSERT_TRUE(Admit(a).ok());
  ExpectAllEqual(All());
}

class AdmissionRace : public AdmissionTest, public ::testing::WithParamInterface<std::tuple<bool, bool>> {};
TEST_P(AdmissionRace, WithANewEpochGivesTheNewHsmItsSecret) {
  const auto [removal_first, one_writer] = GetParam();
  std::optional<Status> admitted, removed;
  TestHsm& remover = one_writer ? a : b;
  const auto remove = [&] {
    boost::asio::co_spawn(loop, Into(remover.replica->RemoveMember("hsm-c"), removed), boost::asio::detached);
  };
  if (removal_first) remove();
  boost::asio::co_spawn(loop, Into(a.replica->AdmitMember(AdmissionOf(d)), admitted), boost::asio::detached);
  if (!removal_first) remove();
  RunUntil(loop, [&] { return admitted && removed; });
  ASSERT_TRUE(admitted->ok()) << admitted->error();
  ASSERT_TRUE(removed->ok()) << removed->error();
  const Status joined = Await(loop, d.replica->JoinCluster(JoiningOf(d)));
  ASSERT_TRUE(joined.ok()) << joined.error();
  ExpectAllEqual({&a, &b, &d});
  EXPECT_EQ(d.state().epoch(), 2U);
  EXPECT_EQ(d.state().members().size(), 3U);
  ASSERT_TRUE(Add(d, "by the new one").ok());
  d.Kill();
  ASSERT_TRUE(d.Open().ok());
  ExpectAllEqual({&a, &b, &d});
}
INSTANTIATE_TEST_SUITE_P(Replica, AdmissionRace, ::testing::Combine(::testing::Bool(), ::testing::Bool()));

TEST_F(AdmissionTest, AJoiningHsmServesOnlyWithWhatWasAcknowledgedBefore) {
  ASSERT_TRUE(Admit(a).ok());
  std::optional<Status> joined;
  boost::asio::co_spawn(loop, Into(d.replica->JoinCluster(JoiningOf(d)), joined), boost::asio::detached);
  int acknowledged = 0;
  while (!joined) {
    if (Add(b, "k" + std::to_string(acknowledged)).ok()) ++acknowledged;
    if (!joined && d.replica->serving()) {
      EXPECT_GE(d.state().members().size(), 4U);
    }
    loop.poll_one();
    if (acknowledged > 200) break;
  }
  RunUntil(loop, [&] { return joined.has_value(); });
  ASSERT_TRUE(joined->ok()) << joined->error();
  // What was acknowledged when the answer came is there without another look at the store.
  d.link.away = true;
  EXPECT_GE(d.replica->head() + 1, b.replica->head());
  d.link.away = false;
  ExpectAllEqual({&a, &b, &c, &d});
}

TEST_F(AdmissionTest, ARemovedHsmThatComesBackSaysWhyAndGetsNothing) {
  ASSERT_TRUE(Await(loop, a.replica->RemoveMember("hsm-c")).ok());
  ASSERT_TRUE(Add(a, "after").ok());
  (void)CatchUp(c);
  c.Kill();
  ASSERT_TRUE(c.Open().ok());
  c.replica->Start();
  EXPECT_EQ(c.replica->HsmStatus().lifecycle(), proto::EMPTY);
  EXPECT_NE(c.replica->HsmStatus().message().find("was removed from cluster " + std::string(kClusterId)),
            std::string::npos);
  EXPECT_EQ(Await(loop, c.replica->JoinCluster(JoiningOf(c))).error().code(), Errc::kUntrusted);
  EXPECT_TRUE(c.replica->device().secrets().empty());
  EXPECT_TRUE(c.state().keys().empty());
}

}  // namespace
}  // namespace strongroom::hsm::replica
