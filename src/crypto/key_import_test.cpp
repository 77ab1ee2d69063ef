// Unwrapping imported key material, and the names of what was imported.
#include "crypto/key_import.h"

#include <gtest/gtest.h>

#include "crypto/aes_kw.h"
#include "crypto/internal/openssl_cli_for_tests.h"
#include "crypto/random.h"
#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

SecretBuffer Secret(ByteView bytes) { return SecretBuffer::CopyOf(bytes).value(); }
const PrivateKey& WrappingKey() {
  static const PrivateKey kKey = PrivateKey::Generate(KeySpec::kRsa2048).value();
  return kKey;
}
Bytes Wrap(const WrappingAlgorithm& algorithm, const PublicKey& key, const SecretBuffer& material) {
  if (!algorithm.oaep) return key.EncryptSm2(material).value();
  if (!algorithm.aes_key_wrap) return key.EncryptOaep(*algorithm.oaep, {}, material).value();
  const SecretBuffer aes = RandomSecret(32).value();
  Bytes wrapped = key.EncryptOaep(*algorithm.oaep, {}, aes).value();
  Append(wrapped, AesKeyWrapPadded(aes, material).value());
  return wrapped;
}
testing::AssertionResult Refused(const Result<SecretBuffer>& opened) {
  if (opened.ok()) return testing::AssertionFailure() << "it opened";
  if (opened.error().code() != Errc::kBadCiphertext ||
      opened.error().public_message() != "The wrapped key material cannot be unwrapped.")
    return testing::AssertionFailure() << opened.error().ForLog();
  return testing::AssertionSuccess();
}

