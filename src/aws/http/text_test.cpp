#include "aws/http/text.h"

#include <gtest/gtest.h>

#include <string>

namespace strongroom::aws {
namespace {

TEST(HeaderText, EveryPairOfCharactersComparesAsItsLowerCaseDoesAtEveryPlace) {
  for (const std::size_t size : {1u, 7u, 8u, 13u, 16u}) {
    const std::string word = std::string("x-Amz-Target-Of9").substr(0, size);
    for (int left = 0; left < 256; ++left) {
      for (int right = 0; right < 256; ++right) {
        const std::size_t place = static_cast<std::size_t>(left * 256 + right) % size;
        std::string a = word, b = word;
        a[place] = static_cast<char>(left);
        b[place] = static_cast<char>(right);
        ASSERT_EQ(EqualsIgnoringCase(a, b), LowerAscii(a[place]) == LowerAscii(b[place])) << left << ' ' << right;
      }
    }
    EXPECT_FALSE(EqualsIgnoringCase(word, word + "x"));
  }
  EXPECT_TRUE(EqualsIgnoringCase("", ""));
  EXPECT_TRUE(StartsWithIgnoringCase("X-AMZ-Date", "x-amz-"));
  EXPECT_FALSE(StartsWithIgnoringCase("X-AMZ", "x-amz-"));
}

}  // namespace
}  // namespace strongroom::aws
