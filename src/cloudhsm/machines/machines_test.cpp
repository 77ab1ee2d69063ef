#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloudhsm/machines/removal.h"
#include "cloudhsm/machines/rows.h"
#include "cloudhsm/machines/watch.h"
#include "cloudhsm/testing/world.h"
#include "crypto/random.h"
#include "terminal/terminal.h"

namespace strongroom::cloudhsm {
namespace {

namespace fs = std::filesystem;
using testing::Await;
using testing::World;

crypto::Certificate SelfSigned(const std::string& name, const crypto::PrivateKey& key) {
  return crypto::MakeSelfSigned({{"CN", name}}, key, {}).value();
}

MachineRow Machine(const std::string& host_id, const std::string& network) {
  static const crypto::PrivateKey key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256).value();
  MachineRow row;
  row.host_id = host_id;
  row.address = network + ".1";
  row.network = network;
  row.control_certificate = SelfSigned(host_id + " control", key).ToPem();
  row.front_end_certificate = SelfSigned(host_id + " front end", key).ToPem();
  return row;
}

/// Seals by keeping: what was sealed under a purpose and name opens for those alone.
struct Drawer final : ports::Sealer {
  struct Kept {
    std::string purpose, name;
    SecretBuffer plaintext;
  };
  std::vector<Kept> kept;
  bool away = false;

  Task<Result<bool>> Renew(std::uint32_t) override { co_return false; }
  Task<Result<Bytes>> Seal(std::string purpose, std::string name, SecretBuffer plaintext) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    kept.push_back({std::move(purpose), std::move(name), std::move(plaintext)});
    co_return Bytes{'s', static_cast<std::uint8_t>(kept.size() - 1)};
  }
  Task<Result<SecretBuffer>> Open(std::string purpose, std::string name, Bytes sealed) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    if (sealed.size() != 2 || sealed[1] >= kept.size() || kept[sealed[1]].purpose != purpose ||
        kept[sealed[1]].name != name)
      co_return Error(Errc::kBadCiphertext, "not sealed here");
    co_return kept[sealed[1]].plaintext.Clone();
  }
};

/// A host that answers everything with yes.
struct Yes final : Host {
  std::vector<std::string> enrolled, allowed;  // names
  std::vector<std::string> removed;            // whom: "host" or an HSM's id
  bool up = true;
  bool stands_still = false;           // it looks connected, and answers nothing
  std::chrono::milliseconds waited{};  // for its answers, all together
  Task<Result<proto::Control>> Ask(std::string hsm_id, proto::Control question,
                                   std::chrono::milliseconds deadline) override {
    if (!up) co_return Error(Errc::kUnavailable, "away");
    if (stands_still) {
      waited += deadline;
      co_return Error(Errc::kTimeout, "The control link did not answer in time.");
    }
    if (question.has_enroll_front_end()) enrolled.push_back(question.enroll_front_end().name());
    if (question.has_allow_front_end()) allowed.push_back(question.allow_front_end().name());
    if (question.has_remove_front_end()) removed.push_back(hsm_id.empty() ? "host" : hsm_id);
    co_return question;
  }
  void Notify(std::string, proto::Control) override {}
  bool connected() const override { return up && !silent; }
  void SetSilent(bool now) override { silent = now; }
  bool silent = false;
};

class MachinesTest : public ::testing::Test {
 protected:
  MachinesTest() {
    world_.hosts.Add("host-1", host_);
    ClusterRow domain{.account = std::string(kDomainAccount),
                      .region = std::string(kDomainRegion),
                      .cluster_id = "cluster-domain",
                      .kind = std::string(kDomainKind),
                      .state = ClusterState::kActive};
    HsmRow hsm{.account = domain.account,
               .region = domain.region,
               .hsm_id = "hsm-domain",
               .cluster_id = domain.cluster_id,
               .eni_ip = "127.9.9.10",
               .host_id = "host-1",
               .state = HsmState::kActive};
    EXPECT_TRUE(world_.database
                    ->Transact([&](store::Transaction& t) -> Status {
                      SR_CHECK(InsertCluster(t, domain));
                      return InsertHsm(t, hsm);
                    })
                    .ok());
    fs::create_directories(invitations());
  }

  fs::path invitations() const { return world_.directory.path() / "invitations"; }

