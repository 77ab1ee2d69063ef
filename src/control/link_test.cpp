#include "control/link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "wire/frame.h"
#include "wire/status.h"

namespace strongroom::control {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;

template <typename T>
Task<void> Keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

// Two ends on one loop; `raw` tests speak to one Link by hand.
class LinkTest : public ::testing::Test {
 protected:
  LinkTest() { EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_)); }
  ~LinkTest() override {
    for (const auto& link : {a_, b_})
      if (link) link->Close(Error(Errc::kCancelled, "test over"));
    for (const int fd : ends_)
      if (fd >= 0) ::close(fd);
    loop_.restart();
    loop_.poll();
  }
  std::shared_ptr<Link> Take(int end, LinkOptions options = {}) {
    auto link = Link::OverDescriptor(loop_, std::exchange(ends_[end], -1), options);
    EXPECT_TRUE(link.ok());
    return *link;
  }
  void Connect(Link::Handler a, Link::Handler b, LinkOptions options = {}) {
    a_ = Take(0, options);
    b_ = Take(1, options);
    a_->Start(
        std::move(a), [this](proto::Control n) { notices_.push_back(std::move(n)); },
        [this](const Error& why) { a_closed_ = why.code(); });
    b_->Start(std::move(b), {}, [this](const Error& why) { b_closed_ = why.code(); });
  }
  template <typename T>
  T Await(Task<T> task) {
    std::optional<T> out;
    auto work = Keep(std::move(task), out);
    net::co_spawn(loop_, std::move(work), net::detached);
    RunUntil([&] { return out.has_value(); });
    return std::move(*out);
  }
  template <typename Condition>
  void RunUntil(Condition condition) {
    loop_.restart();
    net::steady_timer guard(loop_, 60s);
    guard.async_wait([](const boost::system::error_code& cancelled) { ASSERT_TRUE(cancelled); });
    while (!condition()) ASSERT_GT(loop_.run_one(), 0U);
  }
  void WriteRaw(int end, const Bytes& bytes) {
    ASSERT_EQ(::write(ends_[end], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  Loop loop_{1};
  int ends_[2] = {-1, -1};
  std::shared_ptr<Link> a_, b_;
  std::optional<Errc> a_closed_, b_closed_;
  std::vector<proto::Control> notices_;
};

Task<Result<proto::Control>> Echo(proto::Control question) { co_return question; }
Task<Result<proto::Control>> Refuse(proto::Control) { co_return Error(Errc::kLimitExceeded, "that is enough"); }

proto::Control Append(std::uint64_t number, std::size_t bytes = 3) {
  proto::Control question;
  question.set_hsm_id("hsm-1");
  question.mutable_log_append()->set_number(number);
  question.mutable_log_append()->set_record(std::string(bytes, 'r'));
  return question;
}

TEST_F(LinkTest, QuestionsGoBothWays) {
  Connect(Echo, Echo);
  const auto from_a = Await(a_->Ask(Append(7), 10s));
  const auto from_b = Await(b_->Ask(Append(8), 10s));
  ASSERT_TRUE(from_a.ok());
  ASSERT_TRUE(from_b.ok());
  EXPECT_EQ(from_a->log_append().number(), 7U);
  EXPECT_EQ(from_b->log_append().number(), 8U);
  EXPECT_EQ(from_a->hsm_id(), "hsm-1");
}

TEST_F(LinkTest, AnErrorArrivesWithItsCodeAndText) {
  Connect(Echo, Refuse);
  const auto answer = Await(a_->Ask(Append(1), 10s));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), Errc::kLimitExceeded);
  EXPECT_EQ(answer.error().public_message(), "that is enough");
}

TEST_F(LinkTest, AnEndWithoutHandlerSaysSo) {
  Connect({}, {});
  EXPECT_EQ(Await(a_->Ask(Append(1), 10s)).error().code(), Errc::kUnsupported);
}

TEST_F(LinkTest, ABigMessageArrivesWhole) {
  Connect(Echo, Echo);
  const auto answer = Await(a_->Ask(Append(1, 20u << 20), 60s));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->log_append().record(), std::string(20u << 20, 'r'));
}

TEST_F(LinkTest, ATooBigMessageIsNotSent) {
  Connect(Echo, Echo);
  EXPECT_EQ(Await(a_->Ask(Append(1, wire::kMaxControlBytes), 10s)).error().code(), Errc::kRequestTooLarge);
  EXPECT_TRUE(Await(a_->Ask(Append(2), 10s)).ok());
}

TEST_F(LinkTest, ManyAtOnceEachGetTheirOwnAnswer) {
  Connect(Echo, Echo);
  constexpr int kCount = 500;
  std::vector<std::optional<Result<proto::Control>>> answers(2 * kCount);
  for (int i = 0; i < kCount; ++i) {
    auto one = Keep(a_->Ask(Append(static_cast<std::uint64_t>(i)), 60s), answers[static_cast<std::size_t>(i)]);
    net::co_spawn(loop_, std::move(one), net::detached);
    auto other =
        Keep(b_->Ask(Append(static_cast<std::uint64_t>(1000 + i)), 60s), answers[static_cast<std::size_t>(kCount + i)]);
    net::co_spawn(loop_, std::move(other), net::detached);
  }
  RunUntil([&] { return std::all_of(answers.begin(), answers.end(), [](const auto& a) { return a.has_value(); }); });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(answers[i]->ok()) << answers[i]->error();
    EXPECT_EQ((*answers[i])->log_append().number(), i < kCount ? i : i - kCount + 1000);
  }
}

