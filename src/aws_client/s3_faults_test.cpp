// What an S3 server may do wrong, and what becomes of it.
#include <gtest/gtest.h>

#include "aws_client/s3_client.h"
#include "aws_client/s3_store.h"
#include "aws_client/testing/fake_s3.h"
#include "aws_client/testing/made_aws.h"

namespace strongroom::aws_client {
namespace {

using testing_kit::FakeReply;
using testing_kit::FakeRequest;
using testing_kit::FakeS3;

class S3Faults : public ::testing::Test {
 protected:
  ObjectStore& store(std::map<std::string, std::string, std::less<>> more = {}) {
    if (store_ == nullptr)
      store_ = OpenS3Store(testing_kit::MadeAws(std::move(more)), "s3://backup/p", s3_.Url()).value();
    return *store_;
  }
  /// Answers so to the first `times` requests that are `method` and hold `in`.
  void FailFirst(int times, std::string method, FakeReply reply, std::string in = "") {
    s3_.fault = [=, left = times](const FakeRequest& request) mutable -> std::optional<FakeReply> {
      if (request.method != method || (request.path + "?" + request.query).find(in) == std::string::npos)
        return std::nullopt;
      return left-- > 0 ? std::optional(reply) : std::nullopt;
    };
  }
  static Bytes Content(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 9));
    return bytes;
  }
  FakeS3 s3_;
  std::unique_ptr<ObjectStore> store_;
};

struct Passing {
  std::string name;
  FakeReply reply;
};
class PassingFaults : public S3Faults, public ::testing::WithParamInterface<Passing> {};

TEST_P(PassingFaults, ArePassedOver) {
  FailFirst(2, "PUT", GetParam().reply);
  ASSERT_TRUE(store().Put("x", AsBytes("content"), PutIf::kAny).ok());
  EXPECT_EQ(s3_.Count("PUT", "/x"), 3u);
  FailFirst(2, "GET", GetParam().reply);
  EXPECT_EQ(GetAll(store(), "x", 100).value(), ToBytes(AsBytes("content")));
}
INSTANTIATE_TEST_SUITE_P(Kinds, PassingFaults,
                         ::testing::Values(Passing{"SlowDown", FakeS3::Refuse(503, "SlowDown")},
                                           Passing{"InternalError", FakeS3::Refuse(500, "InternalError")},
                                           Passing{"BareGateway", {.status = 502, .body = "<html>bad gateway</html>"}},
                                           Passing{"RequestTimeout", FakeS3::Refuse(400, "RequestTimeout")},
                                           Passing{"Closed", {.no_answer = true}}),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(S3Faults, GivesUpAfterTheConfiguredAttempts) {
  FailFirst(100, "PUT", FakeS3::Refuse(503, "SlowDown"));
  const auto put = store({{"AWS_MAX_ATTEMPTS", "2"}}).Put("x", AsBytes("content"), PutIf::kAny);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code(), Errc::kThrottled);
  EXPECT_EQ(s3_.Count("PUT", "/x"), 2u);
}

TEST_F(S3Faults, ATransferThatIsCutGoesOnWhereItWas) {
  const Bytes content = Content(1 << 20);
  ASSERT_TRUE(store().Put("x", content, PutIf::kAny).ok());
  int cuts = 0;
  s3_.after = [&](const FakeRequest& request, FakeReply& reply) {
    if (request.method == "GET" && ++cuts <= 3) reply.cut_after = 200'000;
  };
  EXPECT_EQ(GetAll(store(), "x", content.size()).value(), content);
  EXPECT_EQ(cuts, 4);
}

TEST_F(S3Faults, AnObjectReplacedMeanwhileIsAConflict) {
  const Bytes content = Content(1 << 20);
  ASSERT_TRUE(store().Put("x", content, PutIf::kAny).ok());
  s3_.after = [&](const FakeRequest& request, FakeReply& reply) {
    if (request.method != "GET") return;
    reply.cut_after = 1000;
    s3_.objects["p/x"].etag = "\"another\"";
  };
  EXPECT_EQ(GetAll(store(), "x", content.size()).error().code(), Errc::kConflict);
}

TEST_F(S3Faults, DamageInReadingIsSeen) {
  ASSERT_TRUE(store().Put("x", AsBytes("content"), PutIf::kAny).ok());
  s3_.after = [](const FakeRequest& request, FakeReply& reply) {
    if (request.method == "GET") reply.body[3] ^= 1;
  };
  EXPECT_EQ(GetAll(store(), "x", 100).error().code(), Errc::kCorrupted);
}