  /// An invitation's secret, known to the store and lying here.
  SecretBuffer Invite(const std::string& id) {
    SecretBuffer secret = crypto::RandomSecret(32).value();
    EXPECT_TRUE(cli::Terminal::WriteKeyFile(invitations() / id, secret).ok());
    const Bytes hash = InvitationHash(secret);
    EXPECT_TRUE(world_.database->Transact([&](store::Transaction& t) { return InsertInvitation(t, id, hash); }).ok());
    return secret;
  }
  Status Join(const MachineRow& row, const SecretBuffer& secret) {
    const Bytes hash = InvitationHash(secret);
    return world_.database->Transact([&](store::Transaction& t) { return JoinMachine(t, row, hash); });
  }
  Status JoinProperly(MachineRow row, const std::string& id) {
    const SecretBuffer secret = Invite(id);
    row.invitation_id = id;
    row.proof = ProofOf(row, secret);
    return Join(row, secret);
  }
  std::optional<MachineRow> Stored(const std::string& host_id) {
    return world_.database->Read([&](store::Transaction& t) { return LoadMachine(t, host_id); }).value();
  }
  void Sql(std::string_view sql) {
    EXPECT_TRUE(world_.database->Transact([&](store::Transaction& t) { return t.Execute(sql); }).ok());
  }

  std::unique_ptr<MachineWatch> Watch() {
    return std::make_unique<MachineWatch>(MachineWatch::Parts{.loop = world_.loop,
                                                              .database = *world_.database,
                                                              .jobs = *world_.jobs,
                                                              .sealer = drawer_,
                                                              .hosts = world_.hosts,
                                                              .placement = world_.placement,
                                                              .log = world_.log,
                                                              .lifecycle = *world_.lifecycle,
                                                              .identity = identity_,
                                                              .self = Machine("host-1", "127.9.9"),
                                                              .invitations = invitations(),
                                                              .ensure_domain_hsm = [this] { return Ensure(); },
                                                              .removed = [this] { ++told_removed_; },
                                                              .account = "111122223333",
                                                              .region = "eu-central-1"});
  }
  Task<Status> Ensure() {
    ++ensured_;
    co_return Status();
  }
  Status Look() { return Await(world_.loop, watch_->Look()); }
  /// What it has to say of machines, though nobody listened then.
  std::vector<std::string> Recorded() {
    struct Sink final : ports::AuditSink {
      void Record(const ports::AuditEvent& event) override {
        EXPECT_EQ(event.account + event.region, "111122223333eu-central-1");
        all.push_back(event.event_name + " " + event.details.at(0).second);
      }
      std::vector<std::string> all;
    } sink;
    watch_->RecordTo(sink);
    world_.loop.restart();
    world_.loop.poll();
    return sink.all;
  }

  World world_;
  std::shared_ptr<Yes> host_ = std::make_shared<Yes>();
  Drawer drawer_;
  crypto::PrivateKey key_ = crypto::PrivateKey::Generate(crypto::KeySpec::kP256).value();
  channel::Identity identity_{SelfSigned("front end", key_), key_};
  int ensured_ = 0, told_removed_ = 0;
  std::unique_ptr<MachineWatch> watch_ = Watch();
};

TEST_F(MachinesTest, AFrontEndApprovesItselfOnce) {
  ASSERT_TRUE(Look().ok());
  ASSERT_TRUE(Stored("host-1"));
  EXPECT_FALSE(Stored("host-1")->approval.empty());
  ASSERT_TRUE(Look().ok());
  EXPECT_EQ(drawer_.kept.size(), 1U);
  EXPECT_EQ(ensured_, 1);
  EXPECT_THAT(host_->enrolled, ::testing::IsEmpty());
}

TEST_F(MachinesTest, AMachineLearnsWhatItIsToTheDeployment) {
  const auto standing = [this](const std::string& host_id) {
    return world_.database->Read([&](store::Transaction& t) { return StandingOf(t, host_id); }).value();
  };
  EXPECT_EQ(standing("host-2"), Standing::kFirst);
  ASSERT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
  EXPECT_EQ(standing("host-2"), Standing::kWaiting);
  EXPECT_EQ(standing("host-3"), Standing::kUnknown);
  Sql("UPDATE machines SET approval = proof");
  EXPECT_EQ(standing("host-2"), Standing::kMember);
  Sql("UPDATE machines SET removed_at = 1000");
  EXPECT_EQ(standing("host-2"), Standing::kRemoved);
}

