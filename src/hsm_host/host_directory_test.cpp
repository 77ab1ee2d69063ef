#include "hsm_host/host_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/testing/temporary_directory.h"
#include "channel/tls_context.h"
#include "hsm_host/hsm_list.h"
#include "hsm_host/key_file.h"
#include "hsm_host/root_key.h"
#include "hsm_host/testing/host_fixture.h"

namespace strongroom::hsm_host {
namespace {

std::string Command(const std::string& command) { return testing::RunCommand(command).output; }

class HostDirectoryTest : public ::testing::Test {
 protected:
  TemporaryDirectory temporary_;
  std::filesystem::path root_ = temporary_.path() / "host";
};

struct OuterRow {
  std::string name, file, hash, serial, unit;
};
class OuterCertificates : public HostDirectoryTest, public ::testing::WithParamInterface<OuterRow> {};
TEST_P(OuterCertificates, AreNamedAsTheOriginals) {
  testing::CopyPreparedHost(root_);
  const std::string x509 = "openssl x509 -noout -in " + (root_ / GetParam().file).string();
  EXPECT_EQ(Command(x509 + " -subject_hash"), GetParam().hash + "\n");
  EXPECT_EQ(Command(x509 + " -serial"), "serial=" + GetParam().serial + "\n");
  const std::string name = "C = US, ST = Virginia, L = Herndon, O = AWS, OU = " + GetParam().unit +
                           ", CN = CloudHSM, emailAddress = cloudhsm-team@amazon.com\n";
  EXPECT_EQ(Command(x509 + " -subject"), "subject=" + name);
  EXPECT_EQ(Command(x509 + " -issuer"), "issuer=" + name);
  EXPECT_THAT(Command(x509 + " -text"), ::testing::HasSubstr("Public-Key: (2048 bit)"));
  EXPECT_THAT(Command(x509 + " -checkend 310000000"), ::testing::HasSubstr("will not expire"));
}
INSTANTIATE_TEST_SUITE_P(
    HostDirectory, OuterCertificates,
    ::testing::Values(OuterRow{"First", "outer.crt", "21a10654", "B7FA7A40976CBE82", "AWS Cryptography"},
                      OuterRow{"Successor", "outer-next.crt", "712ff948", "A7525B285D1C2BB5", "Cryptography"}),
    [](const auto& info) { return info.param.name; });

TEST_F(HostDirectoryTest, KeysFitTheirCertificatesAndAreTheirOwnersAlone) {
  testing::CopyPreparedHost(root_);
  const HostDirectory files{root_};
  for (const auto& [certificate, key] : {std::pair{files.outer_certificate(), files.outer_key()},
                                         {files.next_outer_certificate(), files.next_outer_key()},
                                         {files.client_certificate(), files.client_key()},
                                         {files.control_certificate(), files.control_key()}}) {
    const auto identity = channel::LoadIdentity(certificate, key);
    EXPECT_TRUE(identity.ok()) << identity.error();
    struct stat info {};
    ASSERT_EQ(::stat(key.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
  }
}

TEST_F(HostDirectoryTest, ASecondRunLeavesEverythingAsItIs) {
  testing::CopyPreparedHost(root_);
  const auto before = Command("cd " + root_.string() + " && sha256sum *.crt *.key host-id");
  ASSERT_TRUE(InitHostDirectory(root_).ok());
  EXPECT_EQ(Command("cd " + root_.string() + " && sha256sum *.crt *.key host-id"), before);
}

TEST_F(HostDirectoryTest, ALostKeyIsNotReplaced) {
  testing::CopyPreparedHost(root_);
  std::filesystem::remove(HostDirectory{root_}.outer_key());
  EXPECT_EQ(InitHostDirectory(root_).error().code(), Errc::kCorrupted);
}

TEST_F(HostDirectoryTest, FrontEndsAreThoseWhoseFilesAreCertificates) {
  testing::CopyPreparedHost(root_);
  ASSERT_TRUE(MakeControlIdentity(root_ / "fe.crt", root_ / "fe.key", "front end").ok());
  const auto certificate = channel::LoadCertificate(root_ / "fe.crt");
  ASSERT_TRUE(certificate.ok());
  ASSERT_TRUE(AllowFrontEnd(root_, "one", *certificate).ok());
  std::ofstream(HostDirectory{root_}.front_ends() / "broken.pem") << "nonsense";
  const auto loaded = LoadFrontEnds(root_);
  ASSERT_TRUE(loaded.ok());
  ASSERT_EQ(loaded->size(), 1U);
  EXPECT_EQ(loaded->front(), *certificate);
  EXPECT_EQ(AllowFrontEnd(root_, "../evil", *certificate).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(MakeControlIdentity(root_ / "fe.crt", root_ / "fe2.key", "x").error().code(), Errc::kAlreadyExists);
}

TEST_F(HostDirectoryTest, AFrontEndIsRemovedUnderEveryNameAndTheLastOneStays) {
  testing::CopyPreparedHost(root_);
  ASSERT_TRUE(MakeControlIdentity(root_ / "one.crt", root_ / "one.key", "front end").ok());
  ASSERT_TRUE(MakeControlIdentity(root_ / "two.crt", root_ / "two.key", "front end").ok());
  const auto one = channel::LoadCertificate(root_ / "one.crt"), two = channel::LoadCertificate(root_ / "two.crt");
  ASSERT_TRUE(AllowFrontEnd(root_, "one", *one).ok());
  ASSERT_TRUE(AllowFrontEnd(root_, "invited-by", *one).ok());
  EXPECT_EQ(RemoveFrontEnd(root_, *one).error().code(), Errc::kInvalidState);
  EXPECT_EQ(RemoveFrontEnd(root_, *two).value(), false);
  ASSERT_TRUE(AllowFrontEnd(root_, "two", *two).ok());
  EXPECT_EQ(RemoveFrontEnd(root_, *one).value(), true);
  EXPECT_EQ(LoadFrontEnds(root_).value(), std::vector{*two});
}

TEST_F(HostDirectoryTest, RootKeysAreStableAndEachHsmsOwn) {
  const auto file = temporary_.path() / "hsm-root-key";
  const auto first = ReadHostRootKey(RootKeySource::kFile, file);
  const auto again = ReadHostRootKey(RootKeySource::kFile, file);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_TRUE(first->EqualsInConstantTime(*again));
  const auto one = DeriveHsmRootKey(*first, "hsm-1"), same = DeriveHsmRootKey(*again, "hsm-1"),
             two = DeriveHsmRootKey(*first, "hsm-2");
  ASSERT_TRUE(one.ok() && same.ok() && two.ok());
  EXPECT_TRUE(one->EqualsInConstantTime(*same));
  EXPECT_FALSE(one->EqualsInConstantTime(*two));
  EXPECT_FALSE(one->EqualsInConstantTime(*first));
}

struct KeyRow {
  std::string name, content;
  mode_t mode;
  Errc want;
};
class BadRootKeys : public HostDirectoryTest, public ::testing::WithParamInterface<KeyRow> {};
TEST_P(BadRootKeys, AreRefusedAndLeftAlone) {
  const auto file = temporary_.path() / "hsm-root-key";
  std::ofstream(file) << GetParam().content;
  ASSERT_EQ(::chmod(file.c_str(), GetParam().mode), 0);
  EXPECT_EQ(ReadHostRootKey(RootKeySource::kFile, file).error().code(), GetParam().want);
  EXPECT_EQ(*ReadTextFile(file, 1000), GetParam().content);
}
INSTANTIATE_TEST_SUITE_P(HostDirectory, BadRootKeys,
                         ::testing::Values(KeyRow{"Empty", "", 0600, Errc::kCorrupted},
                                           KeyRow{"Short", "0123456789", 0600, Errc::kCorrupted},
                                           KeyRow{"Long", std::string(33, 'k'), 0600, Errc::kCorrupted},
                                           KeyRow{"VeryLong", std::string(64, 'k'), 0600, Errc::kInvalidArgument},
                                           KeyRow{"ReadableByAll", std::string(32, 'k'), 0644, Errc::kPermission}),
                         [](const auto& info) { return info.param.name; });

TEST_F(HostDirectoryTest, TheListComesBackAsItWasSaved) {
  const auto file = temporary_.path() / "hsms.json";
  ASSERT_TRUE(LoadHsmList(file).ok());
  EXPECT_TRUE(LoadHsmList(file)->empty());
  HsmList list;
  list["hsm-1"] = {"hsm-1", "cluster-1", "127.9.9.1", "a", {}, true};
  list["hsm-2"] = {"hsm-2", "", "::1", "", {}, false};
  ASSERT_TRUE(SaveHsmList(file, list).ok());
  const auto loaded = LoadHsmList(file);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(*loaded, list);
}

struct ListRow {
  std::string name, text;
};
class BadLists : public HostDirectoryTest, public ::testing::WithParamInterface<ListRow> {};
TEST_P(BadLists, AreRefused) {
  const auto file = temporary_.path() / "hsms.json";
  std::ofstream(file) << GetParam().text;
  EXPECT_EQ(LoadHsmList(file).error().code(), Errc::kCorrupted);
}
const std::string kRow =
    R"({"hsm_id":"hsm-1","cluster_id":"","address":"127.0.0.1","zone":"a","trust_anchor":"","wanted":true})";
INSTANTIATE_TEST_SUITE_P(
    HostDirectory, BadLists,
    ::testing::Values(ListRow{"Empty", ""}, ListRow{"NotJson", "hsm-1"}, ListRow{"NoVersion", R"({"hsms":[]})"},
                      ListRow{"NewerVersion", R"({"version":2,"hsms":[]})"},
                      ListRow{"Twice", R"({"version":1,"hsms":[)" + kRow + "," + kRow + "]}"},
                      ListRow{"FieldMissing", R"({"version":1,"hsms":[{"hsm_id":"hsm-1"}]})"},
                      ListRow{"IdThatIsAPath",
                              R"({"version":1,"hsms":[{"hsm_id":"../x","cluster_id":"","address":"127.0.0.1",)"
                              R"("zone":"a","trust_anchor":"","wanted":true}]})"}),
    [](const auto& info) { return info.param.name; });

struct EntryRow {
  std::string name;
  HsmEntry entry;
  bool good;
};
class Entries : public ::testing::TestWithParam<EntryRow> {};
TEST_P(Entries, AreCheckedFieldByField) { EXPECT_EQ(Check(GetParam().entry).ok(), GetParam().good); }
INSTANTIATE_TEST_SUITE_P(
    HostDirectory, Entries,
    ::testing::Values(EntryRow{"Good", {"hsm-ab2", "cluster-x", "10.0.0.1", "us-east-1a", {}, true}, true},
                      EntryRow{"NoId", {"", "c", "10.0.0.1", "a", {}, true}, false},
                      EntryRow{"Slash", {"a/b", "c", "10.0.0.1", "a", {}, true}, false},
                      EntryRow{"Dots", {"..", "c", "10.0.0.1", "a", {}, true}, false},
                      EntryRow{"LongId", {std::string(65, 'a'), "c", "10.0.0.1", "a", {}, true}, false},
                      EntryRow{"HostName", {"h", "c", "localhost", "a", {}, true}, false},
                      EntryRow{"AnyAddress", {"h", "c", "0.0.0.0", "a", {}, true}, false},
                      EntryRow{"AnchorThatIsNone", {"h", "c", "10.0.0.1", "a", {1, 2, 3}, true}, false}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::hsm_host
