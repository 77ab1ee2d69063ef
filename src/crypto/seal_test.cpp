#include "crypto/seal.h"

#include <gtest/gtest.h>

#include <set>

#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

using secret::Peek;

SecretBuffer Secret(std::string_view text) { return SecretBuffer::CopyOf(AsBytes(text)).value(); }

class SealSize : public ::testing::TestWithParam<std::size_t> {};
TEST_P(SealSize, OpensToWhatWasSealed) {
  const SecretBuffer key = Secret("a secret of any length");
  const SecretBuffer text = RandomSecret(GetParam()).value();
  const auto sealed = SealSecret(key, AsBytes("info"), AsBytes("aad"), text);
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(sealed->size(), SealedSize(GetParam()));
  const auto opened = Open(key, AsBytes("info"), AsBytes("aad"), *sealed);
  ASSERT_TRUE(opened.ok()) << opened.error();
  EXPECT_TRUE(opened->EqualsInConstantTime(text));
  const auto bytes = OpenToBytes(key, AsBytes("info"), AsBytes("aad"), *sealed);
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(text.EqualsInConstantTime(ByteView(*bytes)));
}
INSTANTIATE_TEST_SUITE_P(Seal, SealSize, ::testing::Values(0, 1, 31, 32, 4096, 100000));

struct Row {
  std::string name, secret, info, aad;
};
class SealMismatch : public ::testing::TestWithParam<Row> {};
TEST_P(SealMismatch, IsRefusedWithTheOneText) {
  const Bytes sealed = Seal(Secret("secret"), AsBytes("info"), AsBytes("aad"), AsBytes("text")).value();
  const Row& row = GetParam();
  const auto opened = Open(Secret(row.secret), AsBytes(row.info), AsBytes(row.aad), sealed);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(opened.error().public_message(), "The sealed data cannot be opened.");
}
INSTANTIATE_TEST_SUITE_P(Seal, SealMismatch,
                         ::testing::Values(Row{"Secret", "Secret", "info", "aad"}, Row{"Info", "secret", "Info", "aad"},
                                           Row{"Aad", "secret", "info", "Aad"}, Row{"NoInfo", "secret", "", "aad"},
                                           Row{"NoAad", "secret", "info", ""},
                                           Row{"InfoAndAadShifted", "secret", "infoa", "ad"}),
                         [](const auto& info) { return info.param.name; });

TEST(Seal, EveryChangedBitAndEveryTruncationIsRefused) {
  const SecretBuffer key = Secret("secret");
  const Bytes sealed = Seal(key, AsBytes("info"), AsBytes("aad"), AsBytes("text")).value();
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes changed = sealed;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto opened = Open(key, AsBytes("info"), AsBytes("aad"), changed);
    ASSERT_FALSE(opened.ok()) << bit;
    ASSERT_EQ(opened.error().code(), Errc::kBadCiphertext);
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    const auto opened = Open(key, AsBytes("info"), AsBytes("aad"), ByteView(sealed).first(size));
    ASSERT_FALSE(opened.ok()) << size;
    ASSERT_EQ(opened.error().code(), Errc::kBadCiphertext);
  }
}

TEST(Seal, FailureLeavesNoPlaintextBehind) {
  const SecretBuffer key = Secret("secret");
  Bytes sealed = Seal(key, {}, {}, AsBytes("plaintext that must go")).value();
  sealed.back() ^= 1;
  Bytes out(sealed.size() - kSealOverheadBytes, 0xEE);
  EXPECT_FALSE(OpenInto(key, {}, {}, sealed, out).ok());
  EXPECT_EQ(out, Bytes(out.size()));
}

TEST(Seal, SaltsNeverRepeat) {
  const SecretBuffer key = Secret("secret");
  std::set<Bytes> salts;
  for (int i = 0; i < 1000; ++i) {
    Bytes sealed = Seal(key, {}, {}, {}).value();
    sealed.resize(kSealSaltBytes);
    EXPECT_TRUE(salts.insert(std::move(sealed)).second);
  }
}

TEST(Seal, EmptySecretAndWrongRoomAreRefused) {
  EXPECT_EQ(Seal(SecretBuffer(), {}, {}, {}).error().code(), Errc::kInvalidArgument);
  Bytes out(47);
  EXPECT_EQ(SealInto(Secret("s"), {}, {}, {}, out).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(OpenInto(Secret("s"), {}, {}, Bytes(60), out).error().code(), Errc::kInvalidArgument);
}

TEST(Seal, ManyThreadsShareASecret) {
  const SecretBuffer key = Secret("secret");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&key, &wrong] {
      for (int i = 0; i < 500; ++i) {
        const auto sealed = Seal(key, AsBytes("i"), AsBytes("a"), AsBytes("text"));
        const auto opened = Open(key, AsBytes("i"), AsBytes("a"), *sealed);
        if (!opened.ok() || !opened->EqualsInConstantTime(AsBytes("text"))) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Random, FillsEverySizeAndDrawsDiffer) {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{12}, std::size_t{1024}, std::size_t{1025}, std::size_t{100000}}) {
    Bytes a(size + 1), b(size + 1);
    ASSERT_TRUE(Random(std::span(a).first(size)).ok());
    ASSERT_TRUE(Random(std::span(b).first(size)).ok());
    EXPECT_EQ(a.back(), 0);
    if (size >= 12) {
      EXPECT_NE(a, b);
    }
  }
  EXPECT_TRUE(Random({}).ok());
}

TEST(Hash, ManyPartsAreOneMessageAndStreamsStartAnew) {
  Sha256Stream stream;
  stream.Update(AsBytes("ab"));
  stream.Update(AsBytes("c"));
  EXPECT_EQ(stream.Finish(), Sha256(AsBytes("abc")));
  EXPECT_EQ(stream.Finish(), Sha256(ByteView{}));
  EXPECT_EQ(Sha512({AsBytes("a"), AsBytes(""), AsBytes("bc")}), Sha512(AsBytes("abc")));
  EXPECT_EQ(Hex(Sha256(ByteView{})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hmac, EmptyKeyIsNotTheKeyBefore) {
  const auto before = HmacSha256(Secret("key"), {AsBytes("message")});
  const auto empty = HmacSha256(SecretBuffer(), {AsBytes("message")});
  EXPECT_NE(before, empty);
  EXPECT_EQ(Hex(empty), "eb08c1f56d5ddee07f7bdf80468083da06b64cf4fac64fe3a90883df5feacae4");
}

TEST(Hkdf, RefusesSizesItCannotGive) {
  EXPECT_EQ(HkdfSha256(Secret("k"), {}, {}, 0).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(HkdfSha256(Secret("k"), {}, {}, 8161).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(HkdfSha256(Secret("k"), {}, {}, 8160)->size(), 8160U);
}

}  // namespace
}  // namespace strongroom::crypto
