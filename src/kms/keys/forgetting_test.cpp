// Deleted key material goes out of every HSM's memory, however it is deleted.
#include "kms/keys/forgetting.h"

#include <gmock/gmock.h>

#include "kms/keys/deletion.h"
#include "kms/keys/imported.h"
#include "kms/testing/import_calls.h"

namespace strongroom::kms::testing {
namespace {
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Forgetting : public ImportCalls {
 protected:
  void SetUp() override { second_ = &service.AddDomainHsm(); }
  /// How often each HSM was told.
  std::pair<std::size_t, std::size_t> Told() const {
    return {service_hsm().executed(wire::Command::kForgetTokens), second_->executed(wire::Command::kForgetTokens)};
  }
  std::vector<std::string> Forgotten() {
    const std::lock_guard lock(service.domain_cluster().mutex);
    return service.domain_cluster().forgotten;
  }
  static std::pair<std::size_t, std::size_t> Both(std::size_t times) { return {times, times}; }
  hsm_client::testing::HsmDouble& service_hsm() const { return const_cast<FakeService&>(service).domain_hsm(); }
  hsm_client::testing::HsmDouble* second_ = nullptr;
};

TEST_F(Forgetting, ADeletedKeysMaterialIsForgottenByEveryHsm) {
  const std::string deleted = service.NewKey(), kept = service.NewKey();
  const std::string material = Metadata(deleted, "CurrentKeyMaterialId");
  service.Sql("UPDATE kms_keys SET deletion_at = 1 WHERE key_id = $1", {store::Text(deleted)});
  EXPECT_EQ(Told(), Both(0));
  service.RunTask(DeleteDueKeys(service.kms()));
  EXPECT_EQ(Told(), Both(1));
  EXPECT_THAT(Forgotten(), SizeIs(2));
  EXPECT_THAT(Forgotten(), Each(HasSubstr(deleted)));
  EXPECT_THAT(Forgotten(), Each(HasSubstr(material)));
  service.RunTask(DeleteDueKeys(service.kms()));
  EXPECT_EQ(Told(), Both(1)) << "nothing more was deleted";
  EXPECT_EQ(State(kept), "Enabled");
}

TEST_F(Forgetting, AllMaterialsOfARotatedKeyAre) {
  const std::string id = service.NewKey();
  ASSERT_TRUE(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).ok());
  ASSERT_EQ(service.Count("SELECT COUNT(*) FROM kms_materials WHERE key_id = $1", {store::Text(id)}), 2);
  service.Sql("UPDATE kms_keys SET deletion_at = 1 WHERE key_id = $1", {store::Text(id)});
  service.RunTask(DeleteDueKeys(service.kms()));
  const std::vector<std::string> forgotten = Forgotten();
  EXPECT_EQ(std::set<std::string>(forgotten.begin(), forgotten.end()).size(), 2u);
}

TEST_F(Forgetting, DeletedImportedMaterialIsWhenTheAnswerComes) {
  const std::string id = NewKey();
  const std::string material = Imported(id, Bytes32(1));
  ASSERT_TRUE(Delete(id).ok());
  EXPECT_EQ(Told(), Both(1));
  EXPECT_THAT(Forgotten(), Each(HasSubstr(material)));
  ASSERT_TRUE(Delete(id).ok());
  EXPECT_EQ(Told(), Both(1)) << "there was nothing to delete";
}

TEST_F(Forgetting, ExpiredMaterialIs) {
  const std::string id = NewKey();
  const std::string material = Imported(id, Bytes32(1));
  service.Sql("UPDATE kms_materials SET valid_to = 1000 WHERE key_id = $1", {store::Text(id)});
  service.RunTask(ExpireMaterials(service.kms()));
  EXPECT_EQ(Told(), Both(1));
  EXPECT_THAT(Forgotten(), Each(HasSubstr(material)));
}

TEST_F(Forgetting, HsmsAreToldAgainOnceEveryFrontEndKnows) {
  const std::string id = NewKey();
  Imported(id, Bytes32(1));
  ASSERT_TRUE(Delete(id).ok());
  for (int i = 0; i < 6000 && Told() != Both(2); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(Told(), Both(2));
}

TEST_F(Forgetting, AnHsmThatHangsKeepsNoOthersFromIt) {
  const std::string id = NewKey();
  Imported(id, Bytes32(1));
  second_->Freeze();
  const Answer deleted = Delete(id);
  second_->Thaw();
  EXPECT_TRUE(deleted.ok()) << deleted.raw;
  EXPECT_EQ(service_hsm().executed(wire::Command::kForgetTokens), 1u);
  EXPECT_THAT(service.Log(), HasSubstr("127.0.0.2 was not told to forget deleted key material"));
}

TEST(BindingsOf, KeysWithoutATokenHaveNone) {
  KeyRow row;
  row.account = kAccount;
  row.key_id = "id";
  EXPECT_THAT(BindingsOf(row), IsEmpty());
  row.materials.resize(2);
  row.materials[0].id = "one";
  row.materials[1].id = "two";
  row.materials[1].token = Bytes{1};
  EXPECT_THAT(BindingsOf(row), ::testing::ElementsAre(TokenBinding(row, "two")));
}

}  // namespace
}  // namespace strongroom::kms::testing
