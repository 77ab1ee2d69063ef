#include "trail/delivery/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <atomic>
#include <boost/json.hpp>
#include <set>
#include <thread>

#include "aws_client/directory_store.h"
#include "base/file.h"
#include "crypto/key_pair.h"
#include "store/testing/engines.h"
#include "trail/delivery/log_files.h"
#include "trail/testing/made_records.h"

namespace strongroom::trail {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::Made;
using testing::StoreFiller;

constexpr std::int64_t kMillis = 1'700'000'000'000;  // 2023-11-14T22:13:20Z

std::string Unzip(std::string_view packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
  std::string out(64 << 20, '\0');
  std::string in(packed);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

/// A bucket that counts, and fails when it is told to.
class FailingStore final : public aws_client::ObjectStore {
 public:
  struct Switches {
    std::atomic<int> puts{0};
    std::atomic<int> good{1 << 30};  // so many puts work, then none
  };
  FailingStore(std::unique_ptr<aws_client::ObjectStore> to, Switches& switches)
      : to_(std::move(to)), switches_(switches) {}
  std::string Description() const override { return to_->Description(); }
  Status Check() override { return to_->Check(); }
  Result<aws_client::ObjectInfo> Put(std::string_view name, ByteView bytes, aws_client::PutIf put_if) override {
    if (switches_.good-- <= 0) return Error(Errc::kUnavailable, "The bucket is away.");
    ++switches_.puts;
    return to_->Put(name, bytes, put_if);
  }
  Result<std::unique_ptr<aws_client::Upload>> StartUpload(std::string_view name, std::size_t part) override {
    return to_->StartUpload(name, part);
  }
  Result<aws_client::ObjectInfo> Get(std::string_view name, std::optional<aws_client::ByteRange> range,
                                     const aws_client::ByteSink& sink) override {
    return to_->Get(name, range, sink);
  }
  Result<aws_client::ObjectInfo> Head(std::string_view name) override { return to_->Head(name); }
  Result<aws_client::ObjectPage> List(std::string_view prefix, std::string_view after, std::size_t most) override {
    return to_->List(prefix, after, most);
  }
  Status Delete(std::span<const std::string> names) override { return to_->Delete(names); }
  Result<std::size_t> DropUnfinishedUploads(std::string_view prefix, std::chrono::seconds age) override {
    return to_->DropUnfinishedUploads(prefix, age);
  }

 private:
  std::unique_ptr<aws_client::ObjectStore> to_;
  Switches& switches_;
};

class DeliveryTest : public store::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_NE(database_, nullptr);
    auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
    ASSERT_TRUE(key.ok());
    key_.emplace(*std::move(key));
  }
  fs::path Bucket() const { return dir_.path() / "bucket"; }
  DeliveryOptions Options(const std::string& front_end) {
    DeliveryOptions options{.front_end = front_end, .bucket = "trail-bucket", .home = {"999999999999", "us-east-1"}};
    options.open = [this](const std::stop_token&) -> Result<std::unique_ptr<aws_client::ObjectStore>> {
      SR_TRY(auto store, aws_client::OpenDirectoryStore(Bucket(), aws_client::DirectoryUse::kCreate));
      return std::unique_ptr<aws_client::ObjectStore>(new FailingStore(std::move(store), switches_));
    };
    options.sign = [this](const Bytes& message) {
      return key_->Sign(crypto::SignatureScheme::kEcdsaSha256, crypto::MessageForm::kRaw, message);
    };
    options.public_key = [this]() -> Result<Bytes> { return key_->public_key().ToSpki(); };
    options.look_every = options.first_pause = options.most_pause = milliseconds(2);
    return options;
  }
  template <class Until>
  void RunUntil(DeliveryOptions options, Until until) {
    Delivery delivery(*database_, std::move(options));
    delivery.Start();
    while (!until(delivery.health())) std::this_thread::sleep_for(milliseconds(2));
    delivery.Stop();
  }
  void RunAll(DeliveryOptions options) {
    const std::string name = "audit-delivered " + options.front_end + " trail-bucket/" + options.prefix;
    RunUntil(std::move(options), [this, name](const DeliveryHealth&) {
      const auto row = database_->Read([&](store::Transaction& t) {
        return t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(name)});
      });
      return row.ok() && *row && AsText((*row)->Blob(0)).find(R"("segment":2,)") != std::string_view::npos;
    });
  }
  /// Objects whose names have this in them, and what is in them.
  std::map<std::string, std::string> Objects(const std::string& inside) {
    std::map<std::string, std::string> found;
    for (const auto& file : fs::recursive_directory_iterator(Bucket())) {
      const std::string name = fs::relative(file.path(), Bucket()).string();
      if (!file.is_regular_file() || name.find(inside) == std::string::npos) continue;
      const auto content = ReadFile(file.path(), 64 << 20);
      EXPECT_TRUE(content.ok());
      found[name] = name.ends_with(".gz") ? Unzip(*content) : *content;
    }
    return found;
  }
  /// Two segments of records of two accounts.
  void Fill(const std::string& front_end, int records = 60) {
    StoreFiller filler(*database_, front_end);
    for (int segment = 0; segment < 2; ++segment) {
      for (int i = 0; i < records; ++i) {
        filler.Add({.millis = kMillis + segment * 1000 + i,
                    .key = front_end + "-" + std::to_string(segment) + "-" + std::to_string(i),
                    .account = i % 3 == 0 ? "444455556666" : "111122223333"});
        if (i % 10 == 9) filler.EndGroup();
      }
      ASSERT_TRUE(filler.Close().ok());
    }
  }
  /// The key of each record that is in a file.
  std::multiset<std::string> Delivered() {
    std::multiset<std::string> keys;
    for (const auto& [name, content] : Objects("/CloudTrail/")) {
      const json::value file = json::parse(content);
      for (const json::value& record : file.at("Records").as_array()) {
        const std::string arn(record.at("resources").at(0).at("ARN").as_string());
        EXPECT_THAT(name, HasSubstr("AWSLogs/" + std::string(record.at("recipientAccountId").as_string()) + "/"));
        keys.insert(arn.substr(arn.rfind('/') + 1));
      }
    }
    return keys;
  }
  std::multiset<std::string> Expected(std::initializer_list<std::string> front_ends, int records = 60) {
    std::multiset<std::string> keys;
    for (const std::string& front_end : front_ends)
      for (int segment = 0; segment < 2; ++segment)
        for (int i = 0; i < records; ++i)
          keys.insert(front_end + "-" + std::to_string(segment) + "-" + std::to_string(i));
    return keys;
  }

  std::optional<crypto::PrivateKey> key_;
  FailingStore::Switches switches_;
};
INSTANTIATE_TEST_SUITE_P(Engines, DeliveryTest, store::testing::BothEngines(), store::testing::EngineName);