TEST_F(MachinesTest, WhoWasInvitedHereIsEnrolledApprovedAndUsed) {
  ASSERT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
  ASSERT_TRUE(Look().ok());
  EXPECT_THAT(host_->enrolled, ::testing::ElementsAre("host-2"));
  EXPECT_THAT(host_->allowed, ::testing::ElementsAre("host-2"));
  EXPECT_FALSE(Stored("host-2")->approval.empty());
  EXPECT_NE(world_.hosts.Find("host-2"), nullptr);
  EXPECT_FALSE(fs::exists(invitations() / "one"));
  const auto place = world_.database->Read(
      [&](store::Transaction& t) { return world_.placement.ChooseOn(t, ClusterRow{}, "host-2"); });
  ASSERT_TRUE(place.ok()) << place.error();
  EXPECT_EQ(place->address, "127.9.10.10");
  ASSERT_TRUE(Look().ok());
  EXPECT_EQ(host_->enrolled.size(), 1U);
  EXPECT_EQ(host_->allowed.size(), 1U) << "a host is told once";
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("JoinMachine host-2"));
}

TEST_F(MachinesTest, WhoWasApprovedElsewhereNeedsNoInvitationHere) {
  ASSERT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
  ASSERT_TRUE(Look().ok());
  // Another front end, or this one after a restart.
  watch_ = Watch();
  fs::remove_all(invitations());
  world_.hosts.Add("host-2", nullptr);
  ASSERT_TRUE(Look().ok());
  EXPECT_NE(world_.hosts.Find("host-2"), nullptr);
  EXPECT_EQ(host_->enrolled.size(), 1U);
}

TEST_F(MachinesTest, AHostThatWasAwayIsToldLater) {
  ASSERT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
  host_->up = false;
  EXPECT_EQ(Look().error().code(), Errc::kUnavailable) << "it cannot be enrolled now";
  EXPECT_EQ(world_.hosts.Find("host-2"), nullptr);
  host_->up = true;
  EXPECT_TRUE(Look().ok());
  EXPECT_THAT(host_->allowed, ::testing::ElementsAre("host-2"));
}

TEST_F(MachinesTest, AnAbsentDomainClusterRefusesNobodyForGood) {
  ASSERT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
  drawer_.away = true;
  EXPECT_EQ(Look().error().code(), Errc::kUnavailable);
  drawer_.away = false;
  EXPECT_TRUE(Look().ok());
  EXPECT_NE(world_.hosts.Find("host-2"), nullptr);
}

/// What somebody who can write the store does to a row; nobody is let in by it.
struct Forgery {
  std::string name;
  std::string sql;      // run when host-2 has joined, before the first look
  bool after_approval;  // or after it was approved, before another front end looks
};
class Forgeries : public MachinesTest, public ::testing::WithParamInterface<Forgery> {};

TEST_P(Forgeries, LetNobodyIn) {
  ASSERT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
  if (GetParam().after_approval) {
    ASSERT_TRUE(Look().ok());
    watch_ = Watch();
    world_.hosts.Add("host-2", nullptr);
  }
  const std::size_t enrolled = host_->enrolled.size();
  Sql(GetParam().sql);
  (void)Look();
  EXPECT_TRUE(Look().ok()) << "it is said once";
  EXPECT_EQ(world_.hosts.Find("host-2"), nullptr);
  EXPECT_EQ(host_->enrolled.size(), enrolled);
}

