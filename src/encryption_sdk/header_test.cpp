#include <gtest/gtest.h>

#include "encryption_sdk/internal/wire.h"
#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::HandMade;
using testing::Said;

std::string Read(ByteView message, const DecryptOptions& options = testing::ReadsAll()) {
  Bytes released;
  const std::string at_once = Said(testing::ReadInPieces(*testing::WrappingCmm(), message, 0, released, options));
  Bytes again;
  EXPECT_EQ(Said(testing::ReadInPieces(*testing::WrappingCmm(), message, 1, again, options)), at_once);
  EXPECT_EQ(released, again);
  return at_once;
}

struct HeaderRow {
  std::string name;
  HandMade message;
  std::string want;
};

/// Changes made before the tag is computed, so that only the field's own check can find them.
HandMade With(SuiteId suite, std::function<void(Bytes&)> change) {
  HandMade made;
  made.suite = suite;
  made.context = {};
  made.change_header = std::move(change);
  return made;
}
HandMade WithByte(SuiteId suite, std::size_t at, std::uint8_t value) {
  return With(suite, [=](Bytes& header) { header[at] = value; });
}
/// Counted from the end of the header body.
HandMade WithByteFromEnd(SuiteId suite, std::size_t from_end, std::uint8_t value) {
  return With(suite, [=](Bytes& header) { header[header.size() - from_end] = value; });
}
HandMade WithSuite(SuiteId suite, std::uint16_t id) {
  return With(suite, [=](Bytes& header) { internal::Store<2>(header.data() + (header[0] == 1 ? 2 : 1), id); });
}
HandMade WithContext(std::string_view hex) {
  HandMade made;
  made.context = {};
  std::string digits(hex);
  std::erase(digits, ' ');
  made.context_bytes = FromHex(digits).value();
  return made;
}
HandMade WithKeys(EncryptedDataKeys keys) {
  HandMade made;
  made.keys = std::move(keys);
  return made;
}

constexpr SuiteId kV1 = SuiteId::k256Sha256, kV2 = SuiteId::k256Commit;
// In an empty context: version, [type], suite, id, 0000, then the count of keys.
constexpr std::size_t kCountV2 = 1 + 2 + 32 + 2;

class HeaderTable : public ::testing::TestWithParam<HeaderRow> {};
TEST_P(HeaderTable, IsAnsweredAsTheRowSays) { EXPECT_EQ(Read(GetParam().message.Make()), GetParam().want); }

