#include "hsm/replica/testing/test_cluster.h"
#include "wire/zeroize_statement.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers

class ClusterLifeTest : public ClusterTest {
 protected:
  ClusterLifeTest() : c(loop, store, "hsm-c") { c.now_millis = a.now_millis; }
  /// A record as a member of a later or a hostile version might write it.
  Bytes RecordWith(const proto::Change& change) {
    proto::LogBatch batch;
    batch.set_written_millis(*a.now_millis);
    *batch.add_changes() = change;
    const Head head{Records().size(), HashOf(Records().back())};
    return *SealRecord(*a.replica->device().SecretOf(a.state().epoch()), kClusterId, a.state().epoch(), head, {}, batch,
                       {});
  }
  TestHsm c;
};

TEST_F(ClusterLifeTest, TheDomainClusterIsWhatItShouldBe) {
  const Identity& identity = a.state().identity();
  EXPECT_EQ(a.state().lifecycle(), proto::ACTIVE);
  EXPECT_TRUE(identity.domain);
  EXPECT_EQ(a.state().newest_domain_key(), 1u);
  EXPECT_EQ(a.state().front_ends().size(), 1u);
  EXPECT_EQ(a.state().FindUser("admin"), nullptr) << "the domain cluster has no PRECO";
  ASSERT_NE(a.state().FindUser("app_user"), nullptr);
  EXPECT_EQ(a.state().FindUser("app_user")->password_hash, "");
  const auto csr = crypto::ParseCsr(CsrDerToPem(identity.csr));
  ASSERT_TRUE(csr.ok()) << csr.error();
  EXPECT_EQ(csr->subject.OneLine(),
            "/C=US/ST=CA/O=Cavium/OU=N3FIPS/L=SanJose/CN=HSM:" + identity.hsm_serial + ":PARTN:1, for FIPS mode");
  ASSERT_EQ(identity.hsm_serial.size(), 30u);
  for (TestHsm* hsm : {&a, &b}) {
    const auto& certificates = hsm->replica->device().certificates();
    const auto certificate = crypto::Certificate::FromDer(certificates.hsm);
    const auto aws = crypto::Certificate::FromDer(certificates.aws_hardware);
    const auto manufacturer = crypto::Certificate::FromDer(certificates.manufacturer_hardware);
    ASSERT_TRUE(certificate.ok() && aws.ok() && manufacturer.ok());
    EXPECT_TRUE(certificate->VerifyIssuedBy(*aws).ok());
    EXPECT_TRUE(certificate->VerifyIssuedBy(*manufacturer).ok());
    EXPECT_EQ(certificate->public_key_spki(), csr->public_key_spki);
    EXPECT_TRUE(aws->VerifyIssuedBy(*crypto::Certificate::FromDer(identity.aws_root)).ok());
    EXPECT_TRUE(manufacturer->VerifyIssuedBy(*crypto::Certificate::FromDer(identity.manufacturer_root)).ok());
  }
  EXPECT_EQ(a.replica->Members().size(), 2u);
}

TEST_F(ClusterLifeTest, RepeatsOfControlCommandsChangeNothing) {
  const std::uint64_t head = a.replica->head();
  EXPECT_TRUE(Await(loop, a.replica->CreateCluster(DomainCreation("hsm-a"))).ok());
  EXPECT_TRUE(Await(loop, a.replica->AdmitMember(AdmissionOf(b))).ok());
  EXPECT_TRUE(Await(loop, b.replica->JoinCluster(JoiningOf(b))).ok());
  EXPECT_TRUE(Await(loop, a.replica->RemoveMember("hsm-z")).ok());
  EXPECT_EQ(a.replica->head(), head);
  proto::CreateCluster other = DomainCreation("hsm-a");
  other.set_cluster_id("cluster-other000000");
  EXPECT_EQ(Await(loop, a.replica->CreateCluster(other)).error().code(), Errc::kInvalidState);
}

TEST_F(ClusterLifeTest, ASecondClusterOfTheSameNameIsRefused) {
  ASSERT_TRUE(c.Open().ok());
  const Status created = Await(loop, c.replica->CreateCluster(DomainCreation("hsm-c")));
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.error().code(), Errc::kAlreadyExists);
  EXPECT_FALSE(c.replica->serving());
}