const Forgery kForgeries[] = {
    {"ProofMissing", "UPDATE machines SET proof = NULL WHERE host_id = 'host-2'", false},
    {"AddressBeforeApproval", "UPDATE machines SET address = '127.9.11.1' WHERE host_id = 'host-2'", false},
    {"OtherInvitation", "UPDATE machines SET invitation_id = 'two' WHERE host_id = 'host-2'", false},
    {"InvitationOutsideTheDirectory", "UPDATE machines SET invitation_id = '../one' WHERE host_id = 'host-2'", false},
    {"MadeUpApproval", "UPDATE machines SET approval = x'7300' WHERE host_id = 'host-2'", false},
    {"AddressAfterApproval", "UPDATE machines SET address = '127.9.11.1' WHERE host_id = 'host-2'", true},
    {"PortAfterApproval", "UPDATE machines SET port = 2225 WHERE host_id = 'host-2'", true},
    {"NetworkAfterApproval", "UPDATE machines SET network = '127.9.11' WHERE host_id = 'host-2'", true},
    {"AnothersApproval",
     "UPDATE machines SET approval = (SELECT approval FROM machines WHERE host_id = 'host-1') WHERE host_id = 'host-2'",
     true},
    {"AnothersCertificate",
     "UPDATE machines SET control_certificate = (SELECT control_certificate FROM machines WHERE host_id = 'host-1') "
     "WHERE host_id = 'host-2'",
     true},
};
INSTANTIATE_TEST_SUITE_P(Machines, Forgeries, ::testing::ValuesIn(kForgeries),
                         [](const auto& info) { return info.param.name; });

TEST_F(MachinesTest, AnInvitationExpiresByThisMachinesClockToo) {
  ASSERT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
  fs::last_write_time(invitations() / "one", fs::file_time_type::clock::now() - std::chrono::minutes(61));
  ASSERT_TRUE(Look().ok());
  EXPECT_TRUE(Stored("host-2")->approval.empty());
  EXPECT_FALSE(fs::exists(invitations() / "one"));
}

TEST_F(MachinesTest, AnInvitationIsGoodOnce) {
  const SecretBuffer secret = Invite("one");
  MachineRow row = Machine("host-2", "127.9.10");
  row.invitation_id = "one";
  ASSERT_TRUE(Join(row, secret).ok());
  MachineRow again = Machine("host-3", "127.9.11");
  again.invitation_id = "one";
  const Status refused = Join(again, secret);
  EXPECT_EQ(refused.error().code(), Errc::kUntrusted);
  EXPECT_THAT(refused.error().public_message(), ::testing::HasSubstr("was used already"));
  EXPECT_FALSE(Stored("host-3"));
}

TEST_F(MachinesTest, AnotherSecretIsRefused) {
  (void)Invite("one");
  MachineRow row = Machine("host-2", "127.9.10");
  row.invitation_id = "one";
  EXPECT_EQ(Join(row, crypto::RandomSecret(32).value()).error().code(), Errc::kUntrusted);
  row.invitation_id = "two";
  EXPECT_EQ(Join(row, crypto::RandomSecret(32).value()).error().code(), Errc::kUntrusted);
}

TEST_F(MachinesTest, AnExpiredInvitationIsRefused) {
  const SecretBuffer secret = Invite("one");
  Sql("UPDATE invitations SET expires_at = 1");
  MachineRow row = Machine("host-2", "127.9.10");
  row.invitation_id = "one";
  const Status refused = Join(row, secret);
  EXPECT_THAT(refused.error().public_message(), ::testing::HasSubstr("has expired"));
}

struct BadRow {
  std::string name;
  void (*spoil)(MachineRow&);
  Errc want;
};
class BadRows : public MachinesTest, public ::testing::WithParamInterface<BadRow> {};
TEST_P(BadRows, AreRefusedAndUseNothingUp) {
  ASSERT_TRUE(Look().ok());
  const SecretBuffer secret = Invite("one");
  MachineRow row = Machine("host-2", "127.9.10");
  row.invitation_id = "one";
  MachineRow spoilt = row;
  GetParam().spoil(spoilt);
  EXPECT_EQ(Join(spoilt, secret).error().code(), GetParam().want);
  EXPECT_TRUE(Join(row, secret).ok());
}
const BadRow kBadRows[] = {
    {"NoId", [](MachineRow& row) { row.host_id.clear(); }, Errc::kInvalidArgument},
    {"PathAsId", [](MachineRow& row) { row.host_id = "../x"; }, Errc::kInvalidArgument},
    {"NameAsAddress", [](MachineRow& row) { row.address = "localhost"; }, Errc::kInvalidArgument},
    {"AnyAddress", [](MachineRow& row) { row.address = "0.0.0.0"; }, Errc::kInvalidArgument},
    {"PortZero", [](MachineRow& row) { row.port = 0; }, Errc::kInvalidArgument},
    {"PortTooHigh", [](MachineRow& row) { row.port = 65536; }, Errc::kInvalidArgument},
    {"WholeAddressAsNetwork", [](MachineRow& row) { row.network = "127.9.10.0"; }, Errc::kInvalidArgument},
    {"NoControlCertificate", [](MachineRow& row) { row.control_certificate = "x"; }, Errc::kInvalidArgument},
    {"NoFrontEndCertificate", [](MachineRow& row) { row.front_end_certificate.clear(); }, Errc::kInvalidArgument},
    {"AnothersId", [](MachineRow& row) { row.host_id = "host-1"; }, Errc::kAlreadyExists},
    {"AnothersNetwork", [](MachineRow& row) { row.network = "127.9.9"; }, Errc::kAlreadyExists},
    {"AnothersAddress", [](MachineRow& row) { row.address = "127.9.9.1"; }, Errc::kAlreadyExists},
};
INSTANTIATE_TEST_SUITE_P(Machines, BadRows, ::testing::ValuesIn(kBadRows),
                         [](const auto& info) { return info.param.name; });

