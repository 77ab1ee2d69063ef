#include "wire/key_token.h"

#include <gtest/gtest.h>

namespace strongroom::wire {
namespace {

TEST(KeyToken, NamesItsGeneration) {
  EXPECT_EQ(KeyTokenGeneration(FromHex("53525401"
                                       "00000001")
                                   .value()),
            1U);
  EXPECT_EQ(KeyTokenGeneration(FromHex("53525401"
                                       "01020304"
                                       "ff")
                                   .value()),
            0x01020304U);
  for (const char* bad : {"", "53525401000000", "5352540200000001", "5352490100000001"})
    EXPECT_EQ(KeyTokenGeneration(FromHex(bad).value()), std::nullopt) << bad;
}

TEST(KeyTokenBinding, IsReadAsItWasWritten) {
  const Bytes bytes = Encode({"111122223333", "key", "", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"});
  const auto read = ParseKeyTokenBinding(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->account, "111122223333");
  EXPECT_EQ(read->key_id, "key");
  EXPECT_EQ(read->material_id, "");
  EXPECT_EQ(read->usage, "ENCRYPT_DECRYPT");
  EXPECT_EQ(Hex(Encode({"a", "b", "c", "d", "e"})), "0101610162016301640165");
}

TEST(KeyTokenBinding, IsNothingElse) {
  const Bytes good = Encode({"a", "b", "c", "d", "e"});
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(ParseKeyTokenBinding(ByteView(good).first(size))) << size;
  Bytes longer = good, other = good;
  longer.push_back(0);
  other[0] = 2;
  EXPECT_FALSE(ParseKeyTokenBinding(longer));
  EXPECT_FALSE(ParseKeyTokenBinding(other));
  EXPECT_TRUE(Encode({std::string(256, 'x'), "b", "c", "d", "e"}).empty());
}

}  // namespace
}  // namespace strongroom::wire
