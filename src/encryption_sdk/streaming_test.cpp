#include <gtest/gtest.h>

#include <random>

#include "encryption_sdk/internal/message_writer.h"
#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::Said;

struct Size {
  SuiteId suite;
  std::uint32_t frame;
  std::size_t plaintext;
};
std::vector<Size> Sizes() {
  std::vector<Size> out;
  for (const Suite& suite : AllSuites()) {
    for (const std::uint32_t frame : {16u, 48u, 4096u}) {
      for (const std::size_t size : {0u, 1u, frame - 1, frame, frame + 1, 3 * frame, 3 * frame + 5}) {
        out.push_back({suite.id, frame, size});
      }
    }
  }
  return out;
}

TEST(Streaming, EverySizeComesBackAndIsAsLongAsItShouldBe) {
  for (const Size& size : Sizes()) {
    SCOPED_TRACE(fmt::format("{:04x} {} {}", static_cast<int>(size.suite), size.frame, size.plaintext));
    const auto made = testing::Write(size.suite, size.frame, size.plaintext);
    const std::size_t frames = std::max<std::size_t>(1, (size.plaintext + size.frame - 1) / size.frame);
    const Suite& suite = SuiteOf(size.suite);
    const Header header = PeekHeader(made.message).value();
    const std::size_t context = Serialize(header.context)->size();
    // One entry of the raw AES keyring: 74 bytes and both names, less what a shorter key is short of.
    const std::size_t keys = 74 + 2 + 2 - (32 - suite.key_bytes);
    EXPECT_EQ(header.body_bytes, (suite.commits ? 76 : 34) + context + keys);
    EXPECT_EQ(header.total_bytes - header.body_bytes, suite.commits ? 16u : 28u);
    EXPECT_EQ(made.message.size(), header.total_bytes + size.plaintext + 32 * (frames - 1) + 40 +
                                       (suite.signs() ? 2 + suite.signature_bytes : 0));
    EXPECT_EQ(made.message.size(), MessageBytes(header, size.plaintext));
    EXPECT_EQ(made.facts.message_bytes, made.message.size());
    Bytes released;
    const auto facts = testing::ReadInPieces(*testing::WrappingCmm(), made.message, 0, released);
    ASSERT_TRUE(facts.ok()) << facts.error();
    EXPECT_EQ(released, testing::TextOf(size.plaintext));
    EXPECT_EQ(facts->tags_digest, made.facts.tags_digest);
    EXPECT_EQ(facts->frames, frames);
    EXPECT_EQ(facts->message_bytes, made.message.size());
    EXPECT_EQ(facts->header.message_id, made.facts.header.message_id);
  }
}

struct ThreadRow {
  std::string name;
  SuiteId suite;
  unsigned threads;
};
class Split : public ::testing::TestWithParam<ThreadRow> {};