class RemovalTest : public MachinesTest {
 protected:
  RemovalTest() {
    EXPECT_TRUE(JoinProperly(Machine("host-2", "127.9.10"), "one").ok());
    EXPECT_TRUE(Look().ok());
    // Nothing listens there; what is asked of it is seen here.
    world_.hosts.Add("host-2", other_);
    EXPECT_TRUE(Sign().ok());
  }
  Status Sign() { return Await(world_.loop, watch_->GiveSign()); }
  void Silence(const std::string& host_id) { Sql("UPDATE machines SET seen_at = 1 WHERE host_id = '" + host_id + "'"); }
  Result<MachineView> Plan(const std::string& host_id) {
    return world_.database->Read([&](store::Transaction& t) { return PlanRemoval(t, host_id); });
  }
  Status Remove(const std::string& host_id, bool delete_hsms = false) {
    return world_.database->Transact([&](store::Transaction& t) { return RemoveMachine(t, host_id, delete_hsms); });
  }
  void AddHsm(const std::string& hsm_id, const std::string& cluster_id, const std::string& host_id, HsmState state,
              ClusterRow cluster = {}) {
    cluster.cluster_id = cluster_id;
    ASSERT_TRUE(world_.database
                    ->Transact([&](store::Transaction& t) -> Status {
                      SR_TRY(const auto there, LoadClusterById(t, cluster_id));
                      if (!there) SR_CHECK(InsertCluster(t, cluster));
                      return InsertHsm(t, {.account = there ? there->account : cluster.account,
                                           .region = there ? there->region : cluster.region,
                                           .hsm_id = hsm_id,
                                           .cluster_id = cluster_id,
                                           .eni_ip = hsm_id,
                                           .host_id = host_id,
                                           .state = state});
                    })
                    .ok());
  }
  void AddCustomersHsm(const std::string& hsm_id, const std::string& host_id, HsmState state = HsmState::kActive) {
    AddHsm(hsm_id, "cluster-customer", host_id, state,
           {.account = "111122223333", .region = "us-east-1", .state = ClusterState::kActive});
  }
  std::string StateOf(const std::string& hsm_id) {
    return world_.database
        ->Read([&](store::Transaction& t) {
          return t.QueryOne("SELECT state FROM hsms WHERE hsm_id = $1", {store::Text(hsm_id)});
        })
        .value()
        ->Text(0);
  }
  std::shared_ptr<Yes> other_ = std::make_shared<Yes>();
};

