// SM2 with the examples of GM/T 0003.5 (signature and encryption on the recommended curve).
#include <gtest/gtest.h>

#include "crypto/internal/openssl_cli_for_tests.h"
#include "crypto/key_pair.h"
#include "crypto/random.h"
#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

using secret::Peek;

constexpr std::string_view kKey =
    "308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420"
    "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8a14403420004"
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
constexpr std::string_view kSignature =
    "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
constexpr std::string_view kCiphertext =
    "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
    "022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
    "042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
    "041321886ca989ca9c7d58087307ca93092d651efa";

PrivateKey Example() { return PrivateKey::FromPkcs8(SecretBuffer::CopyOf(FromHex(kKey).value()).value()).value(); }
SecretBuffer Secret(ByteView bytes) { return SecretBuffer::CopyOf(bytes).value(); }

TEST(Sm2, VerifiesAndDecryptsTheStandardsExamples) {
  const PrivateKey key = Example();
  EXPECT_EQ(key.spec(), KeySpec::kSm2);
  const Bytes signature = FromHex(kSignature).value();
  const PublicKey& known = key.public_key();
  EXPECT_TRUE(known.Verify(SignatureScheme::kSm2Dsa, MessageForm::kRaw, AsBytes("message digest"), signature).ok());
  EXPECT_EQ(
      known.Verify(SignatureScheme::kSm2Dsa, MessageForm::kRaw, AsBytes("message Digest"), signature).error().code(),
      Errc::kBadSignature);
  const auto opened = key.DecryptSm2(FromHex(kCiphertext).value());
  ASSERT_TRUE(opened.ok()) << opened.error();
  EXPECT_EQ(AsText(Peek::At(*opened)), "encryption standard");
}

TEST(Sm2, TakesMessagesAndDigestsOfTheRightSizeOnly) {
  const PrivateKey made = PrivateKey::Generate(KeySpec::kSm2).value();
  const PrivateKey key = PrivateKey::FromPkcs8(made.ToPkcs8().value()).value();
  EXPECT_EQ(key.public_key(), made.public_key());
  EXPECT_EQ(PublicKey::FromSpki(made.public_key().ToSpki())->spec(), KeySpec::kSm2);
  const Bytes digest(32, 7);
  const Bytes signature = key.Sign(SignatureScheme::kSm2Dsa, MessageForm::kDigest, digest).value();
  EXPECT_TRUE(key.public_key().Verify(SignatureScheme::kSm2Dsa, MessageForm::kDigest, digest, signature).ok());
  EXPECT_FALSE(key.public_key().Verify(SignatureScheme::kSm2Dsa, MessageForm::kRaw, digest, signature).ok());
  for (const std::size_t size : {0, 31, 33}) {
    EXPECT_EQ(key.Sign(SignatureScheme::kSm2Dsa, MessageForm::kDigest, Bytes(size)).error().code(),
              Errc::kInvalidArgument);
  }
  for (const SignatureScheme scheme : {SignatureScheme::kEcdsaSha256, SignatureScheme::kPssSha256}) {
    EXPECT_EQ(key.Sign(scheme, MessageForm::kRaw, digest).error().code(), Errc::kWrongKeyUsage);
  }
  const PrivateKey p256 = PrivateKey::Generate(KeySpec::kP256).value();
  EXPECT_EQ(p256.Sign(SignatureScheme::kSm2Dsa, MessageForm::kRaw, digest).error().code(), Errc::kWrongKeyUsage);
  EXPECT_EQ(p256.DecryptSm2(digest).error().code(), Errc::kWrongKeyUsage);
  EXPECT_EQ(p256.public_key().EncryptSm2(Secret(digest)).error().code(), Errc::kWrongKeyUsage);
  EXPECT_EQ(key.Agree(made.public_key()).error().code(), Errc::kWrongKeyUsage);
}

TEST(Sm2, EncryptsUpToItsMostAndRefusesEveryDamage) {
  const PrivateKey key = Example();
  for (const std::size_t size : {std::size_t{1}, std::size_t{32}, kMaxSm2Bytes}) {
    const SecretBuffer text = RandomSecret(size).value();
    const Bytes sealed = key.public_key().EncryptSm2(text).value();
    EXPECT_TRUE(key.DecryptSm2(sealed)->EqualsInConstantTime(text));
  }
  EXPECT_EQ(key.public_key().EncryptSm2(SecretBuffer()).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(key.public_key().EncryptSm2(RandomSecret(kMaxSm2Bytes + 1).value()).error().code(), Errc::kInvalidArgument);
  const Bytes good = FromHex(kCiphertext).value();
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    const auto opened = key.DecryptSm2(bad);
    ASSERT_FALSE(opened.ok()) << i;
    EXPECT_EQ(opened.error().code(), Errc::kBadCiphertext);
    EXPECT_FALSE(key.DecryptSm2(ByteView(good).first(i)).ok()) << i;
  }
  EXPECT_EQ(key.DecryptSm2(Bytes(4096)).error().code(), Errc::kBadCiphertext);
}

class Sm2Cli : public OpenSslCli {};
TEST_F(Sm2Cli, OpenSslVerifiesOursAndDecryptsOurs) {
  const PrivateKey key = PrivateKey::Generate(KeySpec::kSm2).value();
  const SecretBuffer der = key.ToPkcs8().value();
  Write("key.der", Peek::At(der));
  Write("spki.der", key.public_key().ToSpki());
  Write("message", "a message");
  Write("signature", key.Sign(SignatureScheme::kSm2Dsa, MessageForm::kRaw, AsBytes("a message")).value());
  const SecretBuffer text = Secret(AsBytes("a secret"));
  Write("sealed", key.public_key().EncryptSm2(text).value());
  EXPECT_NE(OpenSsl("pkeyutl -verify -pubin -keyform DER -inkey spki.der -rawin -digest sm3 "
                    "-pkeyopt distid:1234567812345678 -in message -sigfile signature")
                .find("Success"),
            std::string::npos);
  OpenSsl("pkeyutl -decrypt -keyform DER -inkey key.der -in sealed -out opened");
  EXPECT_EQ(Read("opened"), "a secret");
}

}  // namespace
}  // namespace strongroom::crypto
