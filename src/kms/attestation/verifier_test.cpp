// Attestation documents: every part right, missing, wrong and cut.
#include "kms/attestation/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "kms/attestation/cbor_reader.h"
#include "kms/testing/attestation_maker.h"

namespace strongroom::kms::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

struct World {
  AttestationMaker enclave, stranger;
  crypto::PublicKey rsa = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048).value().public_key();
  crypto::PublicKey curve = crypto::PrivateKey::Generate(crypto::KeySpec::kP256).value().public_key();
  std::shared_ptr<const AttestationVerifier> verifier =
      AttestationVerifier::Make("Roots of this test.\n" + enclave.root().ToPem()).value();
  std::int64_t now = NowMillis();

  std::uint64_t After(std::int64_t millis) const { return static_cast<std::uint64_t>(now + millis); }
  Result<AttestedRecipient> Verify(ByteView document) const {
    return verifier->Verify(document, ports::WallTime(std::chrono::milliseconds(now)));
  }
};
const World& TheWorld() {
  static const World world;
  return world;
}

TEST(Attestation, AGoodDocumentNamesKeyAndMeasurements) {
  const World& w = TheWorld();
  const auto verified = w.Verify(w.enclave.Document(w.rsa));
  ASSERT_TRUE(verified.ok()) << verified.error();
  EXPECT_EQ(verified->key, w.rsa);
  std::string ones, zeros(96, '0');
  for (int i = 0; i < 48; ++i) ones += "11";
  EXPECT_THAT(verified->conditions,
              UnorderedElementsAre(Pair("kms:RecipientAttestation:ImageSha384", std::vector<std::string>{ones}),
                                   Pair("kms:RecipientAttestation:PCR0", std::vector<std::string>{ones}),
                                   Pair("kms:RecipientAttestation:PCR4", std::vector<std::string>{zeros})));
}

