#include "recovery/recovery_key.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temporary_directory.h"

namespace strongroom::recovery {
namespace {

namespace fs = std::filesystem;

SecretBuffer Secret(std::string_view text) { return std::move(*SecretBuffer::CopyOf(AsBytes(text))); }
Result<SecretBuffer> NoPassphrase() { return Error(Errc::kCancelled, "not to be asked"); }

class RecoveryKey : public ::testing::Test {
 protected:
  fs::path Share(int number) const { return root_ / ("recovery-share-" + std::to_string(number) + ".txt"); }
  TemporaryDirectory temporary_;
  const fs::path& root_ = temporary_.path();
};

TEST_F(RecoveryKey, ComesBackFromItsFile) {
  const auto made = MakeRecoveryKey({.file = root_ / "key.pem"}, std::nullopt);
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(fs::status(root_ / "key.pem").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto loaded = LoadRecoveryKey({.file = root_ / "key.pem"}, &NoPassphrase);
  ASSERT_TRUE(loaded.ok()) << loaded.error();
  EXPECT_EQ(loaded->public_key(), *made);
  EXPECT_EQ(MakeRecoveryKey({.file = root_ / "key.pem"}, std::nullopt).error().code(), Errc::kAlreadyExists);
  std::ofstream(root_ / "public.pem") << PublicPem(*made);
  EXPECT_EQ(LoadPublic(root_ / "public.pem")->ToSpki(), made->ToSpki());
  EXPECT_FALSE(LoadPublic(root_ / "key.pem").ok());
}

TEST_F(RecoveryKey, AskForThePassphraseOfAFileThatHasOne) {
  const auto made = MakeRecoveryKey({.file = root_ / "key.pem"}, Secret("phrase"));
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(LoadRecoveryKey({.file = root_ / "key.pem"}, &NoPassphrase).error().code(), Errc::kCancelled);
  EXPECT_EQ(LoadRecoveryKey({.file = root_ / "key.pem"}, [] { return Result(Secret("other")); }).error().code(),
            Errc::kAccessDenied);
  EXPECT_TRUE(LoadRecoveryKey({.file = root_ / "key.pem"}, [] { return Result(Secret("phrase")); }).ok());
}

TEST_F(RecoveryKey, ComesBackFromShares) {
  const auto made = MakeRecoveryKey({.share_directory = root_, .needed = 2, .of = 3}, std::nullopt);
  ASSERT_TRUE(made.ok()) << made.error();
  const auto loaded = LoadRecoveryKey({.shares = {Share(3), Share(2)}}, &NoPassphrase);
  ASSERT_TRUE(loaded.ok()) << loaded.error();
  EXPECT_EQ(loaded->public_key(), *made);
  const auto few = LoadRecoveryKey({.shares = {Share(3)}}, &NoPassphrase);
  EXPECT_NE(few.error().public_message().find("2 shares"), std::string::npos);
}

TEST_F(RecoveryKey, SharesThatAreThereAreNotReplacedAndNoneIsLeftOver) {
  std::ofstream(Share(2)) << "somebody's";
  EXPECT_EQ(MakeRecoveryKey({.share_directory = root_, .needed = 2, .of = 3}, std::nullopt).error().code(),
            Errc::kAlreadyExists);
  EXPECT_FALSE(fs::exists(Share(1)));
  EXPECT_FALSE(fs::exists(Share(3)));
}

TEST_F(RecoveryKey, AFileThatIsNoKeyIsNamed) {
  std::ofstream(root_ / "x.txt") << "nonsense";
  for (const auto& source : {KeySource{.file = root_ / "x.txt"}, KeySource{.shares = {root_ / "x.txt"}}}) {
    const auto loaded = LoadRecoveryKey(source, &NoPassphrase);
    EXPECT_EQ(loaded.error().code(), Errc::kInvalidArgument);
    EXPECT_NE(loaded.error().public_message().find("x.txt"), std::string::npos);
  }
  EXPECT_EQ(LoadRecoveryKey({.file = root_ / "none"}, &NoPassphrase).error().code(), Errc::kNotFound);
}

TEST(ShareCountText, IsReadStrictly) {
  EXPECT_EQ(*ParseShareCount("3/5"), (std::pair<unsigned, unsigned>{3, 5}));
  for (const char* text : {"", "3", "3/", "/5", "3/5x", "1/5", "6/5", "3/65", "-3/5", "3 / 5"})
    EXPECT_FALSE(ParseShareCount(text).ok()) << text;
}

}  // namespace
}  // namespace strongroom::recovery
