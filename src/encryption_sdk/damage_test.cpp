#include <gtest/gtest.h>

#include <map>

#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::HandMade;
using testing::Said;

// Every damage to every byte of a message of each shape.

struct Shape {
  std::string name;
  Bytes message;
  Bytes plaintext;
};

Bytes Known() { return ToBytes(AsBytes(testing::kPlaintext)); }

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes{
      {"K1", testing::K1(), Known()}, {"K2", testing::K2(), Known()}, {"K3", testing::K3(), Known()}};
  const auto add = [&](std::string name, SuiteId suite, ContentType type) {
    HandMade made;
    made.suite = suite;
    made.content_type = type;
    made.plaintext = testing::TextOf(40);
    shapes.push_back({std::move(name), made.Make(), made.plaintext});
  };
  add("Version2Framed", SuiteId::k256Commit, ContentType::kFramed);
  add("Version2FramedSigned", SuiteId::k256CommitP384, ContentType::kFramed);
  add("Version2Single", SuiteId::k256Commit, ContentType::kNonFramed);
  add("Version2SingleSigned", SuiteId::k256CommitP384, ContentType::kNonFramed);
  add("Version1Framed", SuiteId::k128Sha256, ContentType::kFramed);
  add("Version1FramedSigned", SuiteId::k128Sha256P256, ContentType::kFramed);
  add("Version1SingleSigned", SuiteId::k192Sha384P384, ContentType::kNonFramed);
  add("Version1WithoutDerivation", SuiteId::k256NoKdf, ContentType::kFramed);
  return shapes;
}

class Damage : public ::testing::TestWithParam<Shape> {
 protected:
  /// What was released must be a prefix of the plaintext; of signed messages, the last frame must not be there.
  void ExpectHonest(const Bytes& released) {
    const Bytes& plaintext = GetParam().plaintext;
    ASSERT_LE(released.size(), plaintext.size());
    EXPECT_TRUE(std::equal(released.begin(), released.end(), plaintext.begin()));
    const Header header = PeekHeader(GetParam().message).value();
    if (header.suite_facts().signs()) {
      const std::size_t frame = header.content_type == ContentType::kFramed ? header.frame_length : plaintext.size();
      EXPECT_LE(released.size(), (plaintext.size() - 1) / frame * frame);
    }
  }
  CmmPtr cmm_ = testing::WrappingCmm();
};

TEST_P(Damage, UndamagedItIsReadInEveryPieceSize) {
  for (std::size_t piece = 0; piece < 40; ++piece) {
    Bytes released;
    const auto facts = testing::ReadInPieces(*cmm_, GetParam().message, piece, released);
    ASSERT_TRUE(facts.ok()) << piece << " " << facts.error();
    EXPECT_EQ(released, GetParam().plaintext);
  }
}

TEST_P(Damage, EveryTruncationIsFound) {
  const ByteView message = GetParam().message;
  for (std::size_t size = 0; size < message.size(); ++size) {
    Bytes released;
    EXPECT_EQ(Said(testing::ReadInPieces(*cmm_, message.first(size), 0, released)), "Truncated") << size;
    ExpectHonest(released);
  }
}

TEST_P(Damage, EveryFlippedBitIsFound) {
  Bytes message = GetParam().message;
  std::map<std::string, int> said;
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1 << bit % 8);
    message[bit / 8] ^= mask;
    Bytes released;
    const std::string answer = Said(testing::ReadInPieces(*cmm_, message, 0, released));
    EXPECT_NE(answer, "") << "bit " << bit;
    ExpectHonest(released);
    ++said[answer];
    message[bit / 8] ^= mask;
  }
  if (GetParam().name != "K1") return;
  const std::map<std::string, int> expected{{"NoDataKey", 589},
                                            {"CommitmentMismatch", 512},
                                            {"BodyAuthenticationFailed", 417},
                                            {"MalformedBody", 316},
                                            {"HeaderAuthenticationFailed", 159},
                                            {"MalformedHeader", 84},
                                            {"Truncated", 59},
                                            {"UnsupportedSuite", 15},
                                            {"UnsupportedVersion", 8},
                                            {"VerificationKeyMismatch", 1}};
  EXPECT_EQ(said, expected);
}

TEST_P(Damage, WhateverIsAppendedIsFound) {
  const auto check = [this](ByteView more) {
    Bytes message = GetParam().message;
    Append(message, more);
    for (const std::size_t piece : {std::size_t{0}, std::size_t{1}}) {
      Bytes released;
      EXPECT_EQ(Said(testing::ReadInPieces(*cmm_, message, piece, released)), "TrailingData");
    }
  };
  for (int byte = 0; byte < 256; ++byte) check(Bytes{static_cast<std::uint8_t>(byte)});
  check(Bytes(16));
  check(GetParam().message);
}

TEST_P(Damage, WithThreadsTheSameIsFound) {
  DecryptOptions options = testing::ReadsAll();
  options.threads = 2;
  Bytes message = GetParam().message;
  for (std::size_t at = 0; at < message.size(); at += 5) {
    Bytes plain, threaded;
    message[at] ^= 1;
    EXPECT_EQ(Said(testing::ReadInPieces(*cmm_, message, 0, threaded, options)),
              Said(testing::ReadInPieces(*cmm_, message, 0, plain)))
        << at;
    EXPECT_EQ(plain, threaded);
    message[at] ^= 1;
  }
}

INSTANTIATE_TEST_SUITE_P(EncryptionSdk, Damage, ::testing::ValuesIn(Shapes()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::encryption_sdk