TEST(WrappingAlgorithms, AreThoseThatKmsTakes) {
  for (const char* name :
       {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256", "SM2PKE"}) {
    ASSERT_NE(FindWrappingAlgorithm(name), nullptr) << name;
    EXPECT_EQ(FindWrappingAlgorithm(name)->name, name);
  }
  for (const char* name : {"RSAES_PKCS1_V1_5", "", "RSAES_OAEP", "rsaes_oaep_sha_1", "RSAES_OAEP_SHA_512"})
    EXPECT_EQ(FindWrappingAlgorithm(name), nullptr) << name;
  EXPECT_EQ(FindWrappingSpec("RSA_2048"), KeySpec::kRsa2048);
  EXPECT_EQ(FindWrappingSpec("RSA_4096"), KeySpec::kRsa4096);
  EXPECT_EQ(FindWrappingSpec("SM2"), KeySpec::kSm2);
  for (const char* name : {"RSA_1024", "ECC_NIST_P256", "SYMMETRIC_DEFAULT", "HMAC_256", ""})
    EXPECT_FALSE(FindWrappingSpec(name)) << name;
}

TEST(WrappingAlgorithms, FitTheMaterialAsTheTableSays) {
  const struct {
    const char *material, *algorithm;
    KeySpec wrapping;
    bool fits;
  } rows[] = {{"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", KeySpec::kRsa2048, true},
              {"SYMMETRIC_DEFAULT", "RSA_AES_KEY_WRAP_SHA_256", KeySpec::kRsa4096, true},
              {"SYMMETRIC_DEFAULT", "SM2PKE", KeySpec::kSm2, true},
              {"SYMMETRIC_DEFAULT", "SM2PKE", KeySpec::kRsa2048, false},
              {"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", KeySpec::kSm2, false},
              {"HMAC_512", "RSAES_OAEP_SHA_256", KeySpec::kRsa2048, true},
              {"ECC_NIST_P256", "RSAES_OAEP_SHA_256", KeySpec::kRsa2048, true},
              {"ECC_NIST_P521", "RSAES_OAEP_SHA_256", KeySpec::kRsa2048, false},
              {"ECC_NIST_P521", "RSAES_OAEP_SHA_1", KeySpec::kRsa2048, false},
              {"ECC_NIST_P521", "RSAES_OAEP_SHA_256", KeySpec::kRsa3072, true},
              {"ECC_NIST_P521", "RSA_AES_KEY_WRAP_SHA_1", KeySpec::kRsa2048, true},
              {"ECC_NIST_EDWARDS25519", "RSAES_OAEP_SHA_256", KeySpec::kRsa2048, true},
              {"RSA_2048", "RSAES_OAEP_SHA_256", KeySpec::kRsa4096, false},
              {"RSA_4096", "RSA_AES_KEY_WRAP_SHA_256", KeySpec::kRsa2048, true},
              {"RSA_2048", "SM2PKE", KeySpec::kSm2, false},
              {"SM2", "SM2PKE", KeySpec::kSm2, true},
              {"ML_DSA_44", "RSA_AES_KEY_WRAP_SHA_256", KeySpec::kRsa4096, false}};
  for (const auto& row : rows)
    EXPECT_EQ(CanWrap(*FindKmsSpec(row.material), *FindWrappingAlgorithm(row.algorithm), row.wrapping), row.fits)
        << row.material << " " << row.algorithm << " " << Name(row.wrapping);
}

class Unwrapping : public OpenSslCli, public ::testing::WithParamInterface<std::string> {};

TEST_P(Unwrapping, GivesBackWhatWasWrappedAndNothingElse) {
  const WrappingAlgorithm& algorithm = *FindWrappingAlgorithm(GetParam());
  const PrivateKey key = algorithm.oaep ? WrappingKey() : PrivateKey::Generate(KeySpec::kSm2).value();
  for (const std::size_t size : {1, 31, 32, 64, 150}) {
    const SecretBuffer material = RandomSecret(size).value();
    const auto opened = Unwrap(algorithm, key, Wrap(algorithm, key.public_key(), material));
    ASSERT_TRUE(opened.ok()) << opened.error().ForLog();
    EXPECT_TRUE(opened->EqualsInConstantTime(material));
  }
  const SecretBuffer material = RandomSecret(32).value();
  const Bytes good = Wrap(algorithm, key.public_key(), material);
  std::size_t tried = 0;
  for (std::size_t at = 0; at < good.size(); at += 3) {
    for (const std::uint8_t mask : {0x01, 0x80}) {
      Bytes bad = good;
      bad[at] ^= mask;
      EXPECT_TRUE(Refused(Unwrap(algorithm, key, bad))) << at;
      ++tried;
    }
    EXPECT_TRUE(Refused(Unwrap(algorithm, key, ByteView(good).first(at)))) << at;
  }
  EXPECT_GT(tried, 60U);
  for (const std::size_t more : {std::size_t{1}, std::size_t{8}, std::size_t{256}, kMaxWrappedBytes}) {
    Bytes longer = good;
    longer.resize(good.size() + more);
    EXPECT_TRUE(Refused(Unwrap(algorithm, key, longer))) << more;
  }
  EXPECT_TRUE(Refused(Unwrap(algorithm, key, {})));
  // Wrapped in another way, or for another key.
  for (const char* other : {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1"}) {
    if (GetParam() == other) continue;
    EXPECT_TRUE(
        Refused(Unwrap(algorithm, key, Wrap(*FindWrappingAlgorithm(other), WrappingKey().public_key(), material))))
        << other;
  }
  const PrivateKey stranger = PrivateKey::Generate(key.spec()).value();
  EXPECT_TRUE(Refused(Unwrap(algorithm, stranger, good)));
}
INSTANTIATE_TEST_SUITE_P(Algorithms, Unwrapping,
                         ::testing::Values("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1",
                                           "RSA_AES_KEY_WRAP_SHA_256", "SM2PKE"),
                         [](const auto& info) { return info.param; });

using Openssl = OpenSslCli;

TEST_F(Openssl, WrapsWhatUnwraps) {
  Write("public.der", WrappingKey().public_key().ToSpki());
  const Bytes material(32, 0x5a), aes(32, 0xa5);
  Write("material", material);
  Write("aes", aes);
  const std::string oaep =
      "pkeyutl -encrypt -pubin -keyform DER -inkey public.der -pkeyopt rsa_padding_mode:oaep -pkeyopt "
      "rsa_oaep_md:sha256 "
      "-pkeyopt rsa_mgf1_md:sha256 ";
  OpenSsl(oaep + "-in material -out direct");
  ASSERT_EQ(exit_code_, 0);
  const auto direct = Unwrap(*FindWrappingAlgorithm("RSAES_OAEP_SHA_256"), WrappingKey(), AsBytes(Read("direct")));
  ASSERT_TRUE(direct.ok());
  EXPECT_TRUE(direct->EqualsInConstantTime(material));
  OpenSsl(oaep + "-in aes -out head");
  OpenSsl("enc -id-aes256-wrap-pad -iv A65959A6 -K " + Hex(aes) + " -in material -out tail");
  ASSERT_EQ(exit_code_, 0);
  const auto wrapped = Read("head") + Read("tail");
  const auto opened = Unwrap(*FindWrappingAlgorithm("RSA_AES_KEY_WRAP_SHA_256"), WrappingKey(), AsBytes(wrapped));
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->EqualsInConstantTime(material));
}

TEST(WrappedAesKeys, OfAnotherSizeDoNotOpen) {
  const WrappingAlgorithm& algorithm = *FindWrappingAlgorithm("RSA_AES_KEY_WRAP_SHA_256");
  const SecretBuffer material = RandomSecret(32).value();
  for (const std::size_t size : {16, 24}) {
    const SecretBuffer aes = RandomSecret(size).value();
    Bytes wrapped = WrappingKey().public_key().EncryptOaep(OaepHash::kSha256, {}, aes).value();
    Append(wrapped, AesKeyWrapPadded(aes, material).value());
    EXPECT_TRUE(Refused(Unwrap(algorithm, WrappingKey(), wrapped))) << size;
  }
}

TEST(ForeignMaterial, HasTheSizeOfItsSpec) {
  for (const KmsSpec& spec : AllKmsSpecs()) {
    if (spec.pair) continue;
    for (std::size_t size = 0; size <= 65; ++size) {
      const auto read = ReadForeignMaterial(spec, Secret(Bytes(size, 7)));
      EXPECT_EQ(read.ok(), size == spec.secret_bytes) << spec.name << " " << size;
      if (!read.ok()) {
        EXPECT_EQ(read.error().code(), Errc::kIncorrectKeyMaterial);
      }
    }
  }
  const auto pair = PrivateKey::Generate(KeySpec::kP256);
  const auto good = ReadForeignMaterial(*FindKmsSpec("ECC_NIST_P256"), pair->ToPkcs8().value());
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->pair->public_key(), pair->public_key());
  EXPECT_EQ(ReadForeignMaterial(*FindKmsSpec("ECC_NIST_P384"), pair->ToPkcs8().value()).error().code(),
            Errc::kIncorrectKeyMaterial);
  EXPECT_EQ(ReadForeignMaterial(*FindKmsSpec("ML_DSA_44"), pair->ToPkcs8().value()).error().code(), Errc::kUnsupported);
}