TEST_F(RemovalTest, AMachineThatIsAliveStays) {
  const Status refused = Remove("host-2");
  EXPECT_EQ(refused.error().code(), Errc::kInvalidState);
  EXPECT_THAT(refused.error().public_message(), ::testing::HasSubstr("is alive"));
  // Its front end is silent, and its host still answers another's.
  Silence("host-2");
  ASSERT_TRUE(Sign().ok());
  EXPECT_EQ(Remove("host-2").error().code(), Errc::kInvalidState);
  other_->up = false;
  Silence("host-2");
  ASSERT_TRUE(Sign().ok());
  EXPECT_TRUE(Remove("host-2").ok());
  EXPECT_EQ(Remove("host-2").error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(Remove("host-3").error().code(), Errc::kNotFound);
}

TEST_F(RemovalTest, SomebodyElseMustHaveTheDomainKeys) {
  // host-1 has the only HSM of the domain cluster.
  Silence("host-1");
  EXPECT_THAT(Remove("host-1").error().public_message(), ::testing::HasSubstr("domain cluster"));
  AddHsm("hsm-domain-2", "cluster-domain", "host-2", HsmState::kCreateInProgress);
  EXPECT_FALSE(Remove("host-1").ok()) << "one that is being made has no keys yet";
  Sql("UPDATE hsms SET state = 'ACTIVE' WHERE hsm_id = 'hsm-domain-2'");
  Silence("host-2");
  EXPECT_FALSE(Remove("host-1").ok()) << "host-2 is not there either";
  Sql("UPDATE machines SET seen_at = (SELECT MAX(seen_at) FROM machines) + 1000000000000000 WHERE host_id = 'host-2'");
  EXPECT_TRUE(Remove("host-1").ok());
  EXPECT_EQ(StateOf("hsm-domain"), "DELETE_IN_PROGRESS");
  EXPECT_EQ(StateOf("hsm-domain-2"), "ACTIVE");
}

TEST_F(RemovalTest, CustomersHsmsAreDeletedWhenThatIsSaid) {
  AddCustomersHsm("hsm-there", "host-2");
  AddCustomersHsm("hsm-leaving", "host-2", HsmState::kDeleteInProgress);
  AddCustomersHsm("hsm-here", "host-1");
  Silence("host-2");
  const auto plan = Plan("host-2");
  ASSERT_TRUE(plan.ok()) << plan.error();
  ASSERT_EQ(plan->hsms.size(), 2U);
  for (const LostHsm& hsm : plan->hsms) {
    EXPECT_FALSE(hsm.last);
    EXPECT_FALSE(hsm.domain);
    EXPECT_EQ(hsm.leaving, hsm.hsm_id == "hsm-leaving");
    EXPECT_EQ(hsm.account, "111122223333");
  }
  EXPECT_THAT(Remove("host-2").error().public_message(), ::testing::HasSubstr("hsm-there"));
  EXPECT_EQ(StateOf("hsm-there"), "ACTIVE");
  Sql("UPDATE hsms SET state = 'DELETED' WHERE hsm_id = 'hsm-here'");
  EXPECT_TRUE(Plan("host-2")->hsms.front().last);
  ASSERT_TRUE(Remove("host-2", true).ok());
  EXPECT_EQ(StateOf("hsm-there"), "DELETE_IN_PROGRESS");
}

TEST_F(RemovalTest, IsCarriedOutOnceEverywhere) {
  Silence("host-2");
  ASSERT_TRUE(Remove("host-2").ok());
  ASSERT_TRUE(Look().ok());
  EXPECT_TRUE(Stored("host-2")->withdrawn);
  EXPECT_THAT(host_->removed, ::testing::ElementsAre("hsm-domain", "host"));
  EXPECT_EQ(world_.hosts.Find("host-2"), nullptr);
  EXPECT_FALSE(
      world_.database->Read([&](store::Transaction& t) { return world_.placement.ChooseOn(t, ClusterRow{}, "host-2"); })
          .ok());
  ASSERT_TRUE(Look().ok());
  EXPECT_EQ(host_->removed.size(), 2U);
  EXPECT_EQ(host_->allowed.size(), 1U) << "nobody is told to let it in again";
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("JoinMachine host-2", "RemoveMachine host-2"));
  watch_ = Watch();
  ASSERT_TRUE(Look().ok());
  EXPECT_THAT(Recorded(), ::testing::IsEmpty()) << "another front end carries out nothing of it again";
  // What it had is free for another; its id is not.
  EXPECT_EQ(JoinProperly(Machine("host-2", "127.9.11"), "two").error().code(), Errc::kAlreadyExists);
  EXPECT_TRUE(JoinProperly(Machine("host-3", "127.9.10"), "three").ok());
}

TEST_F(RemovalTest, AHostThatWasAwayIsToldLater) {
  Silence("host-2");
  ASSERT_TRUE(Remove("host-2").ok());
  host_->up = false;
  EXPECT_EQ(Look().error().code(), Errc::kUnavailable);
  EXPECT_FALSE(Stored("host-2")->withdrawn);
  host_->up = true;
  ASSERT_TRUE(Look().ok());
  EXPECT_TRUE(Stored("host-2")->withdrawn);
  EXPECT_THAT(host_->removed, ::testing::ElementsAre("hsm-domain", "host"));
}

