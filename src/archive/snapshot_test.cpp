// Whole snapshots in a directory under keys of a KMS in memory: what stands in the store is exchanged or altered.
#include "archive/snapshot.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "archive/data_keys.h"
#include "archive/expecting_cmm.h"
#include "archive/operations.h"
#include "archive/packer.h"
#include "archive/testing/location_fixture.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/encryptor.h"
#include "encryption_sdk/errors.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace fs = std::filesystem;

std::string Content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class SnapshotTest : public testing_kit::LocationTest {
 protected:
  void SetUp() override {
    fs::create_directory(root_ / "tree");
    // Two files that share an object, and one of several objects.
    std::ofstream(root_ / "tree" / "a") << "first";
    std::ofstream(root_ / "tree" / "b") << "second";
    std::ofstream(root_ / "tree" / "large") << std::string(std::size_t{3} << 20, 'x');
  }

  void Send(const std::string& snapshot, bool sign = false) { LocationTest::Send(snapshot, "tree", sign); }
  fs::path FileOf(const std::string& object) const { return root_ / "store" / object; }
  std::vector<std::string> DataOf(const std::string& snapshot) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(FileOf(DataPrefixOf(snapshot))))
      names.push_back(DataPrefixOf(snapshot) + entry.path().filename().string());
    return names;
  }
  /// Changes one byte at `offset`, in place.
  void Flip(const std::string& object, std::size_t offset) const {
    std::string bytes = Content(FileOf(object));
    ASSERT_LT(offset, bytes.size());
    bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
    Overwrite(object, bytes);
  }
  void Overwrite(const std::string& object, const std::string& bytes) const {
    fs::permissions(FileOf(object), fs::perms::owner_all);
    std::ofstream(FileOf(object), std::ios::binary | std::ios::trunc) << bytes;
  }
  std::uint64_t Decrypts() const {
    const auto& asked = kms_->Port("eu-central-1")->asked;
    return static_cast<std::uint64_t>(
        std::count_if(asked.begin(), asked.end(), [](const std::string& call) { return call.starts_with("Decrypt"); }));
  }
};

TEST_F(SnapshotTest, EachMessageSaysItsKind) {
  Send("one", true);
  auto opened = OpenSnapshot(access_, "one");
  ASSERT_TRUE(opened.ok()) << opened.error();
  auto writing = access_.WritingKeyring(access_.location.keys);
  ASSERT_TRUE(writing.ok());
  ASSERT_TRUE(WriteDataKeys(
                  access_, "one",
                  [] {
                    esdk::GivenDataKeys keys;
                    keys.emplace(crypto::Sha256Digest{}, crypto::RandomSecret(32).value());
                    return keys;
                  }(),
                  *writing, opened->expected)
                  .ok());
  const auto kind_of = [&](const std::string& object) {
    const auto header = esdk::PeekHeader(AsBytes(Content(FileOf(object))));
    EXPECT_TRUE(header.ok());
    return header->context.at(std::string(kContextKind));
  };
  EXPECT_EQ(kind_of(ManifestOf("one")), "manifest");
  EXPECT_EQ(kind_of(KeysOf("one")), "keys");
  for (const std::string& object : DataOf("one")) EXPECT_EQ(kind_of(object), "data");
}

TEST_F(SnapshotTest, NoMessagePassesForOneOfAnotherKind) {
  Send("one", true);
  auto keyring = access_.ReadingKeyring();
  ASSERT_TRUE(keyring.ok());
  const std::string manifest = Content(FileOf(ManifestOf("one")));
  // The manifest as keys, and a signed data object as manifest and keys: all under the same keys and signed.
  Overwrite(DataOf("one")[0], manifest);
  std::ofstream(FileOf(KeysOf("one")), std::ios::binary) << manifest;
  const auto keys = ReadDataKeys(access_, "one", *keyring);
  ASSERT_FALSE(keys.ok());
  EXPECT_EQ(esdk::CodeOf(keys.error()), esdk::ErrorCode::kContextMismatch) << keys.error();
  const auto verified = Verify(access_, "one", false, {});
  ASSERT_TRUE(verified.ok()) << verified.error();
  EXPECT_EQ(verified->problems.count, 1u);
  Overwrite(ManifestOf("one"), Content(FileOf(DataOf("one")[1])));
  const auto opened = OpenSnapshot(access_, "one");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Errc::kCorrupted);
  EXPECT_NE(opened.error().public_message().find("strongroom:kind"), std::string::npos) << opened.error();
}

TEST_F(SnapshotTest, AManifestThatSaysNoKindIsNotRead) {
  Send("one");
  auto writing = access_.WritingKeyring(access_.location.keys);
  ASSERT_TRUE(writing.ok());
  const esdk::CmmPtr cmm = esdk::MakeDefaultCmm(*writing);
  esdk::EncryptOptions options;
  options.suite = esdk::SuiteId::k256CommitP384;
  const auto sealed = esdk::EncryptMessage(
      *cmm, {{std::string(kContextLocation), access_.location.id}, {std::string(kContextSnapshot), "one"}},
      AsBytes("anything"), options);
  ASSERT_TRUE(sealed.ok());
  Overwrite(ManifestOf("one"), std::string(AsText(sealed->message)));
  const auto opened = OpenSnapshot(access_, "one");
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().public_message().find("strongroom:kind"), std::string::npos) << opened.error();
}