TEST_P(DeliveryTest, EachRecordIsInOneFileAsCloudTrailNamesThem) {
  Fill("host-1");
  RunAll(Options("host-1"));
  EXPECT_EQ(Delivered(), Expected({"host-1"}));
  const auto files = Objects("/CloudTrail/");
  EXPECT_EQ(files.size(), 4U);
  for (const auto& [name, content] : files)
    EXPECT_THAT(name,
                ::testing::MatchesRegex("AWSLogs/([0-9]+)/CloudTrail/eu-central-1/2023/11/14/"
                                        "[0-9]+_CloudTrail_eu-central-1_20231114T2213Z_[A-Za-z0-9]+\\.json\\.gz"));
}

TEST_P(DeliveryTest, DigestsNameTheFilesAndEachOtherAndAreSigned) {
  Fill("host-1");
  RunAll(Options("host-1"));
  const auto files = Objects("/CloudTrail/");
  const auto signatures = Objects(".sig");
  std::size_t named = 0;
  std::string previous_object, previous_hash, previous_signature;
  for (const auto& [name, body] : Objects("Digest_us-east-1_host-1")) {
    if (name.ends_with(".sig")) continue;
    const json::value digest = json::parse(body);
    for (const json::value& file : digest.at("logFiles").as_array()) {
      const auto found = files.find(std::string(file.at("s3Object").as_string()));
      ASSERT_NE(found, files.end());
      EXPECT_EQ(std::string(file.at("hashValue").as_string()), Hex(crypto::Sha256(AsBytes(found->second))));
      ++named;
    }
    const auto text = [&](std::string_view member) {
      const json::value& value = digest.at(member);
      return value.is_null() ? std::string() : std::string(value.as_string());
    };
    EXPECT_EQ(text("digestS3Object"), name);
    EXPECT_EQ(text("previousDigestS3Object"), previous_object);
    EXPECT_EQ(text("previousDigestHashValue"), previous_hash);
    EXPECT_EQ(text("previousDigestSignature"), previous_signature);
    const std::string signature = signatures.at(name + ".sig");
    const std::string hash = Hex(crypto::Sha256(AsBytes(body)));
    const std::string told = SignedText({text("digestEndTime"), "trail-bucket/" + name, hash, previous_signature});
    const auto bytes = FromHex(signature);
    ASSERT_TRUE(bytes.ok());
    EXPECT_TRUE(key_->public_key()
                    .Verify(crypto::SignatureScheme::kEcdsaSha256, crypto::MessageForm::kRaw, AsBytes(told), *bytes)
                    .ok());
    previous_object = name;
    previous_hash = hash;
    previous_signature = signature;
  }
  EXPECT_EQ(named, files.size());
}