class GenesisCrash : public ::testing::TestWithParam<Step> {};
TEST_P(GenesisCrash, IsFinishedByARepeat) {
  Loop loop;
  const auto store = std::make_shared<MemoryStore>();
  TestHsm hsm(loop, store, "hsm-a");
  ASSERT_TRUE(hsm.Open().ok());
  hsm.die_at = GetParam();
  EXPECT_FALSE(Await(loop, hsm.replica->CreateCluster(DomainCreation("hsm-a"))).ok());
  hsm.Kill();
  ASSERT_TRUE(hsm.Open().ok());
  const Status created = Await(loop, hsm.replica->CreateCluster(DomainCreation("hsm-a")));
  ASSERT_TRUE(created.ok()) << created.error();
  EXPECT_TRUE(hsm.replica->serving());
  EXPECT_EQ(store->clusters[kClusterId].records.size(), 1u);
  EXPECT_FALSE(hsm.replica->device().certificates().hsm.empty());
}
INSTANTIATE_TEST_SUITE_P(Cluster, GenesisCrash, ::testing::Values(Step::kWrittenAhead, Step::kOffered, Step::kMarked));

TEST_F(ClusterLifeTest, AnHsmJoinsWhileChangesGoOn) {
  ASSERT_TRUE(c.Open().ok());
  ASSERT_TRUE(Certify(loop, a, c).ok());
  std::vector<std::optional<Result<Bytes>>> outcomes(60);
  std::optional<Status> admitted, joined;
  boost::asio::co_spawn(loop, Into(a.replica->AdmitMember(AdmissionOf(c)), admitted), boost::asio::detached);
  for (std::size_t i = 0; i < 20; ++i)
    boost::asio::co_spawn(loop, Into(AddKeyTo(a, "a" + std::to_string(i)), outcomes[i]), boost::asio::detached);
  RunUntil(loop, [&] { return admitted.has_value(); });
  ASSERT_TRUE(admitted->ok()) << admitted->error();
  boost::asio::co_spawn(loop, Into(c.replica->JoinCluster(JoiningOf(c)), joined), boost::asio::detached);
  for (std::size_t i = 20; i < outcomes.size(); ++i) {
    boost::asio::co_spawn(loop, Into(AddKeyTo(b, "b" + std::to_string(i)), outcomes[i]), boost::asio::detached);
    loop.poll_one();
  }
  RunUntil(loop, [&] {
    return joined && std::all_of(outcomes.begin(), outcomes.end(), [](auto& o) { return o.has_value(); });
  });
  ASSERT_TRUE(joined->ok()) << joined->error();
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome->ok());
  ExpectEqual();
  ASSERT_TRUE(CatchUp(c).ok());
  EXPECT_EQ(c.state().Digest(), a.state().Digest());
  EXPECT_TRUE(c.replica->serving());
  EXPECT_EQ(a.replica->Members().size(), 3u);
  ASSERT_TRUE(Add(c, "by the new one").ok());
  ExpectEqual();
}

class JoinBySnapshot : public ClusterLifeTest, public ::testing::WithParamInterface<bool> {};
TEST_P(JoinBySnapshot, NeedsOnlyTheNewestSnapshotAndTheRest) {
  const bool admitted_before = GetParam();
  ASSERT_TRUE(c.Open().ok());
  ASSERT_TRUE(Certify(loop, a, c).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Add(a, "k" + std::to_string(i)).ok());
  if (admitted_before) {
    ASSERT_TRUE(Await(loop, a.replica->AdmitMember(AdmissionOf(c))).ok());
  }
  ASSERT_TRUE(Await(loop, a.replica->MakeSnapshot("join", "backup-abcdefghijk")).ok());
  if (!admitted_before) {
    ASSERT_TRUE(Await(loop, a.replica->AdmitMember(AdmissionOf(c))).ok());
  }
  ASSERT_TRUE(Add(a, "after").ok());
  const Status joined = Await(loop, c.replica->JoinCluster(JoiningOf(c)));
  ASSERT_TRUE(joined.ok()) << joined.error();
  EXPECT_EQ(c.state().Digest(), a.state().Digest());
  EXPECT_LT(std::filesystem::file_size(c.directory.path() / "log"),
            std::filesystem::file_size(a.directory.path() / "log"));
  c.Kill();
  ASSERT_TRUE(c.Open().ok());
  EXPECT_EQ(c.state().Digest(), a.state().Digest());
}
INSTANTIATE_TEST_SUITE_P(Cluster, JoinBySnapshot, ::testing::Bool());

TEST_F(ClusterLifeTest, WhoWasNotAdmittedGetsNothing) {
  ASSERT_TRUE(c.Open().ok());
  ASSERT_TRUE(Certify(loop, a, c).ok());
  const Status joined = Await(loop, c.replica->JoinCluster(JoiningOf(c)));
  EXPECT_EQ(joined.error().code(), Errc::kUntrusted);
  EXPECT_FALSE(c.replica->serving());
  EXPECT_TRUE(c.replica->device().secrets().empty());
  EXPECT_TRUE(c.replica->device().cluster_id().empty());
}

