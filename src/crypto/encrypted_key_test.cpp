#include "crypto/encrypted_key.h"

#include <gtest/gtest.h>

#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

SecretBuffer Secret(std::string_view text) { return std::move(*SecretBuffer::CopyOf(AsBytes(text))); }

const PrivateKey& Key() {
  static const PrivateKey key = *PrivateKey::Generate(KeySpec::kRsa2048);
  return key;
}

TEST(EncryptedKey, OpensWithItsPassphraseOnly) {
  const auto pem = ToEncryptedPem(Key(), Secret("open sesame"));
  ASSERT_TRUE(pem.ok()) << pem.error();
  EXPECT_TRUE(IsEncryptedPem(*pem));
  EXPECT_FALSE(PrivateKey::FromPem(*pem).ok());
  const auto same = FromEncryptedPem(*pem, Secret("open sesame"));
  ASSERT_TRUE(same.ok()) << same.error();
  EXPECT_EQ(same->public_key(), Key().public_key());
  const auto wrong = FromEncryptedPem(*pem, Secret("open barley"));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), Errc::kAccessDenied);
}

TEST(EncryptedKey, SaysWhatIsNoSuchFile) {
  EXPECT_EQ(FromEncryptedPem(Secret("nonsense"), Secret("x")).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(FromEncryptedPem(*Key().ToPem(), Secret("x")).error().code(), Errc::kInvalidArgument);
  EXPECT_FALSE(IsEncryptedPem(*Key().ToPem()));
  EXPECT_EQ(ToEncryptedPem(Key(), Secret("")).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(ToEncryptedPem(Key(), Secret(std::string(1025, 'p'))).error().code(), Errc::kInvalidArgument);
  const auto pem = ToEncryptedPem(Key(), Secret("p"));
  ASSERT_TRUE(pem.ok());
  std::string cut(AsText(secret::Peek::At(*pem)));
  cut.resize(cut.size() / 2);
  EXPECT_FALSE(FromEncryptedPem(Secret(cut), Secret("p")).ok());
}

}  // namespace
}  // namespace strongroom::crypto