TEST_P(DeliveryTest, WhatIsDeliveredIsNotSentAgainAfterARestart) {
  Fill("host-1");
  RunAll(Options("host-1"));
  const int puts = switches_.puts;
  EXPECT_EQ(puts, 4 + 2 * 2);
  int looks = 0;
  RunUntil(Options("host-1"), [&](const DeliveryHealth&) { return ++looks == 20; });
  EXPECT_EQ(switches_.puts, puts);
}

TEST_P(DeliveryTest, ABucketThatFailsAtAnyPutLosesAndDoublesNothing) {
  Fill("host-1");
  for (int good = 0; good < 8; ++good) {
    switches_.good = good % 3;
    RunUntil(Options("host-1"), [](const DeliveryHealth& health) { return health.failure == "The bucket is away."; });
  }
  switches_.good = 1 << 30;
  RunAll(Options("host-1"));
  EXPECT_EQ(Delivered(), Expected({"host-1"}));
  EXPECT_EQ(Objects("/CloudTrail/").size(), 4U);
}

TEST_P(DeliveryTest, ItGoesOnByItselfWhenTheBucketIsBackAndSendsNoFileTwice) {
  Fill("host-1");
  switches_.good = 1;
  bool failed = false;
  RunUntil(Options("host-1"), [&](const DeliveryHealth& health) {
    if (!failed && !health.failure.empty()) {
      EXPECT_GT(health.waiting_segments, 0);
      failed = true;
      switches_.good = 1 << 30;
    }
    return failed && health.failure.empty() && health.waiting_segments == 0;
  });
  EXPECT_EQ(Delivered(), Expected({"host-1"}));
  EXPECT_EQ(switches_.puts, 4 + 2 * 2);
}

TEST_P(DeliveryTest, FilesAreCutAtTheirSizeAndNoMoreIsHeldThanAllowed) {
  Fill("host-1", 120);
  DeliveryOptions options = Options("host-1");
  options.file_bytes = 16 << 10;
  options.most_bytes = 20 << 10;
  RunAll(std::move(options));
  EXPECT_EQ(Delivered(), Expected({"host-1"}, 120));
  for (const auto& [name, content] : Objects("/CloudTrail/")) EXPECT_LT(content.size(), 20U << 10) << name;
  EXPECT_GT(Objects("/CloudTrail/").size(), 8U);
}