INSTANTIATE_TEST_SUITE_P(Fields, HeaderTable,
                         ::testing::ValuesIn(std::vector<HeaderRow>{
                             {"Untouched", With(kV2, [](Bytes&) {}), ""},
                             {"UntouchedVersion1", With(kV1, [](Bytes&) {}), ""},
                             {"Version0", WithByte(kV2, 0, 0), "UnsupportedVersion"},
                             {"Version3", WithByte(kV2, 0, 3), "UnsupportedVersion"},
                             {"Type00", WithByte(kV1, 1, 0), "UnsupportedType"},
                             {"Suite0000", WithSuite(kV2, 0), "UnsupportedSuite"},
                             {"UnknownSuite", WithSuite(kV2, 0x0577), "UnsupportedSuite"},
                             {"SuiteOfTheS3Client", WithSuite(kV1, 0x0072), "UnsupportedSuite"},
                             {"SuiteOfTheDatabaseClient", WithSuite(kV2, 0x6700), "UnsupportedSuite"},
                             {"Version1SuiteInVersion2", WithSuite(kV2, 0x0178), "UnsupportedSuite"},
                             {"Version2SuiteInVersion1", WithSuite(kV1, 0x0478), "UnsupportedSuite"},
                             {"ReservedNotZero", WithByteFromEnd(kV1, 6, 1), "MalformedHeader"},
                             {"IvLength0", WithByteFromEnd(kV1, 5, 0), "MalformedHeader"},
                             {"IvLength13", WithByteFromEnd(kV1, 5, 13), "MalformedHeader"},
                             {"ContentType0", WithByteFromEnd(kV2, 37, 0), "MalformedHeader"},
                             {"ContentType3", WithByteFromEnd(kV2, 37, 3), "MalformedHeader"},
                             {"FramedWithFrameLength0", WithByteFromEnd(kV2, 33, 0), "MalformedHeader"},
                             {"SingleBlockWithFrameLength", WithByteFromEnd(kV2, 37, 1), "MalformedHeader"},
                             {"NoEncryptedDataKey", WithByte(kV2, kCountV2 + 1, 0), "MalformedHeader"},
                             {"CountLargerThanPresent", WithByte(kV2, kCountV2 + 1, 2), "Truncated"},
                             {"ProviderIdNotUtf8", WithKeys({{"\xc3", {}, {}}}), "MalformedHeader"},
                             {"ProviderIdEmpty", WithKeys({{"", {}, {}}}), "NoDataKey"},
                         }),
                         [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(Context, HeaderTable,
                         ::testing::ValuesIn(std::vector<HeaderRow>{
                             {"OneByte", WithContext("00"), "MalformedHeader"},
                             {"CountOfZeroIsTheEmptyMap", WithContext("0000"), ""},
                             {"CountOfOneAndNothing", WithContext("0001"), "MalformedHeader"},
                             {"CountOfZeroAndMore", WithContext("0000 00"), "MalformedHeader"},
                             {"OneEntry", WithContext("0001 0001 61 0001 62"),
                              "NoDataKey"},  // wrapped under the empty context
                             {"CountTooLarge", WithContext("0002 0001 61 0001 62"), "MalformedHeader"},
                             {"CountTooSmall", WithContext("0001 0001 61 0001 62 0001 63 0001 64"), "MalformedHeader"},
                             {"EntryEndsLate", WithContext("0001 0001 61 0002 62"), "MalformedHeader"},
                             {"KeyTwice", WithContext("0002 0001 61 0001 62 0001 61 0001 63"), "MalformedHeader"},
                             {"KeyNotUtf8", WithContext("0001 0001 ff 0001 62"), "MalformedHeader"},
                             {"ValueNotUtf8", WithContext("0001 0001 61 0002 c080"), "MalformedHeader"},
                             {"SurrogateInValue", WithContext("0001 0001 61 0003 eda080"), "MalformedHeader"},
                             {"AboveTheLastCharacter", WithContext("0001 0001 61 0004 f4908080"), "MalformedHeader"},
                         }),
                         [](const auto& info) { return info.param.name; });

TEST(HeaderContext, UnsortedAndEmptyTextsAreAccepted) {
  HandMade made;
  made.context = {{"", ""}, {"a", "1"}, {"b", "2"}};
  made.context_bytes = FromHex("000300016200013200016100013100000000").value();
  Bytes released;
  const auto facts = testing::ReadInPieces(*testing::WrappingCmm(), made.Make(), 0, released);
  ASSERT_TRUE(facts.ok()) << facts.error();
  EXPECT_EQ(facts->header.context, made.context);
}

struct LimitRow {
  std::string name;
  Bytes input;
  std::string want;
};
Bytes ClaimsManyKeys() {
  Bytes message = testing::K1();
  message[0x2d] = message[0x2e] = 0xff;
  message.resize(0x2f);
  return message;
}
/// A short input that claims a frame of nearly 4 GiB.
Bytes ClaimsALongFrame(bool final) {
  HandMade made;
  made.frame_length = 0xfffffff0;
  Bytes message = made.Make();
  const Header header = PeekHeader(message).value();
  message.resize(header.total_bytes);
  if (final) internal::Put32(message, 0xffffffff);
  internal::Put32(message, 1);
  Append(message, Bytes(11));
  message.push_back(1);
  if (final) internal::Put32(message, 0xfffffff0);
  return message;
}
Bytes ClaimsALongBlock(std::uint64_t size) {
  HandMade made;
  made.content_type = ContentType::kNonFramed;
  Bytes message = made.Make();
  internal::Store<8>(message.data() + PeekHeader(message)->total_bytes + 12, size);
  return message;
}

class LimitTable : public ::testing::TestWithParam<LimitRow> {};
TEST_P(LimitTable, IsRefusedBeforeMemoryIsTaken) {
  DecryptOptions options = testing::ReadsAll();
  options.header_limits.max_encrypted_data_keys = 16;
  EXPECT_EQ(Read(GetParam().input, options), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(EncryptionSdk, LimitTable,
                         ::testing::ValuesIn(std::vector<LimitRow>{
                             {"ManyEncryptedDataKeys", ClaimsManyKeys(), "TooManyEncryptedDataKeys"},
                             {"LongFrame", ClaimsALongFrame(false), "LimitExceeded"},
                             {"LongFinalFrame", ClaimsALongFrame(true), "LimitExceeded"},
                             {"LongBlock", ClaimsALongBlock((std::uint64_t{1} << 30) + 1), "LimitExceeded"},
                             {"BlockOverTheFormatsLimit", ClaimsALongBlock(~std::uint64_t{0}), "LimitExceeded"},
                             {"LongestBlockIsWaitedFor", ClaimsALongBlock(std::uint64_t{1} << 30), "Truncated"},
                             {"EmptyFile", {}, "Truncated"},
                             {"GzipFile", FromHex("1f8b0800000000000003").value(), "UnsupportedVersion"},
                             {"Base64OfVersion1", ToBytes(AsBytes(Base64(testing::K3()))), "Base64Input"},
                             {"Base64OfVersion2", ToBytes(AsBytes(Base64(testing::K1()))), "Base64Input"},
                             {"Base64OfVersion2Signed", ToBytes(AsBytes(Base64(testing::K2()))), "Base64Input"},
                             {"TextThatBeginsWithA", ToBytes(AsBytes("Always")), "UnsupportedVersion"},
                         }),
                         [](const auto& info) { return info.param.name; });

TEST(HeaderLimits, TheWholeHeaderIsBounded) {
  DecryptOptions options = testing::ReadsAll();
  const std::size_t header_bytes = PeekHeader(testing::K1())->total_bytes;
  options.header_limits.max_header_bytes = header_bytes;
  EXPECT_EQ(Read(testing::K1(), options), "");
  options.header_limits.max_header_bytes = header_bytes - 1;
  EXPECT_EQ(Read(testing::K1(), options), "LimitExceeded");
}

TEST(HeaderLimits, EncryptedDataKeysAtTheMaximum) {
  HandMade made;
  const Header header = PeekHeader(made.Make()).value();
  EncryptedDataKeys keys(3, EncryptedDataKey{"other", {1}, {2}});
  keys.push_back(header.encrypted_data_keys[0]);
  made.keys = keys;
  DecryptOptions options = testing::ReadsAll();
  for (const auto& [most, want] :
       std::vector<std::pair<std::optional<std::size_t>, std::string>>{{3, "TooManyEncryptedDataKeys"},
                                                                       {4, ""},
                                                                       {5, ""},
                                                                       {std::nullopt, ""},
                                                                       {0, "InvalidArgument"},
                                                                       {65536, "InvalidArgument"}}) {
    options.header_limits.max_encrypted_data_keys = most;
    EXPECT_EQ(Read(made.Make(), options), want) << most.value_or(99999);
  }
}

}  // namespace
}  // namespace strongroom::encryption_sdk
