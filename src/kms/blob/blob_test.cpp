#include "kms/blob/blob.h"

#include <gtest/gtest.h>

#include "kms/blob/context.h"

namespace strongroom::kms {
namespace {

BlobHeader Header() {
  BlobHeader header{.store = StoreKind::kCloudHsm, .account = "111122223333"};
  header.key_id = "134f2428-cec1-4b25-a1ae-9048164dba47";
  for (std::size_t i = 0; i < header.material.size(); ++i) header.material[i] = static_cast<std::uint8_t>(i);
  return header;
}
Bytes Blob(std::size_t sealed = 48) {
  Bytes blob = EncodeHeader(Header());
  blob.resize(blob.size() + sealed, 0xee);
  return blob;
}

TEST(Blob, HasTheDocumentedLayout) {
  const Bytes header = EncodeHeader(Header());
  const std::string want =
      "SR\x01\x02"
      "111122223333\x24"
      "134f2428-cec1-4b25-a1ae-9048164dba47";
  ASSERT_EQ(header.size(), 4u + 12 + 1 + 36 + 32);
  EXPECT_EQ(AsText(ByteView(header).first(want.size())), want);
  EXPECT_EQ(header.back(), 31);
}

TEST(Blob, ReadsWhatItWrote) {
  const Bytes blob = Blob(60);
  const auto parsed = ParseBlob(blob);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->header.store, StoreKind::kCloudHsm);
  EXPECT_EQ(parsed->header.account, "111122223333");
  EXPECT_EQ(parsed->header.key_id, Header().key_id);
  EXPECT_EQ(parsed->header.material, Header().material);
  EXPECT_EQ(ToBytes(parsed->header_bytes), EncodeHeader(Header()));
  EXPECT_EQ(parsed->sealed.size(), 60u);
}

TEST(Blob, IsRefusedAtEveryLengthBelowTheSmallest) {
  const Bytes blob = Blob();
  for (std::size_t size = 0; size < blob.size(); ++size) {
    // A copy of that very size, so that a read beyond it is seen by the sanitizer.
    const Bytes cut(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(size));
    const auto parsed = ParseBlob(cut);
    ASSERT_FALSE(parsed.ok()) << size;
    EXPECT_EQ(parsed.error().code(), Errc::kBadCiphertext);
    EXPECT_EQ(parsed.error().public_message(), "");
  }
}

struct Damage {
  std::string name;
  std::size_t at;
  std::uint8_t to;
};
const Damage kDamages[] = {
    {"FirstMagicByte", 0, 's'},
    {"SecondMagicByte", 1, 'Q'},
    {"VersionZero", 2, 0},
    {"VersionTwo", 2, 2},
    {"StoreZero", 3, 0},
    {"StoreFour", 3, 4},
    {"AccountWithALetter", 4, 'a'},
    {"AccountWithNul", 15, 0},
    {"NoKeyId", 16, 0},
    {"KeyIdOf65", 16, 65},
    {"KeyIdOf255", 16, 255},
    {"KeyIdBeyondTheEnd", 16, 64},
    {"KeyIdWithAQuote", 17, '\''},
    {"KeyIdWithUpperCase", 20, 'A'},
};
class DamagedBlob : public ::testing::TestWithParam<Damage> {};
TEST_P(DamagedBlob, IsRefusedWithoutAText) {
  Bytes blob = Blob();
  blob[GetParam().at] = GetParam().to;
  const auto parsed = ParseBlob(blob);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(parsed.error().public_message(), "");
}
INSTANTIATE_TEST_SUITE_P(Blob, DamagedBlob, ::testing::ValuesIn(kDamages),
                         [](const auto& row) { return row.param.name; });

struct ContextRow {
  std::string name;
  EncryptionContext context;
  std::string hex;
};
const ContextRow kContexts[] = {
    {"Empty", {}, "0000"},
    {"OnePair",
     {{"a", "b"}},
     "0001"
     "000161"
     "000162"},
    {"SortedByBytes",
     {{"b", "1"}, {"B", "2"}, {"\xc3\xa4", "3"}},
     "0003"
     "000142"
     "000132"
     "000162"
     "000131"
     "0002c3a4"
     "000133"},
    {"LongerKeyAfterItsPrefix",
     {{"ab", ""}, {"a", ""}},
     "0002"
     "000161"
     "0000"
     "00026162"
     "0000"},
    {"BordersDoNotMove",
     {{"ab", "c"}},
     "0001"
     "00026162"
     "000163"},
};
class Canonical : public ::testing::TestWithParam<ContextRow> {};
TEST_P(Canonical, ContextIsAsTheRowSays) {
  const auto canonical = CanonicalContext(GetParam().context);
  ASSERT_TRUE(canonical.ok());
  EXPECT_EQ(Hex(*canonical), GetParam().hex);
}
INSTANTIATE_TEST_SUITE_P(Context, Canonical, ::testing::ValuesIn(kContexts),
                         [](const auto& row) { return row.param.name; });

TEST(Context, MayHave8192BytesAndNotOneMore) {
  const std::size_t rest = 8192 - 2 - 4 - 1;
  EXPECT_TRUE(CanonicalContext({{"k", std::string(rest, 'v')}}).ok());
  const auto more = CanonicalContext({{"k", std::string(rest + 1, 'v')}});
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::kms
