// ML-DSA where the OpenSSL in use has it (3.5), and the clear refusal where it does not.
#include <openssl/crypto.h>

#include "crypto/internal/wycheproof_for_tests.h"
#include "crypto/key_pair.h"

namespace strongroom::crypto {
namespace {

using namespace wycheproof;

struct Row {
  std::string name;
  KeySpec spec;
  std::size_t public_key_bytes, signature_bytes;
};
const Row kRows[] = {{"mldsa_44", KeySpec::kMlDsa44, 1312, 2420},
                     {"mldsa_65", KeySpec::kMlDsa65, 1952, 3309},
                     {"mldsa_87", KeySpec::kMlDsa87, 2592, 4627}};
class MlDsa : public ::testing::TestWithParam<Row> {};

TEST_P(MlDsa, IsThereWhereOpenSslHasIt) {
  EXPECT_EQ(Available(GetParam().spec), OpenSSL_version_num() >= 0x30500000UL);
}

TEST_P(MlDsa, SignsAndVerifiesOrIsRefusedClearly) {
  const Row& row = GetParam();
  const auto made = PrivateKey::Generate(row.spec);
  if (!Available(row.spec)) {
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code(), Errc::kUnsupported);
    EXPECT_EQ(made.error().public_message(), "The OpenSSL in use has no " + std::string(Name(row.spec)) + " keys.");
    return;
  }
  ASSERT_TRUE(made.ok()) << made.error();
  const auto key = PrivateKey::FromPkcs8(made->ToPkcs8().value());
  ASSERT_TRUE(key.ok()) << key.error();
  EXPECT_EQ(key->spec(), row.spec);
  EXPECT_EQ(key->public_key(), made->public_key());
  // SubjectPublicKeyInfo: 22 bytes of DER before the key itself (RFC 9881).
  EXPECT_EQ(key->public_key().ToSpki().size(), row.public_key_bytes + 22);
  const auto verify = [&](MessageForm form, const Bytes& message, const Bytes& signature) {
    return key->public_key().Verify(SignatureScheme::kMlDsa, form, message, signature);
  };
  for (const MessageForm form : {MessageForm::kRaw, MessageForm::kExternalMu}) {
    const Bytes message(64, 7);
    Bytes signature = key->Sign(SignatureScheme::kMlDsa, form, message).value();
    EXPECT_EQ(signature.size(), row.signature_bytes);
    EXPECT_TRUE(verify(form, message, signature).ok());
    const MessageForm other = form == MessageForm::kRaw ? MessageForm::kExternalMu : MessageForm::kRaw;
    EXPECT_EQ(verify(other, message, signature).error().code(), Errc::kBadSignature);
    signature[5] ^= 1;
    EXPECT_EQ(verify(form, message, signature).error().code(), Errc::kBadSignature);
  }
  EXPECT_EQ(key->Sign(SignatureScheme::kMlDsa, MessageForm::kDigest, Bytes(64)).error().code(), Errc::kInvalidArgument);
  for (const std::size_t size : {0, 63, 65}) {
    EXPECT_EQ(key->Sign(SignatureScheme::kMlDsa, MessageForm::kExternalMu, Bytes(size)).error().code(),
              Errc::kInvalidArgument);
  }
  EXPECT_EQ(key->Sign(SignatureScheme::kEd25519, MessageForm::kRaw, Bytes(1)).error().code(), Errc::kWrongKeyUsage);
}

TEST_P(MlDsa, AgreesWithWycheproof) {
  const bool there = Available(GetParam().spec);
  int verified = 0;
  ForEach(GetParam().name + "_verify_test", [&](const auto& group, const auto& test, const std::string& want) {
    if (group.if_contains("publicKeyDer") == nullptr || group.at("publicKeyDer").is_null()) return;
    const auto key = PublicKey::FromSpki(Hexed(group, "publicKeyDer"));
    if (!there) {
      EXPECT_FALSE(key.ok());
      return;
    }
    if (!key.ok()) {
      EXPECT_EQ(want, "invalid") << key.error();
      return;
    }
    if (test.if_contains("ctx") != nullptr && !Text(test, "ctx").empty()) return;  // KMS has no context texts
    const Status status =
        key->Verify(SignatureScheme::kMlDsa, MessageForm::kRaw, Hexed(test, "msg"), Hexed(test, "sig"));
    EXPECT_EQ(status.ok(), want == "valid");
    ++verified;
  });
  EXPECT_EQ(verified > 50, there) << verified;
}
INSTANTIATE_TEST_SUITE_P(Crypto, MlDsa, ::testing::ValuesIn(kRows), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::crypto
