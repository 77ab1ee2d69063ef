#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::Said;
using namespace std::chrono_literals;

/// Counts what it is asked, beneath the cache.
class CountingCmm final : public Cmm {
 public:
  Result<EncryptionMaterials> ForEncryption(const EncryptionRequest& request) override {
    ++encryptions;
    EXPECT_FALSE(request.max_plaintext_bytes && *request.max_plaintext_bytes == 12345) << "a length came through";
    if (slow) std::this_thread::sleep_for(20ms);
    return inner_->ForEncryption(request);
  }
  Result<DecryptionMaterials> ForDecryption(const DecryptionRequest& request) override {
    ++decryptions;
    return inner_->ForDecryption(request);
  }
  std::atomic<int> encryptions = 0, decryptions = 0;
  bool slow = false;

 private:
  CmmPtr inner_ = testing::WrappingCmm();
};

class Caching : public ::testing::Test {
 protected:
  CmmPtr Make(CacheLimits limits) {
    if (limits.max_age == 0ms) limits.max_age = 1h;
    limits.now = [this] { return now_; };
    auto made = MakeCachingCmm(inner_, std::move(limits));
    EXPECT_TRUE(made.ok());
    return made.value();
  }
  EncryptedMessage Encrypt(Cmm& cmm, std::size_t size, EncryptionContext context = {}, EncryptOptions options = {}) {
    auto made = EncryptMessage(cmm, context, testing::TextOf(size), options);
    EXPECT_TRUE(made.ok()) << made.error();
    return *std::move(made);
  }

  std::shared_ptr<CountingCmm> inner_ = std::make_shared<CountingCmm>();
  std::chrono::steady_clock::time_point now_{};
};

TEST_F(Caching, ThreeMessagesUnderEachKey) {
  const CmmPtr cmm = Make({.max_messages = 3});
  std::set<Bytes> ids;
  for (int i = 0; i < 7; ++i) ids.insert(Encrypt(*cmm, 10).facts.header.message_id);
  EXPECT_EQ(inner_->encryptions, 3);
  EXPECT_EQ(ids.size(), 7u) << "a message id came twice";
}

TEST_F(Caching, OneMessageUnderEachKey) {
  const CmmPtr cmm = Make({.max_messages = 1});
  for (int i = 0; i < 3; ++i) Encrypt(*cmm, 10);
  EXPECT_EQ(inner_->encryptions, 3);
}

TEST_F(Caching, BytesAreCountedWithTheMessageThatAsks) {
  const CmmPtr cmm = Make({.max_bytes = 100});
  for (int i = 0; i < 4; ++i) Encrypt(*cmm, 40);
  EXPECT_EQ(inner_->encryptions, 2);
  Encrypt(*cmm, 20);  // 100 exactly
  EXPECT_EQ(inner_->encryptions, 2);
  Encrypt(*cmm, 1);
  EXPECT_EQ(inner_->encryptions, 3);
  Encrypt(*cmm, 101);  // a key of its own, which is not kept
  EXPECT_EQ(inner_->encryptions, 4);
  Encrypt(*cmm, 99);
  EXPECT_EQ(inner_->encryptions, 4);
}

TEST_F(Caching, AnOldEntryIsNotUsed) {
  const CmmPtr cmm = Make({.max_age = 60s});
  const Bytes message = Encrypt(*cmm, 10).message;
  EXPECT_EQ(Said(DecryptMessage(*cmm, message)), "");
  now_ += 60s;
  Encrypt(*cmm, 10);
  EXPECT_EQ(Said(DecryptMessage(*cmm, message)), "");
  EXPECT_EQ(inner_->encryptions, 1);
  EXPECT_EQ(inner_->decryptions, 1);
  now_ += 1ms;
  Encrypt(*cmm, 10);
  EXPECT_EQ(Said(DecryptMessage(*cmm, message)), "");
  EXPECT_EQ(inner_->encryptions, 2);
  EXPECT_EQ(inner_->decryptions, 2);
}

TEST_F(Caching, SuitesWithoutDerivationAndUnknownLengthsAreNotCached) {
  const CmmPtr cmm = Make({});
  for (int i = 0; i < 2; ++i) {
    Encrypt(*cmm, 10, {}, testing::WritesSuite(SuiteId::k256NoKdf, 16));
    const auto nowhere = [](ByteView) { return Status(); };
    EXPECT_EQ(Said(Encryptor::Start(*cmm, {}, {}, nowhere)), "");
  }
  EXPECT_EQ(inner_->encryptions, 4);
}