// Computed with Python's hmac module.
TEST(MaterialIds, AreTheSameForEver) {
  Bytes secret(32);
  for (std::size_t i = 0; i < secret.size(); ++i) secret[i] = static_cast<std::uint8_t>(i);
  const SecretBuffer key = Secret(secret);
  const auto symmetric = ReadForeignMaterial(*FindKmsSpec("SYMMETRIC_DEFAULT"), Secret(Bytes(32, 0x42)));
  const std::string id =
      MaterialIdOf(key, "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab", "SYMMETRIC_DEFAULT", *symmetric);
  EXPECT_EQ(id, "ea5845283d527af83436d79f2c5c6a2a8a0ea887ac54f4ffd300dd7d3e7bf9be");
  EXPECT_NE(MaterialIdOf(key, "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ac", "SYMMETRIC_DEFAULT", *symmetric),
            id);
  EXPECT_NE(MaterialIdOf(key, "111122223334", "1234abcd-12ab-34cd-56ef-1234567890ab", "SYMMETRIC_DEFAULT", *symmetric),
            id);
  EXPECT_NE(MaterialIdOf(key, "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab", "HMAC_256", *symmetric), id);
  // The pair of RFC 8032, 7.1, test 1.
  const Bytes pkcs8 =
      *FromHex("302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const auto pair = ReadForeignMaterial(*FindKmsSpec("ECC_NIST_EDWARDS25519"), Secret(pkcs8));
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(MaterialIdOf(key, "111122223333", "mrk-1234abcd12ab34cd56ef1234567890ab", "ECC_NIST_EDWARDS25519", *pair),
            "1c0a503e48acfb7c5439f9b35f24282afec3827e4c09c21c392296412e736163");
}

}  // namespace
}  // namespace strongroom::crypto