TEST_P(DeliveryTest, TwoFrontEndsDeliverEachRecordOnce) {
  Fill("host-1");
  Fill("host-2");
  RunAll(Options("host-1"));
  EXPECT_EQ(Delivered(), Expected({"host-1"}));
  RunAll(Options("host-2"));
  EXPECT_EQ(Delivered(), Expected({"host-1", "host-2"}));
}

TEST_P(DeliveryTest, WhatAFrontEndThatIsGoneHadNotDeliveredIsDeliveredByAnother) {
  Fill("host-1");
  Fill("host-2");
  Fill("host-3");
  Fill("host-4");
  // host-2 had delivered its first segment.
  switches_.good = 3 + 1;
  RunUntil(Options("host-2"), [](const DeliveryHealth& health) { return !health.failure.empty(); });
  switches_.good = 1 << 30;
  DeliveryOptions options = Options("host-1");
  std::atomic<int> refused{0};
  options.gone.names = []() -> Result<std::vector<std::string>> {
    return std::vector<std::string>{"host-2", "host-3"};
  };
  options.gone.claim = [&refused](const std::string& name) -> Result<bool> {
    if (name == "host-3") ++refused;
    return name == "host-2";
  };
  RunUntil(std::move(options), [&](const DeliveryHealth&) { return refused > 0; });
  EXPECT_EQ(Delivered(), Expected({"host-1", "host-2"})) << "host-3 is another's, and host-4 is alive";
  // Its digests are one chain.
  std::string previous;
  std::size_t digests = 0;
  for (const auto& [name, body] : Objects("Digest_us-east-1_host-2")) {
    if (name.ends_with(".sig")) continue;
    const json::value digest = json::parse(body);
    const json::value& before = digest.at("previousDigestS3Object");
    EXPECT_EQ(before.is_null() ? std::string() : std::string(before.as_string()), previous);
    previous = name;
    ++digests;
  }
  EXPECT_EQ(digests, 2U);
}

TEST_P(DeliveryTest, ABlockThatDoesNotReadIsToldAndTheOthersArrive) {
  Fill("host-1");
  ASSERT_TRUE(database_->Transact([](store::Transaction& t) { return PutBlock(t, "host-1", 1, 0, "nonsense"); }).ok());
  RunAll(Options("host-1"));
  std::set<std::int64_t> unreadable;
  for (const auto& [name, body] : Objects("Digest_us-east-1_host-1"))
    if (name.ends_with(".gz")) unreadable.insert(json::parse(body).at("strongroom").at("unreadableBlocks").as_int64());
  EXPECT_EQ(unreadable, (std::set<std::int64_t>{0, 1}));
  EXPECT_EQ(Delivered().size(), 60U);
}

TEST_P(DeliveryTest, ARegionThatACallerMadeUpIsNoPartOfAName) {
  StoreFiller filler(*database_, "host-1");
  for (int segment = 0; segment < 2; ++segment) {
    filler.Add({.millis = kMillis, .account = "111122223333", .region = "../../other"});
    filler.Add({.millis = kMillis, .account = "../x", .region = "eu-central-1"});
    ASSERT_TRUE(filler.Close().ok());
  }
  RunAll(Options("host-1"));
  const auto files = Objects("/CloudTrail/");
  EXPECT_EQ(files.size(), 4U);
  for (const auto& [name, content] : files)
    EXPECT_TRUE(name.starts_with("AWSLogs/111122223333/CloudTrail/us-east-1/") ||
                name.starts_with("AWSLogs/999999999999/CloudTrail/eu-central-1/"))
        << name;
}

}  // namespace
}  // namespace strongroom::trail