TEST_F(Caching, AnotherContextOrSuiteIsAnotherEntry) {
  const CmmPtr cmm = Make({});
  for (int i = 0; i < 2; ++i) {
    Encrypt(*cmm, 10, {{"a", "b"}});
    Encrypt(*cmm, 10, {{"a", "c"}});
    Encrypt(*cmm, 10, {{"a", "b"}}, {.suite = SuiteId::k256CommitP384});
  }
  EXPECT_EQ(inner_->encryptions, 3);
}

TEST_F(Caching, SignedMessagesOfOneEntryShareTheirKeyAndVerify) {
  const CmmPtr cmm = Make({});
  const auto one = Encrypt(*cmm, 100, {}, {.suite = SuiteId::k256CommitP384});
  const auto other = Encrypt(*cmm, 100, {}, {.suite = SuiteId::k256CommitP384});
  EXPECT_EQ(one.facts.header.context, other.facts.header.context);
  EXPECT_EQ(one.facts.header.encrypted_data_keys, other.facts.header.encrypted_data_keys);
  EXPECT_NE(one.facts.header.suite_data, other.facts.header.suite_data);
  for (const auto& message : {one.message, other.message}) EXPECT_EQ(Said(DecryptMessage(*cmm, message)), "");
  EXPECT_EQ(inner_->decryptions, 1);
}

TEST_F(Caching, TheLeastRecentlyUsedGoesFirst) {
  const CmmPtr cmm = Make({.capacity = 2});
  Encrypt(*cmm, 10, {{"n", "1"}});
  Encrypt(*cmm, 10, {{"n", "2"}});
  Encrypt(*cmm, 10, {{"n", "1"}});
  Encrypt(*cmm, 10, {{"n", "3"}});  // 2 goes
  EXPECT_EQ(inner_->encryptions, 3);
  Encrypt(*cmm, 10, {{"n", "1"}});
  EXPECT_EQ(inner_->encryptions, 3);
  Encrypt(*cmm, 10, {{"n", "2"}});
  EXPECT_EQ(inner_->encryptions, 4);
}

TEST_F(Caching, PolicyAndReproducedContextAreCheckedOnAHitToo) {
  const CmmPtr cmm = Make({});
  const Bytes old = testing::Write(SuiteId::k256Sha256, 16, 20).message;
  EXPECT_EQ(Said(DecryptMessage(*cmm, old, testing::ReadsAll())), "");
  EXPECT_EQ(Said(DecryptMessage(*cmm, old)), "CommitmentPolicyViolation");
  DecryptOptions options = testing::ReadsAll();
  options.reproduced = {{"a", "other"}};
  EXPECT_EQ(Said(DecryptMessage(*cmm, old, options)), "ContextMismatch");
  options.reproduced = {{"a", "b"}};
  EXPECT_EQ(Said(DecryptMessage(*cmm, old, options)), "");
  EXPECT_EQ(inner_->decryptions, 1);
  EXPECT_EQ(Said(EncryptMessage(*cmm, {{"aws-crypto-x", "y"}}, {})), "ReservedContextKey");
}

TEST_F(Caching, OfManyThreadsOneFetches) {
  inner_->slow = true;
  const CmmPtr cmm = Make({});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { Encrypt(*cmm, 10); });
  }
  EXPECT_EQ(inner_->encryptions, 1);
}

TEST_F(Caching, LimitsAreChecked) {
  const auto said = [this](CacheLimits limits) { return Said(MakeCachingCmm(inner_, std::move(limits))); };
  EXPECT_EQ(said({.max_age = 1ms}), "");
  EXPECT_EQ(said({.max_age = 0ms}), "InvalidArgument");
  EXPECT_EQ(said({.max_age = 1ms, .max_messages = 0}), "InvalidArgument");
  EXPECT_EQ(said({.max_age = 1ms, .max_messages = (std::uint64_t{1} << 32) + 1}), "InvalidArgument");
  EXPECT_EQ(said({.max_age = 1ms, .max_bytes = std::uint64_t{1} << 63}), "InvalidArgument");
  EXPECT_EQ(said({.max_age = 1ms, .capacity = 0}), "InvalidArgument");
}

}  // namespace
}  // namespace strongroom::encryption_sdk