// A frozen machine is connected until its TCP says otherwise, which may be never.
TEST_F(RemovalTest, OneThatStandsStillHoldsNobodyUp) {
  ASSERT_TRUE(JoinProperly(Machine("host-3", "127.9.11"), "three").ok());
  ASSERT_TRUE(Look().ok());
  AddHsm("hsm-a-domain", "cluster-domain", "host-2", HsmState::kActive);
  watch_ = Watch();  // has told nobody anything
  other_->stands_still = true;
  other_->allowed.clear();
  Silence("host-3");
  ASSERT_TRUE(Remove("host-3").ok());
  EXPECT_EQ(Look().error().code(), Errc::kTimeout);
  EXPECT_TRUE(Stored("host-3")->withdrawn);
  EXPECT_THAT(host_->removed, ::testing::ElementsAre("hsm-domain", "host"));
  EXPECT_EQ(other_->waited, std::chrono::seconds(5)) << "one question, though there was more to be told";
  ASSERT_TRUE(Sign().ok());
  EXPECT_FALSE(other_->connected()) << "nothing new is placed there, and nobody is asked there first";
  other_->stands_still = false;
  ASSERT_TRUE(Sign().ok());
  EXPECT_TRUE(other_->connected());
  ASSERT_TRUE(Look().ok());
  EXPECT_THAT(other_->removed, ::testing::ElementsAre("host"));
  EXPECT_THAT(other_->allowed, ::testing::ElementsAre("host-1"));
}

TEST_F(RemovalTest, OneThatMissesAGreetingMayBeBusyAndTwoStandsStill) {
  other_->stands_still = true;
  ASSERT_TRUE(Sign().ok());
  EXPECT_TRUE(other_->connected());
  ASSERT_TRUE(Sign().ok());
  EXPECT_FALSE(other_->connected());
  other_->stands_still = false;
  ASSERT_TRUE(Sign().ok());
  EXPECT_TRUE(other_->connected());
}

TEST_F(RemovalTest, WhoWritesTheStoreCannotPutAnotherOut) {
  Sql("UPDATE machines SET removed_at = 1, front_end_certificate = (SELECT front_end_certificate FROM machines WHERE "
      "host_id = 'host-1') WHERE host_id = 'host-2'");
  EXPECT_EQ(Look().error().code(), Errc::kUntrusted);
  EXPECT_TRUE(Look().ok()) << "it is said once";
  EXPECT_THAT(host_->removed, ::testing::IsEmpty());
}

TEST_F(RemovalTest, TheRemovedMachineItselfIsTold) {
  Sql("UPDATE machines SET removed_at = 1 WHERE host_id = 'host-1'");
  EXPECT_EQ(Look().error().code(), Errc::kPermission);
  EXPECT_EQ(Look().error().code(), Errc::kPermission);
  EXPECT_EQ(told_removed_, 1);
  EXPECT_TRUE(Stored("host-1")->removed);
  EXPECT_THAT(host_->removed, ::testing::IsEmpty());
}

TEST_F(RemovalTest, OneThatWasNeverLetInIsForgotten) {
  ASSERT_TRUE(JoinProperly(Machine("host-3", "127.9.11"), "three").ok());
  ASSERT_TRUE(Remove("host-3").ok());
  EXPECT_FALSE(Stored("host-3"));
}

TEST(Placement, PrefersHostsThatAreThere) {
  World world;
  Placement placement({{"host-1", "127.9.9."}, {"host-2", "127.9.10."}},
                      [](const std::string& host_id) { return host_id == "host-2"; });
  const auto choose = [&](std::optional<std::string> wanted) {
    return world.database->Read([&](store::Transaction& t) { return placement.Choose(t, ClusterRow{}, wanted); })
        .value();
  };
  EXPECT_EQ(choose(std::nullopt).host_id, "host-2");
  EXPECT_EQ(choose("127.9.9.20").host_id, "host-1") << "an address that is wanted is one host's";
  placement.Add({"host-2", "127.9.12."});
  EXPECT_EQ(choose(std::nullopt).address, "127.9.12.10");
}

}  // namespace
}  // namespace strongroom::cloudhsm
