#include "crypto/envelope.h"

#include "crypto/internal/openssl_cli_for_tests.h"
#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

class EnvelopeCli : public OpenSslCli, public ::testing::WithParamInterface<KeySpec> {};

TEST_P(EnvelopeCli, OpenSslOpensIt) {
  const auto key = PrivateKey::Generate(GetParam()).value();
  const std::string content = "a data key of thirty-two bytes..";
  const auto sealed = SealEnvelope(key.public_key(), SecretBuffer::CopyOf(AsBytes(content)).value());
  ASSERT_TRUE(sealed.ok()) << sealed.error();
  const SecretBuffer pem = key.ToPem().value();
  Write("envelope.der", ByteView(*sealed));
  Write("key.pem", secret::Peek::At(pem));
  EXPECT_EQ(OpenSsl("cms -decrypt -inform DER -in envelope.der -inkey key.pem"), content);
  const std::string printed = OpenSsl("cms -cmsout -print -noout -inform DER -in envelope.der");
  for (const std::string_view part :
       {"pkcs7-envelopedData", "version: 2", "subjectKeyIdentifier", "rsaesOaep", ":sha256", ":mgf1", "aes-256-cbc"})
    EXPECT_NE(printed.find(part), std::string::npos) << part << "\n" << printed;
}
INSTANTIATE_TEST_SUITE_P(Rsa, EnvelopeCli, ::testing::Values(KeySpec::kRsa2048, KeySpec::kRsa3072));

TEST(Envelope, IsNotMadeForOtherKeys) {
  const auto key = PrivateKey::Generate(KeySpec::kP256).value();
  const auto sealed = SealEnvelope(key.public_key(), SecretBuffer::CopyOf(AsBytes("x")).value());
  EXPECT_EQ(sealed.error().code(), Errc::kWrongKeyUsage);
}

}  // namespace
}  // namespace strongroom::crypto
