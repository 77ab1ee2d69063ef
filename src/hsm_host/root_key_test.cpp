#include "hsm_host/root_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "base/testing/temporary_directory.h"
#include "hsm_host/testing/host_fixture.h"

namespace strongroom::hsm_host {
namespace {

/// systemd's side of it: a directory that CREDENTIALS_DIRECTORY names.
class Credentials : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("CREDENTIALS_DIRECTORY", directory_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
  void Put(const std::string& content, mode_t mode = 0400) {
    const auto file = directory_.path() / "strongroom-root-key";
    std::ofstream(file) << content;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  std::filesystem::path file() const { return elsewhere_.path() / "hsm-root-key"; }

  TemporaryDirectory directory_, elsewhere_;
};

TEST_F(Credentials, AreTheRootKeyAndNoFileIsMade) {
  Put(std::string(32, 'k'));
  const auto expected = SecretBuffer::CopyOf(AsBytes(std::string(32, 'k')));
  for (const RootKeySource source : {RootKeySource::kAutomatic, RootKeySource::kSystemdCredential}) {
    const auto key = ReadHostRootKey(source, file());
    ASSERT_TRUE(key.ok()) << key.error().ForLog();
    EXPECT_TRUE(key->EqualsInConstantTime(*expected));
  }
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(Credentials, AreMissedByWhoIsNotGivenThem) {
  Put(std::string(32, 'k'));
  ASSERT_TRUE(ReadHostRootKey(RootKeySource::kAutomatic, file()).ok());
  ::unsetenv("CREDENTIALS_DIRECTORY");
  const auto without = ReadHostRootKey(RootKeySource::kAutomatic, file());
  ASSERT_FALSE(without.ok());
  EXPECT_EQ(without.error().code(), Errc::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(Credentials, AreNotTakenBesideAFileWithAnotherKey) {
  const auto made = [&] {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    auto key = ReadHostRootKey(RootKeySource::kAutomatic, file());
    ::setenv("CREDENTIALS_DIRECTORY", directory_.path().c_str(), 1);
    return key;
  }();
  ASSERT_TRUE(made.ok());
  Put(std::string(32, 'k'));
  EXPECT_EQ(ReadHostRootKey(RootKeySource::kAutomatic, file()).error().code(), Errc::kInvalidState);
  std::ifstream in(file(), std::ios::binary);
  const std::string same((std::istreambuf_iterator<char>(in)), {});
  std::filesystem::remove(directory_.path() / "strongroom-root-key");
  Put(same);
  const auto moved = ReadHostRootKey(RootKeySource::kAutomatic, file());
  ASSERT_TRUE(moved.ok()) << moved.error();
  EXPECT_TRUE(moved->EqualsInConstantTime(*made));
}

TEST_F(Credentials, AreNotReplacedByAFileWhenAskedFor) {
  EXPECT_EQ(ReadHostRootKey(RootKeySource::kSystemdCredential, file()).error().code(), Errc::kNotFound);
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(ReadHostRootKey(RootKeySource::kSystemdCredential, file()).error().code(), Errc::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(Credentials, AreNotReadWhenAFileIsAskedFor) {
  Put(std::string(32, 'k'));
  const auto key = ReadHostRootKey(RootKeySource::kFile, file());
  ASSERT_TRUE(key.ok());
  EXPECT_FALSE(key->EqualsInConstantTime(*SecretBuffer::CopyOf(AsBytes(std::string(32, 'k')))));
}

struct BadCredential {
  std::string name, content;
  mode_t mode;
  Errc want;
};
class BadCredentials : public Credentials, public ::testing::WithParamInterface<BadCredential> {};
TEST_P(BadCredentials, AreRefusedAndNoFileIsMadeInstead) {
  Put(GetParam().content, GetParam().mode);
  for (const RootKeySource source : {RootKeySource::kAutomatic, RootKeySource::kSystemdCredential})
    EXPECT_EQ(ReadHostRootKey(source, file()).error().code(), GetParam().want);
  EXPECT_FALSE(std::filesystem::exists(file()));
}
INSTANTIATE_TEST_SUITE_P(RootKey, BadCredentials,
                         ::testing::Values(BadCredential{"Empty", "", 0400, Errc::kCorrupted},
                                           BadCredential{"Short", std::string(31, 'k'), 0400, Errc::kCorrupted},
                                           BadCredential{"Long", std::string(33, 'k'), 0400, Errc::kCorrupted},
                                           BadCredential{"ReadableByAll", std::string(32, 'k'), 0644,
                                                         Errc::kPermission}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::hsm_host
