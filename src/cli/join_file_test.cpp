#include "cli/join_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"
#include "base/testing/temporary_directory.h"
#include "crypto/random.h"

namespace strongroom::cli {
namespace {

JoinPackage Small() {
  JoinPackage package;
  package.facts.set_invitation_id("11112222-3333-4444-5555-666677778888");
  package.facts.set_account_id("111122223333");
  package.facts.set_recovery_public_key("a key");
  package.facts.set_https_ca("a certificate");
  package.invitation = crypto::RandomSecret(32).value();
  for (SecretBuffer* key : {&package.https_ca_key, &package.outer_key, &package.next_outer_key, &package.client_key})
    *key = crypto::RandomSecret(8).value();
  return package;
}

class JoinFileTest : public ::testing::Test {
 protected:
  JoinFileTest() {
    EXPECT_TRUE(WriteJoinFile(file(), Small()).ok());
    whole_ = ReadFile(file()).value();
  }
  std::filesystem::path file() const { return directory_.path() / "join"; }

  /// Empty when it was taken.
  std::string Refusal(const std::string& content) {
    const std::filesystem::path changed = directory_.path() / "changed";
    std::ofstream(changed, std::ios::binary | std::ios::trunc) << content;
    EXPECT_EQ(::chmod(changed.c_str(), 0600), 0);
    const auto read = ReadJoinFile(changed);
    if (read.ok()) return "";
    EXPECT_EQ(read.error().code(), Errc::kInvalidArgument) << read.error();
    return read.error().public_message();
  }

  TemporaryDirectory directory_;
  std::string whole_;
};

TEST_F(JoinFileTest, WhatWasWrittenIsRead) {
  const JoinPackage wanted = Small();
  const auto read = ReadJoinFile(file());
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_EQ(read->facts.SerializeAsString(), wanted.facts.SerializeAsString());
  EXPECT_EQ(read->invitation.size(), 32u);
  EXPECT_EQ(read->client_key.size(), 8u);
}

TEST_F(JoinFileTest, NotOneBitMayChange) {
  for (std::size_t at = 0; at < whole_.size() * 8; ++at) {
    std::string changed = whole_;
    changed[at / 8] = static_cast<char>(changed[at / 8] ^ (1 << at % 8));
    EXPECT_NE(Refusal(changed), "") << "bit " << at << " of " << whole_.size() * 8;
  }
}

TEST_F(JoinFileTest, NothingMayBeMissingOrAdded) {
  for (std::size_t size = 0; size < whole_.size(); ++size) EXPECT_NE(Refusal(whole_.substr(0, size)), "") << size;
  EXPECT_NE(Refusal(whole_ + "x"), "");
  EXPECT_NE(Refusal(whole_ + whole_), "");
  EXPECT_EQ(Refusal(whole_), "");
}

TEST_F(JoinFileTest, TheTextSaysWhatIsWrong) {
  std::string changed = whole_;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  EXPECT_THAT(Refusal(changed), ::testing::HasSubstr("is damaged"));
  changed = whole_;
  changed[3] = 1;
  EXPECT_THAT(Refusal(changed), ::testing::HasSubstr("of another version"));
  EXPECT_THAT(Refusal("something else"), ::testing::HasSubstr("is not a whole file"));
}

}  // namespace
}  // namespace strongroom::cli
