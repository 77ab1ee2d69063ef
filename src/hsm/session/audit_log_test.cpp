#include "hsm/session/audit_log.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "hsm/session/testing/test_hsm.h"

namespace strongroom::hsm {
namespace {

using testing::TestHsm;

std::string FileText(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(AuditLog, ChainsEventsAndGoesOnAfterARestart) {
  TestHsm hsm(TestHsm::Kind::kCustomer);
  hsm.CreateCluster();
  auto client = hsm.Connect();
  hsm.LogIn(*client, proto::PRECO, "admin", "password");
  hsm.Call(*client, wire::Command::kLogout, proto::LogoutRequest());
  hsm.LogIn(*client, proto::CU, "nobody", "password");
  const std::string text = FileText(hsm.directory() / "audit");
  EXPECT_THAT(text, ::testing::HasSubstr("Sequence No : 0x0\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("Opcode : CN_LOGIN (0xd)\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("Response : 0:HSM Return: SUCCESS\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("Response : 157:HSM Error: user-not-found\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("User Type : CN_CRYPTO_PRE_OFFICER (6)\n"));
  auto verified = VerifyAuditText(text);
  ASSERT_TRUE(verified.ok()) << verified.error();
  EXPECT_EQ(*verified, 3u);

  auto reopened = AuditLog::Open(hsm.directory(), &TestHsm::Now);
  ASSERT_TRUE(reopened.ok());
  EXPECT_EQ(reopened->next_sequence(), 3u);
}

TEST(AuditLog, EveryChangeOfTheFileIsSeen) {
  TestHsm hsm(TestHsm::Kind::kCustomer);
  hsm.CreateCluster();
  auto client = hsm.Connect();
  hsm.LogIn(*client, proto::CU, "nobody", "password");
  hsm.LogIn(*client, proto::CU, "nobody", "password");
  const std::string text = FileText(hsm.directory() / "audit");
  ASSERT_TRUE(VerifyAuditText(text).ok());
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(VerifyAuditText(changed).ok()) << at;
  }
  EXPECT_FALSE(VerifyAuditText(text.substr(text.find("\n\n") + 2)).ok()) << "the first event is missing";
  std::ofstream(hsm.directory() / "audit", std::ios::app) << "half an event";
  auto reopened = AuditLog::Open(hsm.directory(), &TestHsm::Now);
  ASSERT_TRUE(reopened.ok());
  EXPECT_EQ(reopened->next_sequence(), 2u) << "numbers go on";
  EXPECT_TRUE(std::filesystem::exists(hsm.directory() / "audit.broken"));
}

}  // namespace
}  // namespace strongroom::hsm
