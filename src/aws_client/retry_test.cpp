#include "aws_client/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "aws_client/http.h"
#include "aws_client/service_call.h"
#include "aws_client/testing/fake_server.h"

namespace strongroom::aws_client {
namespace {

using namespace std::chrono_literals;
using testing_kit::FakeReply;
using testing_kit::FakeRequest;
using testing_kit::FakeServer;

TEST(RetryPolicyTest, GrowsToTheLongestAndEnds) {
  RetryPolicy policy({.max_attempts = 12}, [] { return 1.0; });
  std::vector<long> waits;
  for (int attempt = 1; const auto wait = policy.Next(attempt, Retry::kTransient); ++attempt)
    waits.push_back(wait->count());
  EXPECT_EQ(waits, (std::vector<long>{100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000, 20000}));
  EXPECT_FALSE(policy.Next(1, Retry::kNever));
  EXPECT_EQ(policy.Next(1, Retry::kThrottled), 1000ms);
}

TEST(RetryPolicyTest, JitterIsFullAndRetryAfterIsKept) {
  RetryPolicy policy({.max_attempts = 9}, [] { return 0.0; });
  EXPECT_EQ(policy.Next(3, Retry::kTransient), 0ms);
  EXPECT_EQ(policy.Next(1, Retry::kTransient, 7s), 7000ms);
  EXPECT_EQ(policy.Next(1, Retry::kTransient, 1h), 60000ms);
}

TEST(RetryPolicyTest, TheBucketRunsDryAndFillsAgain) {
  RetryPolicy policy({.max_attempts = 100, .tokens = 20}, [] { return 0.0; });
  EXPECT_TRUE(policy.Next(1, Retry::kTimeout));
  EXPECT_TRUE(policy.Next(1, Retry::kTransient));
  EXPECT_TRUE(policy.Next(1, Retry::kTransient));
  EXPECT_FALSE(policy.Next(1, Retry::kTransient));
  policy.Succeeded(2);
  EXPECT_TRUE(policy.Next(1, Retry::kTransient));
  EXPECT_FALSE(policy.Next(1, Retry::kTransient));
}

TEST(WaitTest, EndsWhenItIsStopped) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(Wait(1h, stop.get_token()).error().code(), Errc::kCancelled);
}

TEST(Http, WhatServersSend) {
  struct Row {
    std::string path;
    FakeReply reply;
    Errc errc;
  };
  const std::vector<Row> rows{{"/large", {.body = std::string(5000, 'x')}, Errc::kCorrupted},
                              {"/cut", {.body = "0123456789", .cut_after = 5}, Errc::kUnavailable},
                              {"/nothing", {.no_answer = true}, Errc::kUnavailable}};
  FakeServer server([&](const FakeRequest& request) -> FakeReply {
    for (const Row& row : rows) {
      if (row.path == request.path) return row.reply;
    }
    return {.headers = {{"X-Some", " a b "}}, .body = request.method + request.body};
  });
  const auto http = HttpClient::Create({}).value();
  for (const Row& row : rows) {
    EXPECT_EQ(http->Send({.url = server.Url() + row.path, .largest_answer = 1000}).error().code(), row.errc)
        << row.path;
  }
  for (const char* method : {"POST", "PUT"}) {
    const auto answer = http->Send({.method = method, .url = server.Url() + "/", .body = AsBytes("body")});
    ASSERT_TRUE(answer.ok()) << answer.error();
    EXPECT_EQ(answer->Text(), std::string(method) + "body");
    EXPECT_EQ(answer->Header("x-some"), "a b");
  }
  EXPECT_EQ(http->Send({.method = "DELETE", .url = server.Url() + "/"})->Text(), "DELETE");
  EXPECT_EQ(http->Send({.method = "HEAD", .url = server.Url() + "/"})->Text(), "");
  EXPECT_EQ(http->Send({.url = server.Url(), .headers = {{"X", "a\r\nb"}}}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(http->Send({.url = "file:///etc/passwd"}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(http->Send({.url = "http://127.0.0.1:1/"}).error().code(), Errc::kUnavailable);
}

TEST(Http, AServerWithoutTlsIsNoOutage) {
  FakeServer server([](const FakeRequest&) -> FakeReply { return {}; });
  const auto answer = HttpClient::Create({}).value()->Send({.url = "https" + server.Url().substr(4)});
  EXPECT_EQ(answer.error().code(), Errc::kInvalidArgument) << "so that it is not tried again";
  EXPECT_THAT(answer.error().public_message(), ::testing::HasSubstr("does not speak TLS"));
}

TEST(Http, ConnectionsAreKept) {
  FakeServer server([](const FakeRequest&) -> FakeReply { return {.body = "x"}; });
  const auto http = HttpClient::Create({}).value();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(http->Send({.url = server.Url()}).ok());
  EXPECT_EQ(server.connections(), 1);
}

TEST(Http, StopEndsATransferThatStandsStill) {
  std::stop_source stop;
  const auto http = HttpClient::Create({.stop = stop.get_token()}).value();
  FakeServer server([&](const FakeRequest&) -> FakeReply {
    stop.request_stop();
    return {.body = "x", .content_length = 100};
  });
  EXPECT_EQ(http->Send({.url = server.Url()}).error().code(), Errc::kCancelled);
  EXPECT_EQ(http->Send({.url = server.Url()}).error().code(), Errc::kCancelled);
}

TEST(Http, ATransferThatStandsStillIsGivenUp) {
  const auto http = HttpClient::Create({.stall = 1s}).value();
  FakeServer server([&](const FakeRequest&) -> FakeReply { return {.body = "x", .content_length = 100}; });
  EXPECT_EQ(http->Send({.url = server.Url()}).error().code(), Errc::kTimeout);
}

TEST(Http, CertificateAuthoritiesThatAreNotThere) {
  EXPECT_EQ(HttpClient::Create({.ca_bundle = "/nonexistent/ca.pem"}).error().code(), Errc::kNotFound);
}

TEST(ServiceErrors, Json) {
  struct Row {
    std::string body, header, code, message;
  };
  for (const Row& row : std::vector<Row>{{R"({"__type":"p#X","message":"m"})", "", "X", "m"},
                                         {R"({"__type":"X","Message":"M"})", "", "X", "M"},
                                         {R"({"message":"m"})", "Y:http://internal/", "Y", "m"},
                                         {"<html>", "", "", ""},
                                         {R"({"__type":7})", "", "", ""}}) {
    HttpResponse response{.status = 400, .headers = {{"x-amzn-errortype", row.header}}};
    response.body.assign(row.body.begin(), row.body.end());
    EXPECT_EQ(ReadJsonError(response).code, row.code) << row.body;
    EXPECT_EQ(ReadJsonError(response).message, row.message);
  }
}

}  // namespace
}  // namespace strongroom::aws_client
