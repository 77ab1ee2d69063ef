#include "recovery/current_key.h"

#include "base/file.h"
#include "recovery/recovery_key.h"
#include "store/testing/engines.h"

namespace strongroom::recovery {
namespace {

class CurrentKeyTest : public store::testing::EngineTest {
 protected:
  crypto::PublicKey Make(const char* name) {
    return MakeRecoveryKey({.file = directory_.path() / name}, std::nullopt).value();
  }
  Result<crypto::PublicKey> Current() {
    return database_->Transact([&](store::Transaction& t) { return CurrentKey(t, file()); });
  }
  std::filesystem::path file() const { return directory_.path() / "recovery-key.pub.pem"; }
  TemporaryDirectory directory_;
};
INSTANTIATE_TEST_SUITE_P(Recovery, CurrentKeyTest, store::testing::BothEngines(), store::testing::EngineName);

TEST_P(CurrentKeyTest, IsTheStoresOnceItWasReplacedAndNobodysInBetween) {
  const crypto::PublicKey first = Make("first.pem"), second = Make("second.pem");
  ASSERT_TRUE(WriteFileAtomically(file(), PublicPem(first), 0644).ok());
  EXPECT_EQ(Current().value(), first) << "of this machine's file";
  const auto note = [&](Status (*step)(store::Transaction&, const crypto::PublicKey&)) {
    ASSERT_TRUE(database_->Transact([&](store::Transaction& t) { return step(t, second); }).ok());
  };
  note(&BeginReplacing);
  EXPECT_EQ(Current().error().code(), Errc::kInvalidState);
  note(&BeginReplacing);
  note(&EndReplacing);
  EXPECT_EQ(Current().value(), second) << "whatever the file of another machine says";
}

}  // namespace
}  // namespace strongroom::recovery
