#include "hsm/replica/device.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/testing/temporary_directory.h"
#include "hsm/replica/testing/test_cluster.h"
#include "secret/peek_for_tests.h"

namespace strongroom::hsm::replica {
namespace {

using testing::FileBytes;
using testing::RootKey;
using testing::WriteBytes;

SharedSecret Epoch(std::uint8_t fill) { return Share(std::move(*SecretBuffer::CopyOf(Bytes(32, fill)))); }

Status Make(const std::filesystem::path& directory) {
  SR_TRY(Device device, Device::Open(directory, "hsm-a", RootKey()));
  SR_CHECK(device.EnsureKey());
  Device::Certificates certificates;
  certificates.hsm = {1, 2, 3};
  certificates.aws_root = {4};
  SR_CHECK(device.SetCertificates(certificates));
  return device.AddSecrets("cluster-x", {{1, Epoch(11)}, {2, Epoch(12)}});
}

TEST(Device, KeepsWhatItWasGiven) {
  TemporaryDirectory directory;
  ASSERT_TRUE(Make(directory.path()).ok());
  const auto device = Device::Open(directory.path(), "hsm-a", RootKey());
  ASSERT_TRUE(device.ok()) << device.error();
  EXPECT_TRUE(device->has_key());
  EXPECT_EQ(device->serial().size(), 30u);
  EXPECT_EQ(device->serial().find_first_not_of("0123456789ABCDEF"), std::string::npos);
  EXPECT_EQ(device->cluster_id(), "cluster-x");
  EXPECT_EQ(device->certificates().hsm, (Bytes{1, 2, 3}));
  EXPECT_EQ(secret::Peek::At(*device->SecretOf(2))[0], 12);
  EXPECT_EQ(device->SecretOf(3), nullptr);
  const Bytes content = FileBytes(directory.path() / "device.sealed");
  const Bytes secret(32, 11);
  EXPECT_EQ(std::search(content.begin(), content.end(), secret.begin(), secret.end()), content.end());
}

TEST(Device, LeavingForgetsTheClusterAndKeepsTheKey) {
  TemporaryDirectory directory;
  ASSERT_TRUE(Make(directory.path()).ok());
  auto device = Device::Open(directory.path(), "hsm-a", RootKey());
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->AddSecrets("cluster-y", {}).error().code(), Errc::kInvalidState);
  ASSERT_TRUE(device->LeaveCluster().ok());
  const auto again = Device::Open(directory.path(), "hsm-a", RootKey());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->has_key());
  EXPECT_TRUE(again->secrets().empty());
  EXPECT_TRUE(again->cluster_id().empty());
}

struct Row {
  std::string name;
  std::string hsm_id = "hsm-a";
  std::uint8_t root_key = 7;
  std::function<void(Bytes&)> damage = [](Bytes&) {};
  Errc want = Errc::kCorrupted;
};
class RefusedDevice : public ::testing::TestWithParam<Row> {};
TEST_P(RefusedDevice, IsLeftAsItIs) {
  TemporaryDirectory directory;
  ASSERT_TRUE(Make(directory.path()).ok());
  const auto path = directory.path() / "device.sealed";
  Bytes content = FileBytes(path);
  GetParam().damage(content);
  WriteBytes(path, content);
  const auto device = Device::Open(directory.path(), GetParam().hsm_id, RootKey(GetParam().root_key));
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.error().code(), GetParam().want);
  EXPECT_FALSE(device.error().public_message().empty());
  EXPECT_EQ(FileBytes(path), content);
}
INSTANTIATE_TEST_SUITE_P(
    Device, RefusedDevice,
    ::testing::Values(Row{.name = "OtherRootKey", .root_key = 8}, Row{.name = "OtherHsm", .hsm_id = "hsm-b"},
                      Row{.name = "Empty", .damage = [](Bytes& b) { b.clear(); }},
                      Row{.name = "CutShort", .damage = [](Bytes& b) { b.resize(b.size() - 1); }},
                      Row{.name = "CutToHeader", .damage = [](Bytes& b) { b.resize(10); }},
                      Row{.name = "FlippedInside", .damage = [](Bytes& b) { b[b.size() / 2] ^= 1; }},
                      Row{.name = "FlippedTag", .damage = [](Bytes& b) { b.back() ^= 1; }},
                      Row{.name = "NoMagic", .damage = [](Bytes& b) { b[0] = 'X'; }},
                      Row{.name = "NewerVersion", .damage = [](Bytes& b) { b[3] = 2; }, .want = Errc::kUnsupported}),
    [](const auto& info) { return info.param.name; });

// In a child, since a limit on file sizes cannot be taken back by everyone who may run this.
TEST(Device, AFullDiskChangesNothing) {
  TemporaryDirectory directory;
  ASSERT_TRUE(Make(directory.path()).ok());
  const Bytes before = FileBytes(directory.path() / "device.sealed");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64, 64};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto device = Device::Open(directory.path(), "hsm-a", RootKey());
    if (!device.ok()) ::_exit(2);
    const Status added = device->AddSecrets("cluster-x", {{3, Epoch(13)}});
    const bool right = !added.ok() && added.error().code() == Errc::kResourceExhausted && !device->SecretOf(3);
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(FileBytes(directory.path() / "device.sealed"), before);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "device.sealed.new"));
}

}  // namespace
}  // namespace strongroom::hsm::replica
