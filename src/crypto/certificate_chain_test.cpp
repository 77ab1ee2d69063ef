#include "crypto/certificate_chain.h"

#include <gtest/gtest.h>

#include "crypto/raw_signature.h"

namespace strongroom::crypto {
namespace {

using std::chrono::hours;

/// root -> middle -> leaf, and a root of the same name that is another's.
struct Chain {
  PrivateKey key = PrivateKey::Generate(KeySpec::kP384).value();
  PrivateKey other_key = PrivateKey::Generate(KeySpec::kP384).value();
  Certificate root = MakeSelfSigned({{"CN", "root"}}, key, {.days = 100, .ca = true}).value();
  Certificate impostor = MakeSelfSigned({{"CN", "root"}}, other_key, {.days = 100, .ca = true}).value();
  Certificate middle = Issue({{"CN", "middle"}}, key.public_key(), root, key, {.days = 50, .ca = true}).value();
  Certificate no_ca = Issue({{"CN", "middle"}}, key.public_key(), root, key, {.days = 50}).value();
  Certificate leaf = Issue({{"CN", "leaf"}}, key.public_key(), middle, key, {.days = 10}).value();
};
const Chain& Made() {
  static const Chain chain;
  return chain;
}

struct ChainCase {
  const char* name;
  const Certificate* leaf;
  std::vector<Certificate> between, roots;
  hours later;
  bool trusted;
};
std::vector<ChainCase> ChainCases() {
  const Chain& c = Made();
  return {
      {"WholePath", &c.leaf, {c.root, c.middle}, {c.root}, hours(0), true},
      {"OneOfTwoRoots", &c.leaf, {c.middle}, {c.impostor, c.root}, hours(0), true},
      {"MiddleItselfTrustedOnly", &c.leaf, {}, {c.middle}, hours(0), false},
      {"MiddleMissing", &c.leaf, {}, {c.root}, hours(0), false},
      {"RootOnlyInTheBundle", &c.leaf, {c.root, c.middle}, {c.impostor}, hours(0), false},
      {"NoRoots", &c.leaf, {c.root, c.middle}, {}, hours(0), false},
      {"MiddleIsNoAuthority", &c.leaf, {c.no_ca}, {c.root}, hours(0), false},
      {"LeafExpired", &c.leaf, {c.middle}, {c.root}, hours(24 * 11), false},
      {"MiddleExpired", &c.leaf, {c.middle}, {c.root}, hours(24 * 51), false},
      {"NotYetValid", &c.leaf, {c.middle}, {c.root}, hours(-2), false},
      {"AuthorityAsSigner", &c.middle, {}, {c.root}, hours(0), false},
  };
}

class CertificateChain : public ::testing::TestWithParam<ChainCase> {};
TEST_P(CertificateChain, IsTrustedOrNot) {
  const ChainCase& c = GetParam();
  const Status verified = VerifyChain(*c.leaf, c.between, c.roots, std::chrono::system_clock::now() + c.later);
  EXPECT_EQ(verified.ok(), c.trusted);
  if (!c.trusted) {
    EXPECT_EQ(verified.error().code(), Errc::kUntrusted);
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, CertificateChain, ::testing::ValuesIn(ChainCases()),
                         [](const auto& info) { return info.param.name; });

TEST(RawSignature, IsDerThatVerifies) {
  // r = 1, s = 128, each of 32 bytes.
  Bytes raw(64);
  raw[31] = 1;
  raw[63] = 0x80;
  EXPECT_EQ(Hex(EcdsaDerFromRaw(raw).value()),
            "30070201010202"
            "0080");
  for (const std::size_t size : {0u, 63u, 134u})
    EXPECT_EQ(EcdsaDerFromRaw(Bytes(size, 1)).error().code(), Errc::kInvalidArgument) << size;
}

}  // namespace
}  // namespace strongroom::crypto
