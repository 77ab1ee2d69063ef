#include "hsm/replica/state.h"

#include <gtest/gtest.h>

namespace strongroom::hsm::replica {
namespace {

SharedSecret SecretOf(std::string_view text) { return Share(std::move(*SecretBuffer::CopyOf(AsBytes(text)))); }

proto::Change GenesisChange() {
  proto::Change change;
  auto* genesis = change.mutable_genesis();
  genesis->set_cluster_id("cluster-x");
  genesis->set_domain(true);
  genesis->set_csr("csr");
  genesis->mutable_first()->set_hsm_id("hsm-a");
  genesis->set_first_device_certificate("certificate");
  genesis->set_manufacturer_key_segment(1);
  genesis->set_aws_root_key_segment(2);
  return change;
}
proto::Change UserChange(std::uint32_t id, const std::string& name, proto::UserType type = proto::CU) {
  proto::Change change;
  auto* user = change.mutable_user_put()->mutable_user();
  user->set_id(id);
  user->set_name(name);
  user->set_type(type);
  return change;
}
proto::Change KeyChange(std::uint32_t handle, std::uint32_t segment = 0) {
  proto::Change change;
  auto* put = change.mutable_key_put();
  put->mutable_key()->set_handle(handle);
  put->mutable_key()->set_key_class(proto::SECRET);
  put->set_segment(segment);
  return change;
}
proto::Change FailuresChange(std::uint32_t user, std::uint32_t failures) {
  proto::Change change;
  change.mutable_login_failures()->set_user_id(user);
  change.mutable_login_failures()->set_failures(failures);
  return change;
}
proto::Change EpochChange(std::uint64_t epoch, const std::string& removed) {
  proto::Change change;
  change.mutable_epoch_started()->set_epoch(epoch);
  change.mutable_epoch_started()->add_removed(removed);
  return change;
}
proto::Change LevelChange(std::uint32_t level) {
  proto::Change change;
  change.mutable_feature_level()->set_level(level);
  return change;
}
proto::Change SharingChange(std::uint32_t handle, std::uint32_t user, bool shared = true) {
  proto::Change change;
  change.mutable_key_shared()->set_handle(handle);
  change.mutable_key_shared()->set_user_id(user);
  change.mutable_key_shared()->set_shared(shared);
  return change;
}
proto::Change UnknownChange() {
  // Field 99 of a later version: kept by protobuf as an unknown field, and no body that this version knows.
  proto::Change change;
  EXPECT_TRUE(change.ParseFromString(std::string("\x9a\x06\x02\x08\x01", 5)));
  return change;
}

Segments Three() { return {SecretOf("one"), SecretOf("two"), SecretOf("three")}; }

State Fresh() {
  State state;
  EXPECT_TRUE(state.BeginRecord(1'000).ok());
  EXPECT_TRUE(state.Apply(GenesisChange(), Three()).ok());
  EXPECT_TRUE(state.Apply(UserChange(1, "admin", proto::PRECO), {}).ok());
  EXPECT_TRUE(state.Apply(UserChange(2, "app_user", proto::AU), {}).ok());
  return state;
}

struct Row {
  std::string name;
  proto::Change change;
};
class ImpossibleChange : public ::testing::TestWithParam<Row> {};
TEST_P(ImpossibleChange, StopsTheHsm) {
  State state = Fresh();
  ASSERT_TRUE(state.Apply(LevelChange(kLevelOfSharing), {}).ok());
  ASSERT_TRUE(state.Apply(KeyChange(5), Three()).ok());
  const Status applied = state.Apply(GetParam().change, Three());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code(), Errc::kCorrupted);
  EXPECT_NE(applied.error().public_message().find("stops serving"), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(
    State, ImpossibleChange,
    ::testing::Values(Row{"UnknownType", UnknownChange()}, Row{"Empty", proto::Change()},
                      Row{"SecondGenesis", GenesisChange()}, Row{"NewerLevel", LevelChange(99)},
                      Row{"LowerLevel", LevelChange(0)}, Row{"UserNameTaken", UserChange(3, "ADMIN")},
                      Row{"UserRenamed", UserChange(1, "other")}, Row{"UserIdZero", UserChange(0, "zero")},
                      Row{"SegmentMissing", KeyChange(6, 3)}, Row{"HandleZero", KeyChange(0)},
                      Row{"HandleAgain", KeyChange(4)}, Row{"FailuresOfNobody", FailuresChange(9, 1)},
                      Row{"SharingOfNothing", SharingChange(6, 2)}, Row{"SharingWithNobody", SharingChange(5, 9)},
                      Row{"UnsharingOfWhatIsNotShared", SharingChange(5, 2, false)},
                      Row{"EpochSkipped", EpochChange(3, "hsm-a")}, Row{"RemovalOfNobody", EpochChange(2, "hsm-z")}),
    [](const auto& info) { return info.param.name; });

proto::Change MaterialIdChange(std::uint32_t segment = 1) {
  proto::Change change;
  change.mutable_material_id_secret()->set_segment(segment);
  return change;
}

TEST(State, TheSecretForMaterialIdsIsMadeOnceAndStays) {
  State state = Fresh();
  State early = state;
  EXPECT_FALSE(early.Apply(MaterialIdChange(), Three()).ok()) << "before its feature level";
  ASSERT_TRUE(state.Apply(LevelChange(kLevelOfImports), {}).ok());
  State without = state;
  EXPECT_FALSE(without.Apply(MaterialIdChange(3), Three()).ok()) << "a segment that is not there";
  EXPECT_EQ(state.material_id_secret(), nullptr);
  const auto before = state.Digest();
  ASSERT_TRUE(state.Apply(MaterialIdChange(), Three()).ok());
  EXPECT_NE(state.Digest(), before);
  EXPECT_TRUE(state.material_id_secret()->EqualsInConstantTime(AsBytes("two")));
  const auto [body, segments] = state.ToSnapshot();
  const auto rebuilt = State::FromSnapshot(body, segments);
  ASSERT_TRUE(rebuilt.ok()) << rebuilt.error();
  EXPECT_EQ(rebuilt->Digest(), state.Digest());
  EXPECT_TRUE(rebuilt->material_id_secret()->EqualsInConstantTime(AsBytes("two")));
  proto::SnapshotBody damaged = body;
  damaged.set_material_id_segment(99);
  EXPECT_EQ(State::FromSnapshot(damaged, segments).error().code(), Errc::kCorrupted);
  EXPECT_FALSE(state.Apply(MaterialIdChange(2), Three()).ok()) << "a second one";

  proto::Change genesis = GenesisChange();
  genesis.mutable_genesis()->set_domain(false);
  State customers;
  ASSERT_TRUE(customers.BeginRecord(1'000).ok());
  ASSERT_TRUE(customers.Apply(genesis, Three()).ok());
  ASSERT_TRUE(customers.Apply(LevelChange(kLevelOfImports), {}).ok());
  EXPECT_FALSE(customers.Apply(MaterialIdChange(), Three()).ok()) << "it is the domain cluster's";
}

TEST(State, TheFirstChangeMustBeTheGenesis) {
  State state;
  EXPECT_FALSE(state.Apply(UserChange(1, "admin"), {}).ok());
}

TEST(State, TimeDoesNotRunBackwards) {
  State state = Fresh();
  EXPECT_TRUE(state.BeginRecord(1'000).ok());
  EXPECT_FALSE(state.BeginRecord(999).ok());
}

TEST(State, SameChangesGiveTheSameDigestAndASnapshotToo) {
  const auto build = [] {
    State state = Fresh();
    proto::Change change = KeyChange(1);
    change.set_client_id(std::string(16, 'c'));
    change.set_command(32);
    change.set_answer("answer");
    EXPECT_TRUE(state.Apply(change, Three()).ok());
    EXPECT_TRUE(state.Apply(FailuresChange(1, 2), {}).ok());
    EXPECT_TRUE(state.Apply(UserChange(7, "crypto"), {}).ok());
    return state;
  };
  const State one = build(), two = build();
  EXPECT_EQ(one.Digest(), two.Digest());
  const auto [body, segments] = one.ToSnapshot();
  const auto rebuilt = State::FromSnapshot(body, segments);
  ASSERT_TRUE(rebuilt.ok()) << rebuilt.error();
  EXPECT_EQ(rebuilt->Digest(), one.Digest());
  EXPECT_EQ(rebuilt->next_user_id(), 8u);
  EXPECT_EQ(rebuilt->next_handle(), 2u);
  wire::ClientId client;
  client.fill('c');
  ASSERT_NE(rebuilt->Remembered(client, 32), nullptr);
  EXPECT_EQ(AsText(*rebuilt->Remembered(client, 32)), "answer");
  State other = build();
  ASSERT_TRUE(other.Apply(FailuresChange(1, 3), {}).ok());
  EXPECT_NE(other.Digest(), one.Digest());
}

TEST(State, DigestSeesKeyMaterial) {
  State one = Fresh(), two = Fresh();
  ASSERT_TRUE(one.Apply(KeyChange(1, 0), Three()).ok());
  ASSERT_TRUE(two.Apply(KeyChange(1, 1), Three()).ok());
  EXPECT_NE(one.Digest(), two.Digest());
}

TEST(State, AnswersAreForgottenAfterTenMinutesOfTheRecordsTime) {
  State state = Fresh();
  proto::Change change = KeyChange(1);
  change.set_client_id(std::string(16, 'c'));
  change.set_command(32);
  ASSERT_TRUE(state.Apply(change, Three()).ok());
  wire::ClientId client;
  client.fill('c');
  ASSERT_TRUE(state.BeginRecord(1'000 + kRememberedMillis).ok());
  EXPECT_NE(state.Remembered(client, 32), nullptr);
  EXPECT_EQ(state.Remembered(client, 33), nullptr);
  ASSERT_TRUE(state.BeginRecord(1'001 + kRememberedMillis).ok());
  EXPECT_EQ(state.Remembered(client, 32), nullptr);
}

TEST(State, AClientIdOfAnotherSizeStopsTheHsm) {
  State state = Fresh();
  proto::Change change = KeyChange(1);
  change.set_client_id(std::string(15, 'c'));
  EXPECT_EQ(state.Apply(change, Three()).error().code(), Errc::kCorrupted);
}

TEST(State, FiveFailuresLockAUserButNeverTheApplianceUser) {
  State state = Fresh();
  ASSERT_TRUE(state.Apply(FailuresChange(1, 4), {}).ok());
  EXPECT_FALSE(state.FindUser("Admin")->info.locked());
  ASSERT_TRUE(state.Apply(FailuresChange(1, 5), {}).ok());
  EXPECT_TRUE(state.FindUser("ADMIN")->info.locked());
  ASSERT_TRUE(state.Apply(FailuresChange(2, 50), {}).ok());
  EXPECT_FALSE(state.FindUser(2)->info.locked());
}

TEST(State, ThePrecosFirstPasswordMakesTheClusterActive) {
  State state = Fresh();
  proto::Change change;
  change.mutable_cluster_certificate()->set_certificate("c");
  change.mutable_cluster_certificate()->set_trust_anchor("t");
  EXPECT_EQ(state.lifecycle(), proto::UNINITIALIZED);
  ASSERT_TRUE(state.Apply(UserChange(1, "admin", proto::CO), {}).ok());
  EXPECT_EQ(state.lifecycle(), proto::ACTIVE);
}

TEST(State, SharersComeAndGoAndStayInOrder) {
  State state = Fresh();
  ASSERT_TRUE(state.Apply(KeyChange(5), Three()).ok());
  EXPECT_FALSE(State(state).Apply(SharingChange(5, 2), {}).ok()) << "before its feature level";
  ASSERT_TRUE(state.Apply(LevelChange(kLevelOfSharing), {}).ok());
  ASSERT_TRUE(state.Apply(UserChange(3, "three"), {}).ok());
  const auto sharers = [&state] {
    const auto& ids = state.FindKey(5)->info.shared_with();
    return std::vector<std::uint32_t>(ids.begin(), ids.end());
  };
  const KeyPtr held = state.FindKey(5);
  for (const std::uint32_t user : {2U, 3U, 1U}) ASSERT_TRUE(state.Apply(SharingChange(5, user), {}).ok());
  EXPECT_EQ(sharers(), (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(held->info.shared_with_size(), 0) << "who holds a key holds it as it was";
  EXPECT_FALSE(State(state).Apply(SharingChange(5, 2), {}).ok()) << "twice";
  const auto [body, segments] = state.ToSnapshot();
  const auto rebuilt = State::FromSnapshot(body, segments);
  ASSERT_TRUE(rebuilt.ok()) << rebuilt.error();
  EXPECT_EQ(rebuilt->Digest(), state.Digest());
  ASSERT_TRUE(state.Apply(SharingChange(5, 2, false), {}).ok());
  EXPECT_EQ(sharers(), (std::vector<std::uint32_t>{1, 3}));
  proto::Change removal;
  removal.mutable_user_removed()->set_id(3);
  ASSERT_TRUE(state.Apply(removal, {}).ok());
  EXPECT_EQ(sharers(), (std::vector<std::uint32_t>{1}));
  EXPECT_TRUE(state.FindKey(5)->material) << "the key is still one";
}

TEST(State, UserIdsAndHandlesAreNeverUsedAgain) {
  State state = Fresh();
  ASSERT_TRUE(state.Apply(UserChange(3, "three"), {}).ok());
  proto::Change removal;
  removal.mutable_user_removed()->set_id(3);
  ASSERT_TRUE(state.Apply(removal, {}).ok());
  EXPECT_FALSE(state.Apply(UserChange(3, "again"), {}).ok());
}

}  // namespace
}  // namespace strongroom::hsm::replica
