#include "crypto/kms_algorithms.h"

#include <gtest/gtest.h>

namespace strongroom::crypto {
namespace {

struct Row {
  std::string spec;
  KmsUsage usage;
  std::vector<std::string> algorithms;
};
const std::vector<std::string> kRsaSigning = {"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384",
                                              "RSASSA_PKCS1_V1_5_SHA_512", "RSASSA_PSS_SHA_256",
                                              "RSASSA_PSS_SHA_384",        "RSASSA_PSS_SHA_512"};
const std::vector<std::string> kOaep = {"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"};
constexpr auto kEncrypt = KmsUsage::kEncryptDecrypt, kSign = KmsUsage::kSignVerify, kMac = KmsUsage::kGenerateVerifyMac,
               kAgree = KmsUsage::kKeyAgreement;
// spec/kms.md 2.2, whole: what is not here is not permitted.
const Row kRows[] = {{"SYMMETRIC_DEFAULT", kEncrypt, {"SYMMETRIC_DEFAULT"}},
                     {"RSA_2048", kEncrypt, kOaep},
                     {"RSA_2048", kSign, kRsaSigning},
                     {"RSA_3072", kEncrypt, kOaep},
                     {"RSA_3072", kSign, kRsaSigning},
                     {"RSA_4096", kEncrypt, kOaep},
                     {"RSA_4096", kSign, kRsaSigning},
                     {"ECC_NIST_P256", kSign, {"ECDSA_SHA_256"}},
                     {"ECC_NIST_P256", kAgree, {"ECDH"}},
                     {"ECC_NIST_P384", kSign, {"ECDSA_SHA_384"}},
                     {"ECC_NIST_P384", kAgree, {"ECDH"}},
                     {"ECC_NIST_P521", kSign, {"ECDSA_SHA_512"}},
                     {"ECC_NIST_P521", kAgree, {"ECDH"}},
                     {"ECC_SECG_P256K1", kSign, {"ECDSA_SHA_256"}},
                     {"ECC_NIST_EDWARDS25519", kSign, {"ED25519_SHA_512", "ED25519_PH_SHA_512"}},
                     {"HMAC_224", kMac, {"HMAC_SHA_224"}},
                     {"HMAC_256", kMac, {"HMAC_SHA_256"}},
                     {"HMAC_384", kMac, {"HMAC_SHA_384"}},
                     {"HMAC_512", kMac, {"HMAC_SHA_512"}},
                     {"ML_DSA_44", kSign, {"ML_DSA_SHAKE_256"}},
                     {"ML_DSA_65", kSign, {"ML_DSA_SHAKE_256"}},
                     {"ML_DSA_87", kSign, {"ML_DSA_SHAKE_256"}},
                     {"SM2", kEncrypt, {"SM2PKE"}},
                     {"SM2", kSign, {"SM2DSA"}},
                     {"SM2", kAgree, {"ECDH"}}};

TEST(KmsAlgorithms, EachSpecHasTheseAndNoOthers) {
  std::size_t seen = 0;
  for (const KmsSpec& spec : AllKmsSpecs()) {
    EXPECT_EQ(FindKmsSpec(spec.name), &spec);
    EXPECT_NE(spec.pair.has_value(), spec.secret_bytes != 0) << spec.name;
    for (const KmsUsage usage : {kEncrypt, kSign, kMac, kAgree}) {
      const Row* row = nullptr;
      for (const Row& candidate : kRows)
        if (candidate.spec == spec.name && candidate.usage == usage) row = &candidate;
      EXPECT_EQ(spec.Allows(usage), row != nullptr) << spec.name << " " << Name(usage);
      EXPECT_EQ(spec.AlgorithmsFor(usage), row != nullptr ? row->algorithms : std::vector<std::string>())
          << spec.name << " " << Name(usage);
      if (row != nullptr) ++seen;
    }
  }
  EXPECT_EQ(seen, std::size(kRows));
  for (const std::string_view name : {"", "RSA_1024", "rsa_2048", "SYMMETRIC_DEFAULT "})
    EXPECT_EQ(FindKmsSpec(name), nullptr);
  for (const std::string_view name : {"", "RSAES_OAEP_SHA_512", "NONE"}) EXPECT_EQ(FindKmsAlgorithm(name), nullptr);
  EXPECT_EQ(FindKmsUsage("SIGN_VERIFY"), kSign);
  EXPECT_EQ(FindKmsUsage("SIGN"), std::nullopt);
}

struct Message {
  std::string algorithm, form;
  std::size_t bytes;
  std::string error;  // empty: taken
};
std::string NoSuchForm(const std::string& form, const std::string& algorithm) {
  return "MessageType " + form + " is not valid for algorithm " + algorithm + ".";
}
std::string BadLength(const std::string& algorithm) {
  return "Digest is invalid length for algorithm " + algorithm + ".";
}
const Message kMessages[] = {{"RSASSA_PSS_SHA_256", "RAW", 1, ""},
                             {"RSASSA_PSS_SHA_384", "DIGEST", 48, ""},
                             {"RSASSA_PSS_SHA_384", "DIGEST", 32, BadLength("RSASSA_PSS_SHA_384")},
                             {"ECDSA_SHA_512", "DIGEST", 64, ""},
                             {"ECDSA_SHA_512", "DIGEST", 28, BadLength("ECDSA_SHA_512")},
                             {"ECDSA_SHA_512", "EXTERNAL_MU", 64, NoSuchForm("EXTERNAL_MU", "ECDSA_SHA_512")},
                             {"ED25519_SHA_512", "RAW", 4096, ""},
                             {"ED25519_SHA_512", "DIGEST", 64, NoSuchForm("DIGEST", "ED25519_SHA_512")},
                             {"ED25519_PH_SHA_512", "RAW", 64, NoSuchForm("RAW", "ED25519_PH_SHA_512")},
                             {"ED25519_PH_SHA_512", "DIGEST", 64, ""},
                             {"ED25519_PH_SHA_512", "DIGEST", 63, BadLength("ED25519_PH_SHA_512")},
                             {"ML_DSA_SHAKE_256", "RAW", 5, ""},
                             {"ML_DSA_SHAKE_256", "EXTERNAL_MU", 64, ""},
                             {"ML_DSA_SHAKE_256", "EXTERNAL_MU", 65, BadLength("ML_DSA_SHAKE_256")},
                             {"ML_DSA_SHAKE_256", "DIGEST", 64, NoSuchForm("DIGEST", "ML_DSA_SHAKE_256")},
                             {"SM2DSA", "DIGEST", 32, ""},
                             {"SM2DSA", "EXTERNAL_MU", 32, NoSuchForm("EXTERNAL_MU", "SM2DSA")}};
TEST(KmsAlgorithms, TakesTheMessageTypesOfTheTable) {
  for (const Message& row : kMessages) {
    const auto form = FormFor(*FindKmsAlgorithm(row.algorithm), FindMessageForm(row.form).value(), row.bytes);
    EXPECT_EQ(form.ok() ? "" : form.error().public_message(), row.error) << row.algorithm << " " << row.form;
    // Ed25519ph hashes what it is given, whatever KMS calls it.
    if (form.ok()) {
      EXPECT_EQ(Name(*form), row.algorithm == "ED25519_PH_SHA_512" ? "RAW" : row.form) << row.algorithm;
    }
  }
  EXPECT_EQ(FindMessageForm("MU"), std::nullopt);
}

TEST(KmsAlgorithms, PlaintextsHaveTheirMost) {
  const auto most = [](const char* spec, const char* algorithm) {
    return MaxPlaintextBytes(*FindKmsSpec(spec), *FindKmsAlgorithm(algorithm));
  };
  EXPECT_EQ(most("RSA_2048", "RSAES_OAEP_SHA_1"), 214u);
  EXPECT_EQ(most("RSA_2048", "RSAES_OAEP_SHA_256"), 190u);
  EXPECT_EQ(most("RSA_3072", "RSAES_OAEP_SHA_1"), 342u);
  EXPECT_EQ(most("RSA_3072", "RSAES_OAEP_SHA_256"), 318u);
  EXPECT_EQ(most("RSA_4096", "RSAES_OAEP_SHA_1"), 470u);
  EXPECT_EQ(most("RSA_4096", "RSAES_OAEP_SHA_256"), 446u);
  EXPECT_EQ(most("SM2", "SM2PKE"), 1024u);
  const auto& rsa = *FindKmsSpec("RSA_2048");
  const auto& oaep = *FindKmsAlgorithm("RSAES_OAEP_SHA_256");
  EXPECT_TRUE(RequirePlaintextSize(rsa, oaep, 190).ok());
  EXPECT_EQ(RequirePlaintextSize(rsa, oaep, 191).error().public_message(),
            "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.");
}

}  // namespace
}  // namespace strongroom::crypto
