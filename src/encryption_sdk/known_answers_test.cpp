#include <gtest/gtest.h>

#include "encryption_sdk/internal/derivation.h"
#include "encryption_sdk/internal/message_writer.h"
#include "encryption_sdk/internal/signing.h"
#include "encryption_sdk/testing/messages.h"
#include "secret/peek_for_tests.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::DataKey;
using testing::MessageId;
using testing::Said;

struct Known {
  std::string name;
  Bytes message;
  SuiteId suite;
  std::uint32_t frames;
};
class KnownMessages : public ::testing::TestWithParam<Known> {};

TEST_P(KnownMessages, Decrypts) {
  Bytes plaintext;
  const auto facts =
      testing::ReadInPieces(*testing::WrappingCmm(), GetParam().message, 0, plaintext, testing::ReadsAll());
  ASSERT_TRUE(facts.ok()) << facts.error();
  EXPECT_EQ(AsText(plaintext), testing::kPlaintext);
  EXPECT_EQ(facts->header.suite, GetParam().suite);
  EXPECT_EQ(facts->frames, GetParam().frames);
  EXPECT_EQ(facts->message_bytes, GetParam().message.size());
  EXPECT_EQ(facts->plaintext_bytes, testing::kPlaintext.size());
}

INSTANTIATE_TEST_SUITE_P(EncryptionSdk, KnownMessages,
                         ::testing::Values(Known{"K1", testing::K1(), SuiteId::k256Commit, 2},
                                           Known{"K2", testing::K2(), SuiteId::k256CommitP384, 1},
                                           Known{"K3", testing::K3(), SuiteId::k256Sha256, 1}),
                         [](const auto& info) { return info.param.name; });

/// The materials behind K1 and K2: what raw AES wrapping makes with the wrapping IV of the known messages.
EncryptionMaterials MaterialsOf(ByteView message) {
  const Header header = PeekHeader(message).value();
  EncryptionMaterials materials{header.suite, header.context, DataKey(32), header.encrypted_data_keys, {}, {}};
  if (header.suite_facts().signs()) materials.signing_key = testing::SigningKeyOne(header.suite_facts().curve);
  return materials;
}

Bytes WrittenAnew(ByteView message) {
  Bytes written;
  const Header header = PeekHeader(message).value();
  auto writer =
      internal::MessageWriter::Begin(MaterialsOf(message), MessageId(32), {.frame_length = header.frame_length},
                                     [&written](ByteView piece) {
                                       Append(written, piece);
                                       return Status();
                                     })
          .value();
  EXPECT_TRUE(writer->Write(AsBytes(testing::kPlaintext)).ok());
  EXPECT_TRUE(writer->Finish().ok());
  return written;
}

TEST(KnownAnswers, TheWriterMakesK1ByteByByte) { EXPECT_EQ(Hex(WrittenAnew(testing::K1())), Hex(testing::K1())); }

TEST(KnownAnswers, TheWriterMakesWhatIsSignedInK2) {
  constexpr std::size_t kSigned = 325;
  const Bytes written = WrittenAnew(testing::K2());
  ASSERT_EQ(written.size(), testing::K2().size());
  EXPECT_EQ(Hex(ByteView(written).first(kSigned)), Hex(ByteView(testing::K2()).first(kSigned)));
  EXPECT_EQ(Hex(crypto::Sha384(ByteView(written).first(kSigned))),
            "7a9d06c27d48046bbd02ab8c75727a0c41df62b5eea58af999e248ae0fb3d663812091ffb729b9fc63cb442bda2e6550");
}

TEST(KnownAnswers, TheGeneratorIsWrittenCompressed) {
  const std::string text = internal::EncodeVerificationKey(testing::SigningKeyOne(SuiteCurve::kP384).public_key());
  EXPECT_EQ(Hex(FromBase64(text).value()),
            "03aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7");
  EXPECT_EQ(PeekHeader(testing::K2())->context.at(std::string(kPublicKeyName)), text);
}

TEST(KnownAnswers, TagsDigestIsSha256OverTheTags) {
  const Bytes k1 = testing::K1();
  Bytes tags = ToBytes(ByteView(k1).subspan(0xd2, 16));
  Append(tags, ByteView(k1).subspan(0xfe, 16));
  Bytes released;
  const auto facts = testing::ReadInPieces(*testing::WrappingCmm(), k1, 1, released);
  EXPECT_EQ(facts->tags_digest, crypto::Sha256(tags));
}

struct Derivation {
  std::string name;
  SuiteId suite;
  std::string key;
};
class DerivationTable : public ::testing::TestWithParam<Derivation> {};

TEST_P(DerivationTable, GivesTheKnownKey) {
  const Suite& suite = SuiteOf(GetParam().suite);
  const auto keys = internal::Derive(suite, DataKey(suite.key_bytes), MessageId(suite.message_id_bytes()));
  ASSERT_TRUE(keys.ok()) << keys.error();
  EXPECT_EQ(Hex(secret::Peek::At(keys->key)), GetParam().key);
  EXPECT_EQ(Hex(keys->commitment),
            suite.commits ? "bbe9a13c6144de6db8a0b1a0e8f11783cd66fc015b916c8c1ee27fb7953e8fad" : "");
}

TEST_P(DerivationTable, RefusesAnotherLengthOfDataKey) {
  const Suite& suite = SuiteOf(GetParam().suite);
  for (const std::size_t size : {suite.key_bytes - 1, suite.key_bytes + 1}) {
    EXPECT_EQ(Said(internal::Derive(suite, DataKey(size), MessageId(suite.message_id_bytes()))), "InvalidArgument");
  }
}

INSTANTIATE_TEST_SUITE_P(
    EncryptionSdk, DerivationTable,
    ::testing::Values(
        Derivation{"Suite0578", SuiteId::k256CommitP384,
                   "53d24a77fb6e4c1e40e3f64bedb70b79ded466ad7146934c91bdaf4c89d84366"},
        Derivation{"Suite0478", SuiteId::k256Commit,
                   "42b9038b9bd3e8ab73591b447a13c9fd236d8227076a7150e0d6f7d6da207193"},
        Derivation{"Suite0378", SuiteId::k256Sha384P384,
                   "75360f7c8ac7dcd638e5549ba1f55da506454d96bc22fea017619ef5258c5f64"},
        Derivation{"Suite0346", SuiteId::k192Sha384P384, "d190fb99174bed55925f16ba8f783d0f6035d2b163dacc50"},
        Derivation{"Suite0214", SuiteId::k128Sha256P256, "d09569f819d841e22785099af605c5ec"},
        Derivation{"Suite0178", SuiteId::k256Sha256,
                   "6eda12ab907f0718a267636b8ae6162c42f68795fb08db92b2bb5850bbedcd16"},
        Derivation{"Suite0146", SuiteId::k192Sha256, "7c10b7e75b95f04db1e13c118bb42985d004557e61871b34"},
        Derivation{"Suite0114", SuiteId::k128Sha256, "1b8aa5a2bfabbd6a4c5e8c354528fe99"},
        Derivation{"Suite0078IsTheDataKey", SuiteId::k256NoKdf,
                   "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"},
        Derivation{"Suite0046IsTheDataKey", SuiteId::k192NoKdf, "202122232425262728292a2b2c2d2e2f3031323334353637"},
        Derivation{"Suite0014IsTheDataKey", SuiteId::k128NoKdf, "202122232425262728292a2b2c2d2e2f"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::encryption_sdk