TEST_F(S3Faults, WrongChecksumOrETagOfWhatWasStoredIsSentAgain) {
  for (const bool modern : {true, false}) {
    s3_.knows_sha256 = modern;
    int puts = 0;
    s3_.after = [&](const FakeRequest& request, FakeReply& reply) {
      if (request.method != "PUT" || ++puts > 1) return;
      reply.headers[modern ? "x-amz-checksum-sha256" : "ETag"] =
          modern ? "AAAA" : "\"00000000000000000000000000000000\"";
    };
    ASSERT_TRUE(store().Put("x", AsBytes("content"), PutIf::kAny).ok());
    EXPECT_EQ(puts, 2) << modern;
    auto upload = store().StartUpload("parts", kSmallestPartBytes);
    puts = 0;
    ASSERT_TRUE((*upload)->Part(1, AsBytes("content")).ok());
    EXPECT_EQ(puts, 2) << modern;
    ASSERT_TRUE((*upload)->Complete(PutIf::kAny).ok());
  }
  EXPECT_GT(s3_.Count("PUT", "partNumber=1"), 3u);
}

TEST_F(S3Faults, ChecksumThatIsAlwaysWrongIsAnError) {
  s3_.after = [](const FakeRequest& request, FakeReply& reply) {
    if (request.method == "PUT") reply.headers["x-amz-checksum-sha256"] = "AAAA";
  };
  EXPECT_EQ(store({{"AWS_MAX_ATTEMPTS", "3"}}).Put("x", AsBytes("content"), PutIf::kAny).error().code(),
            Errc::kCorrupted);
}

TEST_F(S3Faults, AnAnswerThatIsLostDoesNotTurnOursIntoAnothers) {
  int puts = 0;
  s3_.after = [&](const FakeRequest& request, FakeReply& reply) {
    if (request.method == "PUT" && ++puts == 1) reply.no_answer = true;  // it was done all the same
  };
  ASSERT_TRUE(store().Put("x", AsBytes("mine"), PutIf::kAbsent).ok());
  EXPECT_EQ(puts, 2);
}

TEST_F(S3Faults, AnothersObjectIsNotTakenForOurs) {
  int puts = 0;
  s3_.fault = [&](const FakeRequest& request) -> std::optional<FakeReply> {
    if (request.method != "PUT" || ++puts > 1) return std::nullopt;
    s3_.objects["p/x"] = {"another's", "\"e\"", Base64(crypto::Sha256(AsBytes("another's")))};
    return FakeReply{.no_answer = true};
  };
  EXPECT_EQ(store().Put("x", AsBytes("mine"), PutIf::kAbsent).error().code(), Errc::kAlreadyExists);
}

struct CompleteFault {
  std::string name;
  std::function<void(FakeReply&)> change;
};
class CompleteFaults : public S3Faults, public ::testing::WithParamInterface<CompleteFault> {};

TEST_P(CompleteFaults, TheObjectIsThereOnce) {
  auto upload = store().StartUpload("x", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, AsBytes("content")).ok());
  int completes = 0;
  s3_.after = [&](const FakeRequest& request, FakeReply& reply) {
    if (request.method == "POST" && ++completes == 1) GetParam().change(reply);
  };
  const auto done = (*upload)->Complete(PutIf::kAbsent);
  ASSERT_TRUE(done.ok()) << done.error();
  EXPECT_EQ(done->size, 7u);
  EXPECT_EQ(completes, 2);
  EXPECT_EQ(s3_.objects.size(), 1u);
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, CompleteFaults,
    ::testing::Values(CompleteFault{"AnswerLost", [](FakeReply& reply) { reply.no_answer = true; }},
                      CompleteFault{"ErrorBehind200",
                                    [](FakeReply& reply) { reply.body = "<Error><Code>InternalError</Code></Error>"; }},
                      CompleteFault{"Gibberish", [](FakeReply& reply) { reply.body = "<Half"; }}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(S3Faults, OursIsKnownByItsChecksumWhereTheETagIsNone) {
  s3_.etags_are_md5 = false;
  auto upload = store().StartUpload("x", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, AsBytes("content")).ok());
  int completes = 0;
  s3_.after = [&](const FakeRequest& request, FakeReply& reply) {
    if (request.method == "POST" && ++completes == 1) reply.no_answer = true;
  };
  const auto done = (*upload)->Complete(PutIf::kAbsent);
  ASSERT_TRUE(done.ok()) << done.error();
  // Another's object of the same size is not ours.
  s3_.after = nullptr;
  upload = store().StartUpload("y", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, AsBytes("content")).ok());
  s3_.fault = [&](const FakeRequest& request) -> std::optional<FakeReply> {
    if (request.method != "POST") return std::nullopt;
    s3_.objects["p/y"] = {"another", "\"e-1\"", "AAAA-1"};
    s3_.fault = nullptr;
    return FakeReply{.no_answer = true};
  };
  EXPECT_EQ((*upload)->Complete(PutIf::kAbsent).error().code(), Errc::kAlreadyExists);
}

