#include "cmu/servers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace strongroom::cmu {
namespace {

class Servers : public ::testing::Test {
 protected:
  ~Servers() override { std::filesystem::remove(file_); }
  Result<std::vector<Server>> Read(std::string_view enable, std::string_view end_to_end) {
    std::ofstream(file_)
        << R"({"servers":[{"name":"one","hostname":"127.0.0.1","port":2225,"certificate":"c","pkey":"k",)"
        << R"("CApath":"p","enable":")" << enable << R"(","e2e_encryption":{"owner_cert_path":"o","enable":")"
        << end_to_end << R"("}}]})";
    return ReadServers(ClientHome::Find(), file_);
  }

  const std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("servers_test-" + std::to_string(::getpid()) + ".cfg");
};

TEST_F(Servers, AreEnabledByYesOnly) {
  const auto servers = Read("yes", "no");
  ASSERT_TRUE(servers.ok()) << servers.error().public_message();
  ASSERT_EQ(servers->size(), 1U);
  EXPECT_FALSE(servers->front().end_to_end);
  EXPECT_FALSE(Read("no", "yes").ok());
}

TEST_F(Servers, AnotherWordThanYesAndNoIsRefusedByName) {
  for (const auto& [enable, end_to_end] : {std::pair{"maybe", "yes"}, std::pair{"yes", "maybe"}}) {
    const auto servers = Read(enable, end_to_end);
    ASSERT_FALSE(servers.ok());
    EXPECT_EQ(servers.error().code(), Errc::kInvalidArgument);
    EXPECT_NE(servers.error().public_message().find(R"('enable' is "maybe")"), std::string::npos);
  }
}

}  // namespace
}  // namespace strongroom::cmu
