#include <gtest/gtest.h>

#include <map>

#include "crypto/ecdsa_length.h"
#include "encryption_sdk/internal/signing.h"
#include "encryption_sdk/internal/wire.h"
#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::HandMade;
using testing::Said;

struct SignatureRow {
  std::string name;
  HandMade message;
  std::string want;
};

Bytes PointOfOne() { return testing::SigningKeyOne(SuiteCurve::kP384).public_key().Point(); }
std::string Compressed() {
  return internal::EncodeVerificationKey(testing::SigningKeyOne(SuiteCurve::kP384).public_key());
}
HandMade WithPublicKey(std::string text, SuiteId suite = SuiteId::k256CommitP384) {
  HandMade made;
  made.suite = suite;
  made.public_key = std::move(text);
  return made;
}
HandMade WithSignature(std::function<Bytes(const Bytes&)> change) {
  HandMade made;
  made.suite = SuiteId::k256CommitP384;
  made.change_signature = std::move(change);
  return made;
}
Bytes Point(std::uint8_t prefix, std::size_t size) {
  Bytes point = PointOfOne();
  point.resize(size);
  point[0] = prefix;
  return point;
}
/// A long-form length in front, which BER allows and DER does not.
Bytes LongForm(const Bytes& signature) {
  Bytes out{0x30, 0x81, signature[1]};
  Append(out, ByteView(signature).subspan(2));
  return out;
}
Bytes PaddedInteger(const Bytes& signature) {
  Bytes out{0x30, static_cast<std::uint8_t>(signature[1] + 1), 2, static_cast<std::uint8_t>(signature[3] + 1), 0};
  Append(out, ByteView(signature).subspan(4));
  return out;
}

class SignatureTable : public ::testing::TestWithParam<SignatureRow> {};
TEST_P(SignatureTable, IsAnsweredAsTheRowSays) {
  Bytes released;
  EXPECT_EQ(Said(testing::ReadInPieces(*testing::WrappingCmm(), GetParam().message.Make(), 0, released)),
            GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    EncryptionSdk, SignatureTable,
    ::testing::ValuesIn(std::vector<SignatureRow>{
        {"Untouched", WithPublicKey(Compressed()), ""},
        {"InASuiteThatDoesNotSign", WithPublicKey(Compressed(), SuiteId::k256Commit), "VerificationKeyMismatch"},
        {"Uncompressed", WithPublicKey(Base64(PointOfOne())), "InvalidVerificationKey"},
        {"Hybrid", WithPublicKey(Base64(Point(7, 97))), "InvalidVerificationKey"},
        {"HybridPrefixOnly", WithPublicKey(Base64(Point(6, 49))), "InvalidVerificationKey"},
        {"Infinity", WithPublicKey(Base64(Bytes{0})), "InvalidVerificationKey"},
        {"OffTheCurve", WithPublicKey(Base64([] {
           Bytes point(49);
           point[0] = 2;
           point[48] = 1;  // x = 1 has no y on P-384
           return point;
         }())),
         "InvalidVerificationKey"},
        {"OfAnotherCurve",
         WithPublicKey(internal::EncodeVerificationKey(testing::SigningKeyOne(SuiteCurve::kP256).public_key())),
         "InvalidVerificationKey"},
        {"NotBase64", WithPublicKey("no base64 at all"), "InvalidVerificationKey"},
        {"Empty", WithPublicKey(""), "InvalidVerificationKey"},
        {"SignatureEmpty", WithSignature([](const Bytes&) { return Bytes(); }), "SignatureInvalid"},
        {"SignatureOneByte", WithSignature([](const Bytes&) { return Bytes{0x30}; }), "SignatureInvalid"},
        {"SignatureOfZeros", WithSignature([](const Bytes& s) { return Bytes(s.size()); }), "SignatureInvalid"},
        {"SignatureWithAByteMore", WithSignature([](Bytes s) {
           s.push_back(0);
           return s;
         }),
         "SignatureInvalid"},
        {"LongFormLength", WithSignature(LongForm), "SignatureInvalid"},
        {"NonMinimalInteger", WithSignature(PaddedInteger), "SignatureInvalid"},
        {"TwinSignatureVerifiesToo",
         WithSignature([](const Bytes& s) { return crypto::EcdsaTwin(crypto::KeySpec::kP384, s).value(); }), ""},
    }),
    [](const auto& info) { return info.param.name; });

TEST(Signatures, APublicKeyThatIsMissingIsFound) {
  HandMade made;
  made.suite = SuiteId::k256CommitP384;
  made.context_bytes = Serialize({{"a", "b"}}).value();
  Bytes released;
  EXPECT_EQ(Said(testing::ReadInPieces(*testing::WrappingCmm(), made.Make(), 0, released)), "VerificationKeyMismatch");
  EXPECT_TRUE(released.empty());
}

class SignatureLength : public ::testing::TestWithParam<SuiteCurve> {};
TEST_P(SignatureLength, IsAlwaysTheSame) {
  const SuiteCurve curve = GetParam();
  const std::size_t size = curve == SuiteCurve::kP256 ? 71 : 103;
  const auto key = crypto::PrivateKey::Generate(internal::KeySpecOf(curve)).value();
  Bytes digest(crypto::DigestSize(internal::DigestOf(curve)));
  std::map<std::size_t, int> natural;
  int twins = 0;
  for (int i = 0; i < 1000; ++i) {
    internal::Store<4>(digest.data(), static_cast<std::uint64_t>(i));
    const Bytes any = key.Sign(internal::SchemeOf(curve), crypto::MessageForm::kDigest, digest).value();
    ++natural[any.size()];
    const Bytes twin = crypto::EcdsaTwin(key.spec(), any).value();
    EXPECT_TRUE(key.public_key().Verify(internal::SchemeOf(curve), crypto::MessageForm::kDigest, digest, twin).ok());
    twins += any.size() != size && twin.size() == size;
    const auto fixed = crypto::SignEcdsaOfLength(key, internal::SchemeOf(curve), digest, size);
    ASSERT_TRUE(fixed.ok()) << fixed.error();
    EXPECT_EQ(fixed->size(), size);
    EXPECT_TRUE(key.public_key().Verify(internal::SchemeOf(curve), crypto::MessageForm::kDigest, digest, *fixed).ok());
  }
  EXPECT_GE(natural.size(), 3u);
  EXPECT_GT(twins, 0);
  EXPECT_EQ(crypto::SignEcdsaOfLength(key, internal::SchemeOf(curve), digest, 20).error().code(),
            Errc::kInvalidArgument);
}
INSTANTIATE_TEST_SUITE_P(EncryptionSdk, SignatureLength, ::testing::Values(SuiteCurve::kP256, SuiteCurve::kP384),
                         [](const auto& info) { return info.param == SuiteCurve::kP256 ? "P256" : "P384"; });

}  // namespace
}  // namespace strongroom::encryption_sdk