TEST_F(ClusterLifeTest, ADeviceCertificateOfAnotherRootIsNotAdmitted) {
  ASSERT_TRUE(c.Open().ok());
  ASSERT_TRUE(Await(loop, c.replica->DeviceRequest()).ok());
  proto::AdmitMember admit;
  *admit.mutable_member() = MemberOf("hsm-c");
  const auto own = crypto::MakeSelfSigned(HardwareSubject(c.replica->device().serial()), c.replica->device().key(), {});
  admit.set_device_certificate(std::string(AsText(own->ToDer())));
  EXPECT_EQ(Await(loop, a.replica->AdmitMember(admit)).error().code(), Errc::kUntrusted);
  admit.set_device_certificate("nonsense");
  EXPECT_EQ(Await(loop, a.replica->AdmitMember(admit)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(a.replica->Members().size(), 2u);
}

TEST_F(ClusterLifeTest, ARemovedHsmForgetsTheClusterAndReadsNoMore) {
  ASSERT_TRUE(Await(loop, a.replica->RemoveMember("hsm-b")).ok());
  EXPECT_EQ(a.state().epoch(), 2u);
  EXPECT_NE(a.replica->device().SecretOf(2), nullptr);
  (void)CatchUp(b);
  EXPECT_FALSE(b.replica->serving());
  EXPECT_EQ(b.state().lifecycle(), proto::EMPTY);
  RunUntil(loop, [&] { return b.stopped.has_value(); });
  EXPECT_EQ(b.stopped->code(), Errc::kUntrusted);
  EXPECT_TRUE(b.replica->device().secrets().empty());
  EXPECT_FALSE(std::filesystem::exists(b.directory.path() / "log"));
  ASSERT_TRUE(Add(a, "secret of epoch two").ok());
  b.Kill();
  b.stopped.reset();
  ASSERT_TRUE(b.Open().ok());
  EXPECT_EQ(Await(loop, b.replica->JoinCluster(JoiningOf(b))).error().code(), Errc::kUntrusted);
  EXPECT_EQ(b.replica->device().SecretOf(2), nullptr);
  EXPECT_EQ(b.state().keys().size(), 0u);
  EXPECT_EQ(Add(a, "a remains").ok(), true);
  EXPECT_EQ(Await(loop, a.replica->RemoveMember("hsm-a")).error().code(), Errc::kInvalidState) << "the last";
}

TEST_F(ClusterLifeTest, ARemovedHsmMayBeAdmittedAgain) {
  ASSERT_TRUE(Await(loop, a.replica->RemoveMember("hsm-b")).ok());
  (void)CatchUp(b);
  b.Kill();
  ASSERT_TRUE(b.Open().ok());
  ASSERT_TRUE(Await(loop, a.replica->AdmitMember(AdmissionOf(b))).ok());
  const Status joined = Await(loop, b.replica->JoinCluster(JoiningOf(b)));
  ASSERT_TRUE(joined.ok()) << joined.error();
  ASSERT_TRUE(Add(b, "back").ok());
  ExpectEqual();
  b.Kill();
  ASSERT_TRUE(b.Open().ok());
  EXPECT_TRUE(b.replica->serving());
  ExpectEqual();
}

TEST_F(ClusterLifeTest, ARecordOfAnOldEpochIsRefusedAfterwards) {
  proto::Change change;
  change.mutable_user_put()->mutable_user()->set_id(50);
  change.mutable_user_put()->mutable_user()->set_name("intruder");
  const auto old_secret = a.replica->device().SecretOf(1);
  ASSERT_TRUE(Await(loop, a.replica->RemoveMember("hsm-b")).ok());
  proto::LogBatch batch;
  batch.set_written_millis(*a.now_millis);
  *batch.add_changes() = change;
  const Head head{Records().size(), HashOf(Records().back())};
  for (const std::uint64_t epoch : {1u, 2u}) {
    Records().push_back(*SealRecord(*old_secret, kClusterId, epoch, head, {}, batch, {}));
    EXPECT_FALSE(CatchUp(a).ok());
    EXPECT_EQ(a.state().FindUser("intruder"), nullptr);
    EXPECT_TRUE(a.replica->serving());
    Records().pop_back();
  }
  const Status last = CatchUp(a);
  EXPECT_TRUE(last.ok()) << last.error() << last.error().where().to_string();
}

struct ForgedRow {
  std::string name;
  std::function<Bytes(const std::vector<Bytes>&)> forge;
};
class ForgedHead : public ClusterLifeTest, public ::testing::WithParamInterface<ForgedRow> {};
TEST_P(ForgedHead, StopsChangesUntilItIsGone) {
  ASSERT_TRUE(Add(a, "one").ok());
  ASSERT_TRUE(Add(a, "two").ok());
  ASSERT_TRUE(CatchUp(b).ok());
  const auto digest = b.state().Digest();
  Records().push_back(GetParam().forge(Records()));
  EXPECT_FALSE(CatchUp(b).ok());
  EXPECT_FALSE(Add(b, "three").ok());
  EXPECT_EQ(b.state().Digest(), digest);
  EXPECT_TRUE(b.replica->serving()) << "what is known is still served";
  EXPECT_FALSE(b.replica->changes_possible());
  EXPECT_FALSE(b.stopped);
  Records().pop_back();  // strongroom cluster repair-log
  EXPECT_TRUE(Add(b, "three").ok());
  ExpectEqual();
}
INSTANTIATE_TEST_SUITE_P(Cluster, ForgedHead,
                         ::testing::Values(ForgedRow{"Replayed", [](const auto& records) { return records.back(); }},
                                           ForgedRow{"Earlier", [](const auto& records) { return records.front(); }},
                                           ForgedRow{"Nonsense", [](const auto&) { return Bytes(300, 'x'); }},
                                           ForgedRow{"Empty", [](const auto&) { return Bytes(); }},
                                           ForgedRow{"Renumbered",
                                                     [](const auto& records) {
                                                       Bytes forged = records.back();
                                                       ++forged[19];  // the last byte of the number
                                                       const auto hash = HashOf(records.back());
                                                       std::copy(hash.begin(), hash.end(), forged.begin() + 20);
                                                       return forged;
                                                     }},
                                           ForgedRow{"ForeignSecret",
                                                     [](const auto& records) {
                                                       const Head head{records.size(), HashOf(records.back())};
                                                       proto::LogBatch batch;
                                                       batch.add_changes()->mutable_key_removed()->set_handle(1);
                                                       return *SealRecord(*RootKey(), kClusterId, 1, head, {}, batch,
                                                                          {});
                                                     }}),
                         [](const auto& info) { return info.param.name; });

class Unfollowable : public ClusterLifeTest, public ::testing::WithParamInterface<bool> {};
TEST_P(Unfollowable, AnAuthenticRecordThatIsNotUnderstoodStopsTheHsm) {
  proto::Change change;
  if (GetParam()) {
    change.mutable_feature_level()->set_level(99);
  } else {
    ASSERT_TRUE(change.ParseFromString(std::string("\x9a\x06\x02\x08\x01", 5)));
  }
  Records().push_back(RecordWith(change));
  EXPECT_EQ(CatchUp(b).error().code(), Errc::kCorrupted);
  EXPECT_FALSE(b.replica->serving());
  RunUntil(loop, [&] { return b.stopped.has_value(); });
  EXPECT_EQ(Add(b, "key").error().code(), Errc::kCorrupted);
  EXPECT_EQ(b.state().lifecycle(), proto::EMPTY);
  b.Kill();
  EXPECT_FALSE(b.Open().ok() && b.replica->serving()) << "nor does a restart help";
}
INSTANTIATE_TEST_SUITE_P(Cluster, Unfollowable, ::testing::Bool());

TEST_F(ClusterLifeTest, AStoreThatWasSetBackGetsTheTailAgain) {
  ASSERT_TRUE(Add(a, "kept").ok());
  ASSERT_TRUE(CatchUp(b).ok());
  const MemoryStore backup = *store;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Add(a, "k" + std::to_string(i)).ok());
  const auto digest = a.state().Digest();
  *store = backup;
  ExpectEqual();
  EXPECT_EQ(b.state().Digest(), digest);
  *store = MemoryStore();
  ExpectEqual();
  EXPECT_EQ(b.state().Digest(), digest);
}

TEST_F(ClusterLifeTest, ATrueForkStopsChangesOnBothSidesThatSeeIt) {
  const MemoryStore backup = *store;
  ASSERT_TRUE(Add(a, "on one side").ok());
  *store = backup;
  ASSERT_TRUE(Add(b, "on the other side").ok());
  const Status caught_up = CatchUp(a);
  ASSERT_FALSE(caught_up.ok());
  EXPECT_EQ(caught_up.error().code(), Errc::kStale);
  EXPECT_EQ(Add(a, "more").error().code(), Errc::kStale);
  EXPECT_EQ(CountLabel(a.state(), "on one side"), 1);
  EXPECT_TRUE(a.replica->serving());
  a.Kill();
  ASSERT_TRUE(a.Open().ok());
  EXPECT_EQ(CatchUp(a).error().code(), Errc::kStale) << "nor is it forgotten";
}

TEST_F(ClusterLifeTest, ZeroiseLeavesNothing) {
  const auto certificate = *crypto::Certificate::FromDer(b.replica->device().certificates().manufacturer_hardware);
  const auto proof = Await(loop, b.replica->Zeroize());
  ASSERT_TRUE(proof.ok()) << proof.error();
  EXPECT_FALSE(b.replica->serving());
  const auto left = std::filesystem::directory_iterator(b.directory.path());
  EXPECT_EQ(std::distance(begin(left), end(left)), 1) << "the proof";
  EXPECT_FALSE(b.replica->device().has_key());
  EXPECT_EQ(Await(loop, b.replica->Zeroize())->SerializeAsString(), proof->SerializeAsString());
  EXPECT_FALSE(Add(b, "key").ok());
  b.Kill();
  ASSERT_TRUE(b.Open().ok());
  EXPECT_EQ(b.state().lifecycle(), proto::EMPTY);
  EXPECT_FALSE(Await(loop, b.replica->CreateCluster(DomainCreation("hsm-b"))).ok()) << "it is dead for good";
  EXPECT_EQ(Await(loop, b.replica->Zeroize())->SerializeAsString(), proof->SerializeAsString());

  const auto says = wire::ParseZeroizeStatement(AsBytes(proof->statement()));
  ASSERT_TRUE(says.has_value());
  EXPECT_EQ(says->hsm_id, "hsm-b");
  EXPECT_EQ(says->cluster_id, kClusterId);
  EXPECT_EQ(says->at_millis, *b.now_millis);
  EXPECT_EQ(AsBytes(proof->device_certificate()).size(), certificate.ToDer().size());
  const auto key = *certificate.public_key();
  const Bytes signed_form = wire::SignedForm(AsBytes(proof->statement()));
  EXPECT_TRUE(key.Verify(crypto::SignatureScheme::kPssSha256, crypto::MessageForm::kRaw, signed_form,
                         AsBytes(proof->signature()))
                  .ok());
}

TEST_F(ClusterLifeTest, FrontEndsAreEnrolledOnce) {
  const auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
  proto::EnrollFrontEnd enroll;
  enroll.set_name("second");
  enroll.set_public_key(std::string(AsText(key->public_key().ToSpki())));
  ASSERT_TRUE(Await(loop, a.replica->EnrollFrontEnd(enroll)).ok());
  const std::uint64_t head = a.replica->head();
  ASSERT_TRUE(Await(loop, a.replica->EnrollFrontEnd(enroll)).ok());
  EXPECT_EQ(a.replica->head(), head);
  ExpectEqual();
  EXPECT_EQ(b.state().front_ends().size(), 2u);
  enroll.set_public_key("nonsense");
  EXPECT_EQ(Await(loop, a.replica->EnrollFrontEnd(enroll)).error().code(), Errc::kInvalidArgument);
}

TEST_F(ClusterLifeTest, FrontEndsAreRemovedOnceAndNeverTheLast) {
  const auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
  const auto certificate = crypto::MakeSelfSigned({{"CN", "second"}}, *key, {});
  ASSERT_TRUE(certificate.ok());
  proto::EnrollFrontEnd enroll;
  enroll.set_name("second");
  enroll.set_public_key(std::string(AsText(key->public_key().ToSpki())));
  ASSERT_TRUE(Await(loop, a.replica->EnrollFrontEnd(enroll)).ok());
  ExpectEqual();
  const Bytes first = b.state().front_ends().begin()->first == key->public_key().ToSpki()
                          ? b.state().front_ends().rbegin()->first
                          : b.state().front_ends().begin()->first;
  proto::RemoveFrontEnd remove;
  remove.set_certificate(std::string(AsText(certificate->ToDer())));
  ASSERT_TRUE(Await(loop, b.replica->RemoveFrontEnd(remove)).ok());
  const std::uint64_t head = b.replica->head();
  ASSERT_TRUE(Await(loop, b.replica->RemoveFrontEnd(remove)).ok()) << "it is gone already";
  EXPECT_EQ(b.replica->head(), head);
  ExpectEqual();
  ASSERT_EQ(a.state().front_ends().size(), 1u);
  EXPECT_EQ(a.state().front_ends().begin()->first, first);
  remove.set_certificate("nonsense");
  EXPECT_EQ(Await(loop, b.replica->RemoveFrontEnd(remove)).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::hsm::replica
