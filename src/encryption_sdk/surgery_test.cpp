#include <gtest/gtest.h>

#include "encryption_sdk/internal/wire.h"
#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::HandMade;
using testing::Pieces;
using testing::Said;

// Parts of genuine messages in the wrong place.

HandMade Base() {
  HandMade made;
  made.plaintext = testing::TextOf(40);  // frames of 16, 16 and 8
  return made;
}
Pieces Genuine() { return testing::TakeApart(Base().Make()); }
/// Another message of the same data key.
Pieces Other() { return testing::TakeApart(testing::Write(SuiteId::k256Commit, 16, 40).message); }
Bytes AsFinal(Bytes frame) {
  Bytes out = FromHex("ffffffff").value();
  Append(out, ByteView(frame).first(16));
  internal::Put32(out, 16);
  Append(out, ByteView(frame).subspan(16));
  return out;
}

struct SurgeryRow {
  std::string name;
  std::function<Bytes()> message;
  std::string want;
};
class Surgery : public ::testing::TestWithParam<SurgeryRow> {};
TEST_P(Surgery, IsFound) {
  const Bytes message = GetParam().message();
  for (const unsigned threads : {0u, 2u}) {
    DecryptOptions options = testing::ReadsAll();
    options.threads = threads;
    Bytes released;
    EXPECT_EQ(Said(testing::ReadInPieces(*testing::WrappingCmm(), message, 0, released, options)), GetParam().want);
    // All 40 only where the message ends before what was added.
    EXPECT_LE(released.size(), GetParam().want == "TrailingData" ? 40u : 32u);
    const Bytes text = testing::TextOf(40);
    EXPECT_TRUE(std::equal(released.begin(), released.end(), text.begin()));
  }
}
INSTANTIATE_TEST_SUITE_P(EncryptionSdk, Surgery,
                         ::testing::ValuesIn(std::vector<SurgeryRow>{
                             {"FramesSwapped",
                              [] {
                                Pieces p = Genuine();
                                std::swap(p.frames[0], p.frames[1]);
                                return p.Join();
                              },
                              "MalformedBody"},
                             {"FrameDropped",
                              [] {
                                Pieces p = Genuine();
                                p.frames.erase(p.frames.begin());
                                return p.Join();
                              },
                              "MalformedBody"},
                             {"LastRegularFrameDropped",
                              [] {
                                Pieces p = Genuine();
                                p.frames.erase(p.frames.begin() + 1);
                                return p.Join();
                              },
                              "MalformedBody"},
                             {"FrameTwice",
                              [] {
                                Pieces p = Genuine();
                                p.frames.insert(p.frames.begin(), p.frames[0]);
                                return p.Join();
                              },
                              "MalformedBody"},
                             {"FrameOfAnotherMessage",
                              [] {
                                Pieces p = Genuine();
                                p.frames[1] = Other().frames[1];
                                return p.Join();
                              },
                              "BodyAuthenticationFailed"},
                             {"FinalFrameOfAnotherMessage",
                              [] {
                                Pieces p = Genuine();
                                p.frames[2] = Other().frames[2];
                                return p.Join();
                              },
                              "BodyAuthenticationFailed"},
                             {"RegularFrameTurnedFinal",
                              [] {
                                Pieces p = Genuine();
                                p.frames = {p.frames[0], AsFinal(p.frames[1])};
                                return p.Join();
                              },
                              "BodyAuthenticationFailed"},
                             {"FinalFrameTurnedRegular",
                              [] {
                                HandMade made = Base();
                                made.plaintext.resize(32);
                                Pieces p = testing::TakeApart(made.Make());
                                Bytes regular = ToBytes(ByteView(p.frames[1]).subspan(4, 16));
                                Append(regular, ByteView(p.frames[1]).subspan(24));
                                p.frames[1] = regular;
                                p.frames.push_back(Genuine().frames[2]);
                                return p.Join();
                              },
                              "BodyAuthenticationFailed"},
                             {"FinalFrameLongerThanTheFrameLength",
                              [] {
                                Pieces p = Genuine();
                                p.frames[2][23] = 17;
                                return p.Join();
                              },
                              "MalformedBody"},
                             {"TwoFinalFrames",
                              [] {
                                Pieces p = Genuine();
                                p.frames.push_back(p.frames[2]);
                                return p.Join();
                              },
                              "TrailingData"},
                             {"BodyOfAnotherMessage",
                              [] {
                                Pieces p = Genuine();
                                p.frames = Other().frames;
                                return p.Join();
                              },
                              "BodyAuthenticationFailed"},
                             {"IvThatIsNotTheNumber",
                              [] {
                                HandMade made = Base();
                                made.random_ivs = true;
                                return made.Make();
                              },
                              "MalformedBody"},
                             {"HeaderTagOfAnotherMessage",
                              [] {
                                Pieces p = Genuine();
                                const Bytes other = Other().header;
                                std::copy(other.end() - 16, other.end(), p.header.end() - 16);
                                return p.Join();
                              },
                              "HeaderAuthenticationFailed"},
                             {"RightKeyAndTagButWrongCommitment",
                              [] {
                                HandMade made = Base();
                                made.suite_data = Bytes(32, 7);
                                return made.Make();
                              },
                              "CommitmentMismatch"},
                         }),
                         [](const auto& info) { return info.param.name; });

TEST(Accepted, WhatOtherWritersMake) {
  for (const SuiteId suite :
       {SuiteId::k256Commit, SuiteId::k256CommitP384, SuiteId::k256Sha256, SuiteId::k128Sha256P256}) {
    HandMade made;
    made.suite = suite;
    made.plaintext = testing::TextOf(32);
    made.empty_final_frame = true;
    made.random_ivs = !SuiteOf(suite).commits;
    Bytes released;
    const auto facts = testing::ReadInPieces(*testing::WrappingCmm(), made.Make(), 7, released);
    ASSERT_TRUE(facts.ok()) << facts.error();
    EXPECT_EQ(released, made.plaintext);
    EXPECT_EQ(facts->frames, 3u);
  }
}

TEST(Commitment, OfTwoKeysThatOpenOnlyTheFirstIsTried) {
  // Wraps another data key under the known wrapping key; the message commits to the known one.
  EncryptionMaterials other{SuiteId::k256Commit, {{"a", "b"}}, testing::CountingSecret(0x80, 32), {}, {}, {}};
  ASSERT_TRUE(testing::WrappingKey()->OnEncrypt(other).ok());
  HandMade made;
  const auto right = PeekHeader(made.Make())->encrypted_data_keys[0];
  made.keys = EncryptedDataKeys{other.encrypted_data_keys[0], right};
  Bytes released;
  EXPECT_EQ(Said(testing::ReadInPieces(*testing::WrappingCmm(), made.Make(), 0, released)), "CommitmentMismatch");
  made.keys = EncryptedDataKeys{right, other.encrypted_data_keys[0]};
  EXPECT_EQ(Said(testing::ReadInPieces(*testing::WrappingCmm(), made.Make(), 0, released)), "");
}

}  // namespace
}  // namespace strongroom::encryption_sdk
