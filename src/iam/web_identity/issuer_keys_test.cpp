#include "iam/web_identity/issuer_keys.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace strongroom::iam {
namespace {
using Clock = IssuerKeys::Clock;
const std::string kIssuer = "https://issuer.example";

/// An issuer that answers when it is let, and what those got who asked for its keys.
class IssuerKeysTest : public ::testing::Test {
 protected:
  static Task<Result<IssuerKeys::Keys>> Answer(IssuerKeysTest* self, std::string issuer) {
    self->asked.push_back(std::move(issuer));
    for (self->wanted = true; !self->answers;) co_await boost::asio::post(boost::asio::use_awaitable_t<LoopExecutor>{});
    if (self->failure) co_return *self->failure;
    co_return self->keys;
  }
  IssuerKeys Make(IssuerKeys::Options options = {}) {
    return {[this](std::string issuer) { return Answer(this, std::move(issuer)); }, options};
  }
  static Task<void> Ask(IssuerKeysTest* self, IssuerKeys* from, Clock::time_point oldest) {
    std::string issuer = kIssuer;
    auto keys = co_await from->Get(std::move(issuer), oldest);
    self->answered.push_back(std::move(keys));
  }
  void Begin(IssuerKeys& from, Clock::time_point oldest) {
    boost::asio::co_spawn(loop, Ask(this, &from, oldest), boost::asio::detached);
  }
  /// Until everybody has an answer.
  void Run() {
    loop.restart();
    loop.run();
  }
  Result<IssuerKeys::Keys> AskOne(IssuerKeys& from, Clock::time_point oldest) {
    answered.clear();
    Begin(from, oldest);
    Run();
    return answered.at(0);
  }

  Loop loop;
  IssuerKeys::Keys keys = std::make_shared<const std::vector<Jwk>>();
  std::optional<Error> failure;
  bool answers = true, wanted = false;
  std::vector<std::string> asked;
  std::vector<Result<IssuerKeys::Keys>> answered;
};

TEST_F(IssuerKeysTest, WhoAsksWhileTheyAreFetchedWaitsForThem) {
  IssuerKeys from = Make();
  answers = false;
  for (int i = 0; i < 3; ++i) Begin(from, Clock::now());
  while (!wanted) loop.run_one();
  for (int i = 0; i < 50; ++i) loop.run_one();
  EXPECT_TRUE(answered.empty());
  answers = true;
  Run();
  ASSERT_EQ(answered.size(), 3U);
  for (const auto& one : answered) {
    ASSERT_TRUE(one.ok()) << one.error();
    EXPECT_EQ(*one, keys);
  }
  EXPECT_EQ(asked, std::vector<std::string>{kIssuer});
}

TEST_F(IssuerKeysTest, WhoAsksWhileTheFetchFailsGetsItsErrorAndSoDoesWhoAsksNext) {
  IssuerKeys from = Make();
  failure = Error(Errc::kTimeout, "unreachable");
  for (int i = 0; i < 3; ++i) Begin(from, Clock::now());
  Run();
  ASSERT_EQ(answered.size(), 3U);
  for (const auto& one : answered) EXPECT_EQ(one.error().code(), Errc::kTimeout);
  EXPECT_EQ(AskOne(from, Clock::now()).error().code(), Errc::kTimeout);
  EXPECT_EQ(asked.size(), 1U) << "it is not asked again at once";
}

TEST_F(IssuerKeysTest, AreUsedUntilTheyAreTooOldAndLongerWhileTheIssuerIsAway) {
  IssuerKeys from = Make({.pause = std::chrono::seconds(0)});
  const auto before = Clock::now();
  ASSERT_TRUE(AskOne(from, before).ok());
  ASSERT_TRUE(AskOne(from, before).ok());
  EXPECT_EQ(asked.size(), 1U);
  failure = Error(Errc::kTimeout, "unreachable");
  EXPECT_TRUE(AskOne(from, Clock::now()).ok()) << "those from before";
  EXPECT_EQ(asked.size(), 2U);
  failure.reset();
  EXPECT_TRUE(AskOne(from, Clock::now()).ok());
  EXPECT_EQ(asked.size(), 3U);
}

TEST_F(IssuerKeysTest, AreNotUsedForEverWhileTheIssuerIsAway) {
  IssuerKeys from = Make({.pause = std::chrono::seconds(0), .stale = std::chrono::seconds(0)});
  ASSERT_TRUE(AskOne(from, Clock::now()).ok());
  failure = Error(Errc::kTimeout, "unreachable");
  EXPECT_EQ(AskOne(from, Clock::now()).error().code(), Errc::kTimeout);
}

TEST_F(IssuerKeysTest, AreNotFetchedAgainForEachUnknownKey) {
  IssuerKeys from = Make();
  ASSERT_TRUE(AskOne(from, Clock::now()).ok());
  const auto later = AskOne(from, Clock::now());
  EXPECT_TRUE(later.ok()) << "the pause is not over, so those that are there have to do";
  EXPECT_EQ(asked.size(), 1U);
}

}  // namespace
}  // namespace strongroom::iam