struct PayloadCase {
  const char* name;
  const char* member;
  Bytes value;        // empty: absent
  const char* error;  // empty: accepted
  /// Instead of `value`. The world, with a key pair of RSA, is made by the tests that need it and not when the program
  /// starts, which is once for each test.
  Bytes (*of_world)(const World&) = nullptr;
};
std::vector<PayloadCase> PayloadCases() {
  using namespace cbor;
  const Bytes pcr(48), long_blob(1025, 1), short_pcr(47);
  std::vector<std::pair<Bytes, Bytes>> many;
  for (unsigned i = 0; i < 33; ++i) many.emplace_back(Unsigned(i), Blob(pcr));
  return {
      {"NoModule", "module_id", {}, "module_id is not valid"},
      {"EmptyModule", "module_id", Text(""), "module_id is not valid"},
      {"ModuleIsBytes", "module_id", Blob(pcr), "module_id is not valid"},
      {"OtherDigest", "digest", Text("SHA256"), "digest is not valid"},
      {"NoDigest", "digest", {}, "digest is not valid"},
      {"NoTimestamp", "timestamp", {}, "timestamp is not valid"},
      {"TimestampZero", "timestamp", Unsigned(0), "timestamp is not valid"},
      {"TimestampHuge", "timestamp", Unsigned(~std::uint64_t{0}), "timestamp is not valid"},
      {"TimestampNegative", "timestamp", Negative(5), "timestamp is not valid"},
      {"FourMinutesOld", "timestamp", {}, "", [](const World& w) { return Unsigned(w.After(-240'000)); }},
      {"SixMinutesOld",
       "timestamp",
       {},
       "older than five minutes",
       [](const World& w) { return Unsigned(w.After(-360'000)); }},
      {"HalfAMinuteAhead", "timestamp", {}, "", [](const World& w) { return Unsigned(w.After(30'000)); }},
      {"TwoMinutesAhead", "timestamp", {}, "in the future", [](const World& w) { return Unsigned(w.After(120'000)); }},
      {"NoPcrs", "pcrs", {}, "pcrs is not valid"},
      {"EmptyPcrs", "pcrs", Map({}), "pcrs is not valid"},
      {"PcrTooHigh", "pcrs", Map({{Unsigned(32), Blob(pcr)}}), "pcrs is not valid"},
      {"PcrTooShort", "pcrs", Map({{Unsigned(0), Blob(short_pcr)}}), "pcrs is not valid"},
      {"PcrTwice", "pcrs", Map({{Unsigned(0), Blob(pcr)}, {Unsigned(0), Blob(pcr)}}), "pcrs is not valid"},
      {"TooManyPcrs", "pcrs", Map(many), "pcrs is not valid"},
      {"PcrsClaimTooMuch", "pcrs", Bytes{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "pcrs is not valid"},
      {"NoCertificate", "certificate", {}, "certificate is not valid"},
      {"CertificateIsNoise", "certificate", Blob(pcr), "certificate in it cannot be read"},
      {"SignerIsAnAuthority",
       "certificate",
       {},
       "do not lead to a root",
       [](const World& w) { return Blob(w.enclave.root().ToDer()); }},
      {"SignerIsAStranger",
       "certificate",
       {},
       "do not lead to a root",
       [](const World& w) { return Blob(w.stranger.root().ToDer()); }},
      {"NoBundle", "cabundle", {}, "cabundle is not valid"},
      {"EmptyBundle", "cabundle", Array({}), "cabundle is not valid"},
      {"BundleWithoutTheMiddle",
       "cabundle",
       {},
       "do not lead to a root",
       [](const World& w) { return Array({Blob(w.enclave.root().ToDer())}); }},
      {"BundleIsNoise", "cabundle", Array({Blob(pcr)}), "certificate in it cannot be read"},
      {"NoKey", "public_key", {}, "holds no public_key"},
      {"NullKey", "public_key", Null(), "holds no public_key"},
      {"CurveKey", "public_key", {}, "no RSA key", [](const World& w) { return Blob(w.curve.ToSpki()); }},
      {"NoiseKey", "public_key", Blob(pcr), "no RSA key"},
      {"LongKey", "public_key", Blob(long_blob), "public_key is not valid"},
      {"UserData", "user_data", Blob(pcr), ""},
      {"LongUserData", "user_data", Blob(long_blob), "user_data is not valid"},
      {"NonceIsText", "nonce", Text("x"), "nonce is not valid"},
      {"NoNonce", "nonce", {}, ""},
      {"UnknownMember", "future", Map({{Text("a"), Array({Null(), Unsigned(1)})}}), ""},
      {"UnknownMemberCutShort", "future", Bytes{0x9a, 0xff, 0xff, 0xff, 0xff}, "payload is not valid"},
  };
}

class AttestationPayload : public ::testing::TestWithParam<PayloadCase> {};
TEST_P(AttestationPayload, IsJudged) {
  const PayloadCase& c = GetParam();
  const World& w = TheWorld();
  Payload payload = w.enclave.GoodPayload(w.rsa, w.now);
  payload[c.member] = c.of_world != nullptr ? c.of_world(w) : c.value;
  const auto verified = w.Verify(w.enclave.Document(payload));
  if (*c.error == '\0') {
    EXPECT_TRUE(verified.ok()) << verified.error();
    return;
  }
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code(), Errc::kInvalidArgument);
  EXPECT_THAT(verified.error().public_message(), HasSubstr(c.error));
}
INSTANTIATE_TEST_SUITE_P(Cases, AttestationPayload, ::testing::ValuesIn(PayloadCases()),
                         [](const auto& info) { return info.param.name; });

struct FormCase {
  const char* name;
  Bytes header;
  std::function<void(std::vector<Bytes>&)> change;
  const char* error;
};
std::vector<FormCase> FormCases() {
  using namespace cbor;
  const Bytes good = AttestationMaker::Es384Header();
  const auto keep = [](std::vector<Bytes>&) {};
  return {
      {"Es256", Map({{Unsigned(1), Negative(6)}}), keep, "signature algorithm is not valid"},
      {"NoAlgorithm", Map({}), keep, "protected header is not valid"},
      {"AlgorithmTwice", Map({{Unsigned(1), Negative(34)}, {Unsigned(1), Negative(34)}}), keep,
       "algorithm is not valid"},
      {"Critical", Map({{Unsigned(1), Negative(34)}, {Unsigned(2), Array({Unsigned(99)})}}), keep,
       "header is not valid"},
      {"MoreInTheHeader", Map({{Unsigned(1), Negative(34)}, {Text("x"), Array({Unsigned(9)})}}), keep, ""},
      {"HeaderIsNoise", Bytes{0xff}, keep, "protected header is not valid"},
      {"HeaderUnprotected", good, [](auto& parts) { parts[0] = Blob(Map({})); }, "protected header is not valid"},
      {"UnprotectedMember", good,
       [](auto& parts) {
         parts[1] = Map({{Unsigned(4), Blob(Bytes{1})}});
       },
       ""},
      {"ThreeParts", good, [](auto& parts) { parts.pop_back(); }, "form is not valid"},
      {"FiveParts", good, [](auto& parts) { parts.push_back(Null()); }, "form is not valid"},
      {"ShortSignature", good, [](auto& parts) { parts[3] = Blob(Bytes(95)); }, "signature is not valid"},
      {"ZeroSignature", good, [](auto& parts) { parts[3] = Blob(Bytes(96)); }, "signature does not verify"},
      {"PayloadIsText", good, [](auto& parts) { parts[2] = Text("x"); }, "payload is not valid"},
      {"PayloadHasMore", good,
       [](auto& parts) {
         parts[2] = Blob(Array({Null(), Null()}));
       },
       "payload is not valid"},
  };
}

class AttestationForm : public ::testing::TestWithParam<FormCase> {};
TEST_P(AttestationForm, IsJudged) {
  const FormCase& c = GetParam();
  const World& w = TheWorld();
  const auto verified = w.Verify(w.enclave.Document(w.enclave.GoodPayload(w.rsa, w.now), c.header, c.change));
  if (*c.error == '\0') {
    EXPECT_TRUE(verified.ok()) << verified.error();
    return;
  }
  ASSERT_FALSE(verified.ok());
  EXPECT_THAT(verified.error().public_message(), HasSubstr(c.error));
}
INSTANTIATE_TEST_SUITE_P(Cases, AttestationForm, ::testing::ValuesIn(FormCases()),
                         [](const auto& info) { return info.param.name; });

TEST(Attestation, TaggedAndTrailing) {
  const World& w = TheWorld();
  const Bytes document = w.enclave.Document(w.rsa);
  Bytes tagged{0xd2}, mistagged{0xd1}, trailing = document;
  Append(tagged, document);
  Append(mistagged, document);
  trailing.push_back(0);
  EXPECT_TRUE(w.Verify(tagged).ok());
  EXPECT_FALSE(w.Verify(mistagged).ok());
  EXPECT_FALSE(w.Verify(trailing).ok());
  EXPECT_FALSE(w.Verify({}).ok());
  EXPECT_FALSE(w.Verify(w.stranger.Document(w.rsa)).ok());
}

TEST(Attestation, NoByteCanBeChangedOrCut) {
  const World& w = TheWorld();
  const Bytes good = w.enclave.Document(w.rsa);
  std::mt19937 random(7);
  for (int i = 0; i < 400; ++i) {
    Bytes bad = good;
    bad[random() % bad.size()] ^= static_cast<std::uint8_t>(1u << (random() % 8));
    const auto verified = w.Verify(bad);
    // Only the empty unprotected header is not under the signature, and one byte makes no valid other one of it.
    EXPECT_FALSE(verified.ok());
  }
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 16)
    EXPECT_FALSE(w.Verify(ByteView(good).first(size)).ok()) << size;
}

TEST(Attestation, NoiseIsRefused) {
  const World& w = TheWorld();
  std::mt19937 random(11);
  for (int i = 0; i < 20'000; ++i) {
    Bytes noise(random() % 64);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    EXPECT_FALSE(w.Verify(noise).ok());
    CborReader reader{ByteView(noise)};
    while (!reader.AtEnd() && reader.Skip().ok()) {
    }
  }
}

TEST(AttestationRoots, AreCertificates) {
  const World& w = TheWorld();
  const std::string pem = w.enclave.root().ToPem();
  EXPECT_TRUE(AttestationVerifier::Make(pem + w.stranger.root().ToPem()).ok());
  for (const std::string& bad : {std::string(), std::string("no certificate"), pem.substr(0, pem.size() / 2),
                                 pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})
    EXPECT_EQ(AttestationVerifier::Make(bad).error().code(), Errc::kInvalidArgument) << bad.size();
}

}  // namespace
}  // namespace strongroom::kms::testing