struct FlipRow {
  std::string name, field;
  bool sign;
};
class FlipTable : public SnapshotTest, public testing::WithParamInterface<FlipRow> {};
TEST_P(FlipTable, CostsThatObjectAlone) {
  Send("one", GetParam().sign);
  const std::string victim = DataOf("one")[0];
  const std::string bytes = Content(FileOf(victim));
  const auto header = esdk::PeekHeader(AsBytes(bytes));
  ASSERT_TRUE(header.ok());
  std::size_t offset = 0;
  const auto behind = [&](std::string_view text) { return bytes.find(text) + text.size(); };
  if (GetParam().field == "context value") offset = behind("strongroom:path") + 3;
  if (GetParam().field == "context name") offset = behind("strongroom:pat");
  if (GetParam().field == "public key") offset = behind("aws-crypto-public-key") + 2;
  if (GetParam().field == "provider") offset = behind("aws-km");
  if (GetParam().field == "key name") offset = behind(access_.location.keys.kms_keys[0]) - 1;
  if (GetParam().field == "data key") offset = behind(access_.location.keys.kms_keys[0]) + 6;
  if (GetParam().field == "header tag") offset = header->total_bytes - 1;
  if (GetParam().field == "body") offset = header->total_bytes + 40;
  ASSERT_NE(offset, 0u);
  if (GetParam().field == "public key") {
    // Another point of the curve: the other root of the same x.
    const std::size_t length = Base64Size(49);
    auto point = FromBase64(bytes.substr(offset, length));
    ASSERT_TRUE(point.ok());
    point->front() ^= 1;
    Overwrite(victim, bytes.substr(0, offset) + Base64(*point) + bytes.substr(offset + length));
  } else {
    Flip(victim, offset);
  }

  const auto verified = Verify(access_, "one", false, {});
  ASSERT_TRUE(verified.ok()) << verified.error();
  EXPECT_EQ(verified->problems.count, 1u);
  EXPECT_NE(verified->problems.lines.at(0).find(victim), std::string::npos) << verified->problems.lines.at(0);
  RestoreOptions options;
  options.snapshot = "one";
  options.target = (root_ / "back").string();
  const auto restored = Restore(access_, options, {});
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_GE(restored->problems.count, 2u);  // the object, and its files
  EXPECT_LE(restored->problems.count, 4u);
}
INSTANTIATE_TEST_SUITE_P(Fields, FlipTable,
                         testing::Values(FlipRow{"ContextValue", "context value", false},
                                         FlipRow{"ContextName", "context name", false},
                                         FlipRow{"PublicKey", "public key", true},
                                         FlipRow{"Provider", "provider", false}, FlipRow{"KeyName", "key name", false},
                                         FlipRow{"DataKey", "data key", false},
                                         FlipRow{"SignedDataKey", "data key", true},
                                         FlipRow{"HeaderTag", "header tag", false}, FlipRow{"Body", "body", false}),
                         [](const auto& info) { return info.param.name; });

TEST_F(SnapshotTest, KmsIsAskedForNoDataKeyThatTheManifestDoesNotName) {
  Send("one");
  const std::string victim = DataOf("one")[0];
  const std::string bytes = Content(FileOf(victim));
  kms_->Port("eu-central-1")->asked.clear();
  ASSERT_TRUE(Verify(access_, "one", false, {}).ok());
  const std::uint64_t sound = Decrypts();
  Flip(victim, bytes.find(access_.location.keys.kms_keys[0]) + access_.location.keys.kms_keys[0].size() + 6);
  kms_->Port("eu-central-1")->asked.clear();
  ASSERT_TRUE(Verify(access_, "one", false, {}).ok());
  EXPECT_LE(Decrypts(), sound);
}

TEST_F(SnapshotTest, AKmsThatRefusesIsNoDamage) {
  Send("one");
  const auto opened = OpenSnapshot(access_, "one");
  ASSERT_TRUE(opened.ok());
  kms_->Port("eu-central-1")->fails.emplace(Errc::kAccessDenied, "no");
  PlainBuffer buffer;
  const Status fetched = opened->Reader(*access_.store).Fetch(0, buffer);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code(), Errc::kAccessDenied);
}

TEST_F(SnapshotTest, ListsWhateverElseLiesThere) {
  Send("one");
  Send("one.more");
  const auto put = [&](const std::string& name) {
    ASSERT_TRUE(access_.store->Put(name, AsBytes("x"), aws_client::PutIf::kAny).ok()) << name;
  };
  // More than a page between the data and the manifest, and behind it; names around '/' in the order of bytes.
  for (int i = 0; i < 30; ++i) {
    put(fmt::format("snapshots/one/e{}", i));
    put(fmt::format("snapshots/one/zz{}", i));
  }
  put("snapshots/one/~/behind");
  put("snapshots/one/\xc3\xbc/behind");
  put("snapshots/one-/data/x");
  put("snapshots/one0/keys");
  put("snapshots/one0/~");
  put("snapshots/-bad/manifest");
  put("snapshots/zlast/data~");
  put("snapshots/zlast/manifest");
  put("snapshots/file");
  const auto listed = ListSnapshots(*access_.store);
  ASSERT_TRUE(listed.ok()) << listed.error();
  std::string shown;
  for (const SnapshotState& state : *listed)
    shown += fmt::format("{}{}{} ", state.name, state.finished ? "+" : "-", state.rekeyed ? "k" : "");
  EXPECT_EQ(shown, "one-- one.more+ one+ one0-k zlast+ ");
  EXPECT_EQ(listed->at(2).manifest_bytes, fs::file_size(FileOf(ManifestOf("one"))));
}

}  // namespace
}  // namespace strongroom::archive