TEST_F(LinkTest, ALostLinkFailsWhatWaits) {
  a_ = Take(0);
  a_->Start(Echo, {}, [this](const Error& why) { a_closed_ = why.code(); });
  std::vector<std::optional<Result<proto::Control>>> answers(3);
  for (auto& answer : answers) {
    auto one = Keep(a_->Ask(Append(1), 60s), answer);
    net::co_spawn(loop_, std::move(one), net::detached);
  }
  loop_.poll();
  ::close(std::exchange(ends_[1], -1));
  RunUntil([&] { return std::all_of(answers.begin(), answers.end(), [](const auto& a) { return a.has_value(); }); });
  for (const auto& answer : answers) EXPECT_EQ(answer->error().code(), Errc::kUnavailable);
  EXPECT_EQ(a_closed_, Errc::kUnavailable);
  EXPECT_EQ(Await(a_->Ask(Append(2), 60s)).error().code(), Errc::kUnavailable);
}

TEST_F(LinkTest, ADeadlineEndsTheWaitAndALateAnswerDoesNoHarm) {
  net::steady_timer gate(loop_, 1h);
  Connect(Echo, [&gate](proto::Control question) -> Task<Result<proto::Control>> {
    const LoopExecutor here = co_await net::this_coro::executor;
    net::steady_timer late(here, 30ms);
    if (question.log_append().number() == 1) {
      auto token = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});
      co_await late.async_wait(token);
    }
    co_return question;
  });
  EXPECT_EQ(Await(a_->Ask(Append(1), 1ms)).error().code(), Errc::kTimeout);
  EXPECT_TRUE(Await(a_->Ask(Append(2), 10s)).ok());
  loop_.run_for(60ms);
  EXPECT_TRUE(a_->open());
  EXPECT_TRUE(Await(a_->Ask(Append(3), 10s)).ok());
}

TEST_F(LinkTest, NoticesArriveWithoutAnswer) {
  Connect(Echo, Echo);
  proto::Control notice;
  notice.mutable_status_changed()->set_head(42);
  ASSERT_TRUE(b_->Notify(notice).ok());
  RunUntil([&] { return notices_.size() == 1; });
  EXPECT_EQ(notices_[0].status_changed().head(), 42U);
  EXPECT_EQ(Await(a_->Ask(notice, 1s)).error().code(), Errc::kInvalidArgument);
}

TEST_F(LinkTest, QuestionsBeyondTheBoundAreThrottled) {
  LinkOptions options;
  options.max_asked = 2;
  Connect(Echo, Echo, options);
  std::vector<std::optional<Result<proto::Control>>> answers(3);
  for (auto& answer : answers) {
    auto one = Keep(a_->Ask(Append(1), 60s), answer);
    net::co_spawn(loop_, std::move(one), net::detached);
  }
  RunUntil([&] { return std::all_of(answers.begin(), answers.end(), [](const auto& a) { return a.has_value(); }); });
  EXPECT_TRUE(answers[0]->ok());
  EXPECT_TRUE(answers[1]->ok());
  EXPECT_EQ(answers[2]->error().code(), Errc::kThrottled);
}

TEST_F(LinkTest, WhoAsksTooMuchAtOnceIsToldSo) {
  LinkOptions options;
  options.max_asking = 0;
  Connect(Echo, Echo, options);
  EXPECT_EQ(Await(a_->Ask(Append(1), 10s)).error().code(), Errc::kThrottled);
}

TEST_F(LinkTest, APeerThatDoesNotReadFillsABoundedQueue) {
  LinkOptions options;
  options.max_unwritten_bytes = 8u << 20;
  a_ = Take(0, options);
  a_->Start(Echo);
  proto::Control notice;
  notice.mutable_status_changed()->set_cluster_id(std::string(1u << 20, 'c'));
  int sent = 0;
  Status status;
  for (; sent < 100 && status.ok(); ++sent) {
    status = a_->Notify(notice);
    loop_.restart();
    loop_.poll();
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kThrottled);
  EXPECT_LE(sent, 10);
}

struct Garbage {
  std::string name;
  Bytes bytes;
  Errc want;
};
class LinkGarbage : public LinkTest, public ::testing::WithParamInterface<Garbage> {};
TEST_P(LinkGarbage, EndsTheLink) {
  a_ = Take(0);
  a_->Start(Echo, {}, [this](const Error& why) { a_closed_ = why.code(); });
  WriteRaw(1, GetParam().bytes);
  RunUntil([&] { return a_closed_.has_value(); });
  EXPECT_EQ(a_closed_, GetParam().want);
  EXPECT_FALSE(a_->open());
}
Bytes UnaskedAnswer() {
  proto::Control answer;
  answer.set_id(9);
  answer.set_answer(true);
  Bytes bytes;
  EXPECT_TRUE(wire::EncodeControl(answer, bytes).ok());
  return bytes;
}
INSTANTIATE_TEST_SUITE_P(
    Link, LinkGarbage,
    ::testing::Values(Garbage{"LengthOverTheLimit", {0xff, 0xff, 0xff, 0xff}, Errc::kRequestTooLarge},
                      Garbage{"NotProtobuf", {0, 0, 0, 3, 0xff, 0xff, 0xff}, Errc::kSerialization},
                      Garbage{"HttpRequest", ToBytes(AsBytes("GET / HTTP/1.1\r\n\r\n")), Errc::kRequestTooLarge},
                      Garbage{"AnswerToNothing", UnaskedAnswer(), Errc::kSerialization}),
    [](const auto& info) { return info.param.name; });

TEST_F(LinkTest, OnlyAStreamSocketIsTaken) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  EXPECT_EQ(Link::OverDescriptor(loop_, pipe_ends[0]).error().code(), Errc::kInternal);
  ::close(pipe_ends[1]);
}

}  // namespace
}  // namespace strongroom::control