struct ServerRow {
  std::string name;
  bool knows, ignores;
  std::optional<Errc> want;
};
class WhatServersSayOfASecond : public S3Faults, public ::testing::WithParamInterface<ServerRow> {};

TEST_P(WhatServersSayOfASecond, IsPassedOnWithoutALookOfOurs) {
  s3_.knows_conditions = GetParam().knows;
  s3_.ignores_conditions = GetParam().ignores;
  ASSERT_TRUE(store().Put("x", AsBytes("first"), PutIf::kAny).ok());
  for (int turn = 0; turn < 2; ++turn) {
    const auto second = store().Put("x", AsBytes("second"), PutIf::kAbsentToServer);
    EXPECT_EQ(second.ok() ? std::nullopt : std::optional(second.error().code()), GetParam().want);
  }
  EXPECT_EQ(GetAll(store(), "x", 100).value(), ToBytes(AsBytes(GetParam().ignores ? "second" : "first")));
  // Where the condition is no help, a look before is.
  EXPECT_EQ(store().Put("x", AsBytes("third"), PutIf::kAbsent).error().code(), Errc::kAlreadyExists);
}
INSTANTIATE_TEST_SUITE_P(Kinds, WhatServersSayOfASecond,
                         ::testing::Values(ServerRow{"Refuse", true, false, Errc::kAlreadyExists},
                                           ServerRow{"KnowNoCondition", false, false, Errc::kUnsupported},
                                           ServerRow{"IgnoreIt", true, true, std::nullopt}),
                         [](const auto& tested) { return tested.param.name; });

struct ConflictRow {
  std::string name;
  int conflicts;
  bool dropped, another;
  std::optional<Errc> want;
};
class CompleteConflicts : public S3Faults, public ::testing::WithParamInterface<ConflictRow> {};

TEST_P(CompleteConflicts, EndAsTheRowSays) {
  auto upload = store({{"AWS_MAX_ATTEMPTS", "3"}}).StartUpload("x", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, AsBytes("content")).ok());
  s3_.fault = [&, left = GetParam().conflicts](const FakeRequest& request) mutable -> std::optional<FakeReply> {
    if (request.method != "POST" || left-- <= 0) return std::nullopt;
    if (GetParam().dropped) s3_.uploads.clear();
    if (GetParam().another) s3_.objects["p/x"] = {"another's", "\"e\"", ""};
    return FakeS3::Refuse(409, "ConditionalRequestConflict");
  };
  const auto done = (*upload)->Complete(PutIf::kAbsent);
  ASSERT_EQ(done.ok(), !GetParam().want.has_value());
  if (done.ok()) return;
  EXPECT_EQ(done.error().code(), *GetParam().want) << done.error();
}
INSTANTIATE_TEST_SUITE_P(Kinds, CompleteConflicts,
                         ::testing::Values(ConflictRow{"ThatPass", 2, false, false, std::nullopt},
                                           ConflictRow{"ThatStay", 99, false, false, Errc::kConflict},
                                           ConflictRow{"WithTheUploadDropped", 1, true, false, Errc::kConflict},
                                           ConflictRow{"ThatAnotherWins", 1, false, true, Errc::kAlreadyExists}),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(S3Faults, AnUploadThatSomebodyDroppedIsNoMissingObject) {
  auto upload = store().StartUpload("x", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, AsBytes("content")).ok());
  s3_.uploads.clear();
  const auto done = (*upload)->Complete(PutIf::kAny);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Errc::kConflict);
  EXPECT_NE(done.error().public_message().find("unfinished upload"), std::string::npos) << done.error();
}

TEST_F(S3Faults, ARefusalBehind200IsAnError) {
  auto upload = store().StartUpload("x", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, AsBytes("content")).ok());
  FailFirst(1, "POST", {.body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"}, "uploadId");
  const auto done = (*upload)->Complete(PutIf::kAny);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Errc::kAccessDenied);
}

