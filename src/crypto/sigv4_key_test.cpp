#include "crypto/sigv4_key.h"

#include <gtest/gtest.h>

#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

struct Row {
  std::string name, start, date, region, service, want;
};
class SigV4Keys : public ::testing::TestWithParam<Row> {};

TEST_P(SigV4Keys, AreAsPublished) {
  const Row& row = GetParam();
  const auto start = SecretBuffer::CopyOf(AsBytes(row.start));
  ASSERT_TRUE(start.ok());
  const auto key = DeriveSigningKey(*start, {row.date, row.region, row.service});
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(Hex(secret::Peek::At(*key)), row.want);
}

// Source: AWS General Reference (2015 to 2022), "Examples of how to derive a signing key for Signature Version 4".
INSTANTIATE_TEST_SUITE_P(
    Crypto, SigV4Keys,
    ::testing::Values(Row{"Iam2015", "AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam",
                          "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"},
                      Row{"Iam2012", "AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam",
                          "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::crypto