TEST_P(Split, AnySplitOfTheInputGivesTheSame) {
  std::mt19937 random(7);
  const Bytes text = testing::TextOf(100'000);
  for (int round = 0; round < 12; ++round) {
    const auto piece = [&](std::size_t left) {
      const std::size_t most = round < 4 ? 50 : 9000;
      return std::min<std::size_t>(left, std::uniform_int_distribution<std::size_t>(1, most)(random));
    };
    EncryptOptions options = testing::WritesSuite(GetParam().suite, 1000);
    options.threads = GetParam().threads;
    Bytes message;
    auto encryptor = Encryptor::Start(*testing::WrappingCmm(), {}, options, [&message](ByteView more) {
      Append(message, more);
      return Status();
    });
    ASSERT_TRUE(encryptor.ok()) << encryptor.error();
    for (ByteView rest = text; !rest.empty();) {
      const std::size_t take = piece(rest.size());
      ASSERT_TRUE(encryptor->Write(rest.first(take)).ok());
      rest = rest.subspan(take);
    }
    const auto written = encryptor->Finish();
    ASSERT_TRUE(written.ok()) << written.error();
    EXPECT_EQ(written->frames, 100u);

    DecryptOptions reads = testing::ReadsAll();
    reads.threads = GetParam().threads;
    const CmmPtr cmm = testing::WrappingCmm();
    Bytes released;
    auto decryptor = Decryptor::Start(*cmm, reads, [&released](ByteView more) {
      Append(released, more);
      return Status();
    });
    for (ByteView rest = message; !rest.empty();) {
      const std::size_t take = piece(rest.size());
      ASSERT_TRUE(decryptor->Write(rest.first(take)).ok());
      EXPECT_EQ(decryptor->header() != nullptr, message.size() - rest.size() + take >= written->header.total_bytes);
      rest = rest.subspan(take);
    }
    const auto read = decryptor->Finish();
    ASSERT_TRUE(read.ok()) << read.error();
    EXPECT_EQ(released, text);
    EXPECT_EQ(read->tags_digest, written->tags_digest);
  }
}

INSTANTIATE_TEST_SUITE_P(EncryptionSdk, Split,
                         ::testing::Values(ThreadRow{"Alone", SuiteId::k256Commit, 0},
                                           ThreadRow{"AloneSigned", SuiteId::k256CommitP384, 0},
                                           ThreadRow{"OneThread", SuiteId::k256Commit, 1},
                                           ThreadRow{"FourThreads", SuiteId::k256Commit, 4},
                                           ThreadRow{"FourThreadsSigned", SuiteId::k256CommitP384, 4}),
                         [](const auto& info) { return info.param.name; });

TEST(Streaming, FramesAreReleasedAsSoonAsTheyMayBe) {
  for (const SuiteId suite : {SuiteId::k256Commit, SuiteId::k256CommitP384}) {
    const auto made = testing::Write(suite, 16, 40);
    const CmmPtr cmm = testing::WrappingCmm();
    std::size_t released = 0;
    auto decryptor = Decryptor::Start(*cmm, {}, [&released](ByteView more) {
      released += more.size();
      return Status();
    });
    std::vector<std::size_t> seen;
    for (std::size_t at = 0; at < made.message.size(); ++at) {
      ASSERT_TRUE(decryptor->Write(ByteView(made.message).subspan(at, 1)).ok());
      seen.push_back(released);
    }
    const std::size_t header = made.facts.header.total_bytes;
    EXPECT_EQ(seen[header + 47 - 1], 0u);
    EXPECT_EQ(seen[header + 48 - 1], 16u);
    EXPECT_EQ(seen[header + 96 - 1], 32u);
    const bool is_signed = SuiteOf(suite).signs();
    EXPECT_EQ(seen[header + 96 + 48 - 1], is_signed ? 32u : 40u);
    EXPECT_EQ(seen[made.message.size() - 2], is_signed ? 32u : 32u);
    EXPECT_EQ(seen.back(), 40u);
    EXPECT_TRUE(decryptor->Finish().ok());
  }
}

TEST(Streaming, AnErrorOfTheSinkStopsAndStays) {
  const auto full = [](ByteView) -> Status { return Error(Errc::kResourceExhausted, "The disk is full."); };
  EXPECT_EQ(Said(Encryptor::Start(*testing::WrappingCmm(), {}, {}, full)), "resource-exhausted");
  const CmmPtr cmm = testing::WrappingCmm();
  auto decryptor = Decryptor::Start(*cmm, testing::ReadsAll(), full);
  const Bytes message = testing::K1();
  EXPECT_EQ(Said(decryptor->Write(message)), "resource-exhausted");
  EXPECT_EQ(Said(decryptor->Write(message)), "resource-exhausted");
  EXPECT_EQ(Said(decryptor->Finish()), "resource-exhausted");
}

const Sink kNowhere = [](ByteView) { return Status(); };

TEST(Limits, PlaintextOverWhatWasAnnounced) {
  auto encryptor = Encryptor::Start(*testing::WrappingCmm(), {}, {.plaintext_bound = 10}, kNowhere);
  EXPECT_EQ(Said(encryptor->Write(Bytes(10))), "");
  EXPECT_EQ(Said(encryptor->Write(Bytes(1))), "PlaintextTooLong");
  EXPECT_EQ(Said(encryptor->Finish()), "PlaintextTooLong");
  auto shorter = Encryptor::Start(*testing::WrappingCmm(), {}, {.plaintext_bound = 10}, kNowhere);
  EXPECT_EQ(Said(shorter->Write(Bytes(3))), "");
  EXPECT_EQ(Said(shorter->Finish()), "");
  EXPECT_EQ(Said(shorter->Write(Bytes(1))), "InvalidArgument");
  EXPECT_EQ(Said(shorter->Finish()), "InvalidArgument");
}

TEST(Limits, FrameLengthAndFrames) {
  const auto said = [](EncryptOptions options) {
    return Said(Encryptor::Start(*testing::WrappingCmm(), {}, options, kNowhere));
  };
  EXPECT_EQ(said({.frame_length = 0}), "InvalidArgument");
  EXPECT_EQ(said({.frame_length = 0x80000000}), "InvalidArgument");
  EXPECT_EQ(said({.frame_length = 0x7fffffff}), "");
  EXPECT_EQ(said({.frame_length = 1, .plaintext_bound = 0xffffffff}), "");
  EXPECT_EQ(said({.frame_length = 1, .plaintext_bound = 0x100000000}), "LimitExceeded");
  EXPECT_EQ(said({.threads = 65}), "InvalidArgument");
  EXPECT_EQ(Said(Decryptor::Start(*testing::WrappingCmm(), {.threads = 65}, kNowhere)), "InvalidArgument");
}

TEST(Limits, TheLastNumberIsOnlyAFinalFrames) {
  for (const unsigned threads : {0u, 2u}) {
    const auto write = [threads](std::size_t size) {
      EncryptionMaterials materials{SuiteId::k256Commit, {}, testing::DataKey(32), {{"p", {}, {}}}, {}, {}};
      auto writer = internal::MessageWriter::Begin(materials, testing::MessageId(32),
                                                   {.frame_length = 2, .threads = threads, .most_frames = 3}, kNowhere);
      Status done = writer.value()->Write(Bytes(size));
      if (done.ok()) {
        const auto facts = writer.value()->Finish();
        if (!facts.ok()) done = facts.error();
      }
      return Said(done);
    };
    EXPECT_EQ(write(6), "");
    EXPECT_EQ(write(7), "LimitExceeded");
  }
}

TEST(FrameReaders, ReadAnyFrameAlone) {
  const auto made = testing::Write(SuiteId::k256Commit, 16, 40);
  const auto opened = OpenHeader(*testing::WrappingCmm(), made.message);
  ASSERT_TRUE(opened.ok()) << opened.error();
  auto reader = FrameReader::Open(*opened);
  ASSERT_TRUE(reader.ok()) << reader.error();
  Bytes tags, text = testing::TextOf(40);
  for (std::uint32_t number = 1; number <= 3; ++number) {
    const auto frame = reader->Read(number, ByteView(made.message).subspan(reader->Offset(number)));
    ASSERT_TRUE(frame.ok()) << frame.error();
    const std::size_t at = (number - 1) * 16;
    EXPECT_TRUE(std::ranges::equal(frame->plaintext, ByteView(text).subspan(at, number == 3 ? 8 : 16)));
    EXPECT_EQ(frame->last, number == 3);
    Append(tags, frame->tag);
  }
  EXPECT_EQ(crypto::Sha256(tags), made.facts.tags_digest);

  Bytes message = made.message;
  EXPECT_EQ(Said(reader->Read(2, ByteView(message).subspan(reader->Offset(1)))), "MalformedBody");
  EXPECT_EQ(Said(reader->Read(1, ByteView(message).subspan(reader->Offset(1), 47))), "Truncated");
  EXPECT_EQ(Said(reader->Read(1, {})), "Truncated");
  message[reader->Offset(2) + 20] ^= 1;
  EXPECT_EQ(Said(reader->Read(2, ByteView(message).subspan(reader->Offset(2)))), "BodyAuthenticationFailed");

  const auto is_signed = testing::Write(SuiteId::k256CommitP384, 16, 40);
  EXPECT_EQ(Said(FrameReader::Open(OpenHeader(*testing::WrappingCmm(), is_signed.message).value())),
            "SignaturePolicyViolation");
  EXPECT_EQ(Said(FrameReader::Open(*opened, {.max_frame_bytes = 15})), "LimitExceeded");
}

TEST(OpenHeaders, NeedTheWholeHeaderOnly) {
  const Bytes message = testing::K1();
  const std::size_t header = PeekHeader(message)->total_bytes;
  EXPECT_EQ(Said(OpenHeader(*testing::WrappingCmm(), ByteView(message).first(header))), "");
  EXPECT_EQ(Said(OpenHeader(*testing::WrappingCmm(), ByteView(message).first(header - 1))), "Truncated");
}

}  // namespace
}  // namespace strongroom::encryption_sdk