struct HostileWords {
  std::string name;
  FakeReply reply;
};
class ServersWords : public S3Faults, public ::testing::WithParamInterface<HostileWords> {};

TEST_P(ServersWords, DoNotReachTheTerminalAsTheyAre) {
  ASSERT_TRUE(store().Put("x", AsBytes("content"), PutIf::kAny).ok());
  s3_.fault = [&](const FakeRequest&) { return std::optional(GetParam().reply); };
  const auto put = store().Put("x", AsBytes("content"), PutIf::kAny);
  const std::string name = "x";
  const Status deleted = store().Delete(std::span(&name, 1));
  int refused = 0;
  for (const Status& status : {put.ok() ? Status() : Status(put.error()), deleted}) {
    if (status.ok()) continue;
    ++refused;
    const std::string text = status.error().public_message() + status.error().ForLog();
    EXPECT_EQ(text.find_first_of("\n\x1b\x9b"), std::string::npos) << text;
    EXPECT_LT(status.error().public_message().size(), 700u);
  }
  EXPECT_GT(refused, 0);
}
INSTANTIATE_TEST_SUITE_P(
    Places, ServersWords,
    ::testing::Values(
        HostileWords{
            "Message",
            {.status = 400,
             .body = "<Error><Code>Odd</Code><Message>a\n&#x9b;31m" + std::string(9000, 'm') + "</Message></Error>"}},
        HostileWords{"Code",
                     {.status = 400, .body = "<Error><Code>O\n&#x9b;" + std::string(9000, 'c') + "</Code></Error>"}},
        HostileWords{"OfOneObject",
                     {.body = "<DeleteResult><Error><Key>p/x\n&#x9b;</Key><Code>Odd\n</Code><Message>&#x9b;" +
                              std::string(9000, 'm') + "</Message></Error></DeleteResult>"}}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(S3Faults, TheMissingPermissionIsNamed) {
  struct Row {
    std::string method, action;
    std::function<Status()> call;
  };
  const auto drop = [](auto result) -> Status { return result.ok() ? Status() : Status(result.error()); };
  const std::vector<std::string> names{"x"};
  const std::vector<Row> rows{
      {"PUT", "s3:PutObject on arn:aws:s3:::backup/p/x",
       [&] { return drop(store().Put("x", AsBytes("c"), PutIf::kAny)); }},
      {"GET", "s3:GetObject on arn:aws:s3:::backup/p/x", [&] { return drop(GetAll(store(), "x", 9)); }},
      {"HEAD", "s3:GetObject on arn:aws:s3:::backup/p/x", [&] { return drop(store().Head("x")); }},
      {"HEAD", "s3:ListBucket on arn:aws:s3:::backup (", [&] { return store().Check(); }},
      {"GET", "s3:ListBucket on arn:aws:s3:::backup (", [&] { return drop(store().List("", "")); }},
      {"POST", "s3:DeleteObject on arn:aws:s3:::backup (", [&] { return store().Delete(names); }}};
  for (const Row& row : rows) {
    FailFirst(1, row.method, FakeS3::Refuse(403, "AccessDenied"));
    const Status got = row.call();
    ASSERT_FALSE(got.ok()) << row.action;
    EXPECT_EQ(got.error().code(), Errc::kAccessDenied);
    EXPECT_NE(got.error().public_message().find(row.action), std::string::npos) << got.error();
  }
}

TEST_F(S3Faults, TheBucketsRegionIsFollowed) {
  std::vector<std::string> scopes;
  s3_.fault = [&](const FakeRequest& request) -> std::optional<FakeReply> {
    scopes.push_back(request.Header("authorization"));
    if (request.Header("authorization").find("/ap-south-1/s3/") != std::string::npos) return std::nullopt;
    FakeReply reply = FakeS3::Refuse(400, "AuthorizationHeaderMalformed", "<Region>ap-south-1</Region>");
    return reply;
  };
  ASSERT_TRUE(store().Put("x", AsBytes("c"), PutIf::kAny).ok());
  ASSERT_TRUE(store().Put("y", AsBytes("c"), PutIf::kAny).ok());
  EXPECT_EQ(scopes.size(), 3u);
}

TEST_F(S3Faults, AClockThatIsOffIsCorrected) {
  int calls = 0;
  s3_.fault = [&](const FakeRequest& request) -> std::optional<FakeReply> {
    if (++calls > 1) {
      EXPECT_TRUE(request.Header("x-amz-date").starts_with("20300101T1")) << request.Header("x-amz-date");
      return std::nullopt;
    }
    FakeReply reply = FakeS3::Refuse(403, "RequestTimeTooSkewed");
    reply.headers["Date"] = "Tue, 01 Jan 2030 12:00:00 GMT";
    return reply;
  };
  ASSERT_TRUE(store().Put("x", AsBytes("c"), PutIf::kAny).ok());
  EXPECT_EQ(calls, 2);
}

TEST_F(S3Faults, AWholeObjectWhereAPartWasAskedFor) {
  ASSERT_TRUE(store().Put("x", AsBytes("0123456789"), PutIf::kAny).ok());
  FailFirst(1, "GET", {.body = "0123456789"});
  std::string got;
  const auto result = store().Get("x", ByteRange{2, 3}, [&](ByteView bytes) -> Status {
    got += AsText(bytes);
    return {};
  });
  EXPECT_EQ(result.error().code(), Errc::kCorrupted);
  EXPECT_EQ(got, "");
}

TEST_F(S3Faults, ListsThatDoNotMakeSense) {
  for (const char* body : {"", "<html/>", "<ListBucketResult><Contents><Key>p/x</Key></Contents></ListBucketResult>",
                           "<ListBucketResult><Contents><Key>p/x</Key><Size>-1</Size></Contents></ListBucketResult>",
                           "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}) {
    FailFirst(2, "GET", {.body = body});
    EXPECT_EQ(store().List("", "").error().code(), Errc::kCorrupted) << body;
  }
}

struct AddressingRow {
  std::string name;
  Addressing wanted;
  std::string endpoint, bucket;
  bool in_host;
};
class AddressingTable : public ::testing::TestWithParam<AddressingRow> {};

TEST_P(AddressingTable, IsAsTheRowSays) {
  const auto endpoint = ParseEndpoint(GetParam().endpoint);
  ASSERT_TRUE(endpoint.ok());
  EXPECT_EQ(StandsInHost(GetParam().wanted, *endpoint, GetParam().bucket), GetParam().in_host);
}
const std::string kAws = "https://s3.eu-central-1.amazonaws.com";
INSTANTIATE_TEST_SUITE_P(
    S3, AddressingTable,
    ::testing::Values(
        AddressingRow{"AwsByItself", Addressing::kAuto, kAws, "backup", true},
        AddressingRow{"AwsInChina", Addressing::kAuto, "https://s3.cn-north-1.amazonaws.com.cn", "b-1", true},
        AddressingRow{"AwsAsked", Addressing::kVirtual, kAws, "backup", true},
        AddressingRow{"AwsAskedForThePath", Addressing::kPath, kAws, "backup", false},
        AddressingRow{"DotsUnderTls", Addressing::kAuto, kAws, "back.up", false},
        AddressingRow{"DotsUnderTlsAsked", Addressing::kVirtual, kAws, "back.up", false},
        AddressingRow{"DotsWithoutTls", Addressing::kVirtual, "http://s3.local", "back.up", true},
        AddressingRow{"OwnByItself", Addressing::kAuto, "https://s3.example.com", "backup", false},
        AddressingRow{"OwnAsked", Addressing::kVirtual, "https://s3.example.com", "backup", true},
        AddressingRow{"OwnThatLooksAlike", Addressing::kAuto, "https://notamazonaws.com", "backup", false},
        AddressingRow{"NumbersAsked", Addressing::kVirtual, "http://127.0.0.1:9000", "backup", false},
        AddressingRow{"SixthVersionAsked", Addressing::kVirtual, "http://[::1]:9000", "backup", false}),
    [](const auto& tested) { return tested.param.name; });

TEST(S3UrlTest, Table) {
  EXPECT_EQ(ParseS3Url("s3://my-bucket/a/b/")->prefix, "a/b/");
  EXPECT_EQ(ParseS3Url("s3://my.bucket")->bucket, "my.bucket");
  EXPECT_EQ(ParseS3Url("s3://my-bucket/")->prefix, "");
  for (const char* bad : {"", "s3:/x", "http://bucket/x", "s3://", "s3://ab", "s3://UPPER/x", "s3://a..b/x",
                          "s3://-ab/x", "s3://bucket//x", "s3://bucket/../x", "s3://b_u/x", "s3://bucket:80/x"}) {
    EXPECT_EQ(ParseS3Url(bad).error().code(), Errc::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace strongroom::aws_client
