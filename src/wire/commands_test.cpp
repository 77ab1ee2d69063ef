#include "wire/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace strongroom::wire {
namespace {

std::set<std::string> Names(Repeat repeat) {
  std::set<std::string> names;
  for (const CommandRow& row : kCommands)
    if (row.repeat == repeat) names.emplace(row.name);
  return names;
}

// Whole lists: who adds a command decides here, too, what a client may do when its answer is lost.
TEST(Commands, ThatChangeNothingMayBeRepeated) {
  EXPECT_EQ(Names(Repeat::kRepeatable), (std::set<std::string>{"Echo",
                                                               "GetInfo",
                                                               "GetCertificates",
                                                               "ListUsers",
                                                               "FindKeys",
                                                               "GetKeyInfo",
                                                               "CreateToken",
                                                               "SealMessage",
                                                               "OpenMessage",
                                                               "SealRandom",
                                                               "SealKeyPair",
                                                               "GenerateRandom",
                                                               "CertifyDevice",
                                                               "ReleaseKeys",
                                                               "ListAdmissions",
                                                               "ChallengeOwner",
                                                               "Sign",
                                                               "Verify",
                                                               "GenerateMac",
                                                               "VerifyMac",
                                                               "AsymmetricEncrypt",
                                                               "AsymmetricDecrypt",
                                                               "DeriveSharedSecret",
                                                               "GetPublicKey",
                                                               "ReSeal",
                                                               "MakeImportKey",
                                                               "ImportKey",
                                                               "ListDomainKeys",
                                                               "AddDomainKey",
                                                               "DropDomainKey",
                                                               "RewrapToken",
                                                               "MakeSigningSecret",
                                                               "DeriveSigningKey",
                                                               "ForgetTokens",
                                                               "AesGcmEncrypt",
                                                               "AesGcmDecrypt"}));
}
TEST(Commands, ThatChangeTheClusterAreRemembered) {
  EXPECT_EQ(Names(Repeat::kDeduplicated),
            (std::set<std::string>{"CreateUser", "DeleteUser", "ChangePassword", "GenerateKey", "DestroyKey",
                                   "ApproveAdmission", "SetAdmissionRule", "ShareKey", "RecoverOfficer"}));
}
TEST(Commands, OfOneConnectionOrOneHsmAreNeverRepeated) {
  EXPECT_EQ(Names(Repeat::kNever), (std::set<std::string>{"Login", "Logout", "ChooseLog"}));
}

TEST(Commands, HaveNumbersAndNamesOfTheirOwn) {
  std::map<std::uint16_t, std::string> by_number;
  std::set<std::string_view> names;
  for (const CommandRow& row : kCommands) {
    by_number.emplace(static_cast<std::uint16_t>(row.command), row.name);
    names.insert(row.name);
  }
  EXPECT_EQ(by_number.size(), kCommands.size());
  EXPECT_EQ(names.size(), kCommands.size());
  for (unsigned number = 0; number <= 0xffff; ++number) {
    const CommandRow* row = FindCommand(static_cast<std::uint16_t>(number));
    const auto known = by_number.find(static_cast<std::uint16_t>(number));
    ASSERT_EQ(row != nullptr, known != by_number.end()) << number;
    if (row != nullptr) {
      EXPECT_EQ(row->name, known->second);
    }
  }
}

TEST(Commands, AreListedInTheFormats) {
  std::ifstream file(STRONGROOM_SOURCE_DIR "/docs/formats.md");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::ranges::replace(text, '\n', ' ');
  for (const CommandRow& row : kCommands)
    EXPECT_THAT(text, ::testing::HasSubstr(" " + std::to_string(static_cast<unsigned>(row.command)) + " " +
                                           std::string(row.name)));
}

}  // namespace
}  // namespace strongroom::wire
