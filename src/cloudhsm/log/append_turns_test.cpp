#include "cloudhsm/log/append_turns.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

namespace strongroom::cloudhsm {
namespace {

struct AppendTurnsTest : testing::Test {
  void Ask(const std::string& hsm_id, const std::string& cluster_id = "cluster-a") {
    auto wait = [](AppendTurnsTest& test, std::string cluster, std::string hsm) -> Task<void> {
      co_await test.turns.Wait(cluster, hsm);
      test.gone.push_back(hsm);
    };
    boost::asio::co_spawn(loop, wait(*this, cluster_id, hsm_id), boost::asio::detached);
    Poll();
  }
  void Poll() {
    loop.restart();
    loop.poll();
  }
  using Names = std::vector<std::string>;

  AppendTurns turns{std::chrono::hours(1)};
  Loop loop{1};
  Names gone;
};

TEST_F(AppendTurnsTest, NobodyWaitsWhereNobodyHasLost) {
  Ask("hsm-a");
  turns.Won("cluster-a", "hsm-a");
  Ask("hsm-a");
  Ask("hsm-b");
  EXPECT_EQ(gone, (Names{"hsm-a", "hsm-a", "hsm-b"}));
}

TEST_F(AppendTurnsTest, WhoLostGoesBeforeWhoWon) {
  turns.Won("cluster-a", "hsm-a");
  turns.Lost("cluster-a", "hsm-b");
  Ask("hsm-a");
  EXPECT_EQ(gone, Names{});
  Ask("hsm-b");
  EXPECT_EQ(gone, Names{"hsm-b"});
  turns.Won("cluster-a", "hsm-b");
  Poll();
  EXPECT_EQ(gone, (Names{"hsm-b", "hsm-a"}));
}

TEST_F(AppendTurnsTest, LosersGoInTheOrderInWhichTheyLost) {
  turns.Lost("cluster-a", "hsm-b");
  turns.Lost("cluster-a", "hsm-c");
  turns.Lost("cluster-a", "hsm-b");  // again, which does not send it back
  Ask("hsm-c");
  Ask("hsm-a");
  EXPECT_EQ(gone, Names{});
  turns.Won("cluster-a", "hsm-b");
  Poll();
  EXPECT_EQ(gone, Names{"hsm-c"});
  turns.Won("cluster-a", "hsm-c");
  Poll();
  EXPECT_EQ(gone, (Names{"hsm-c", "hsm-a"}));
}

TEST_F(AppendTurnsTest, AnotherClusterDoesNotWait) {
  turns.Lost("cluster-a", "hsm-b");
  Ask("hsm-x", "cluster-x");
  EXPECT_EQ(gone, Names{"hsm-x"});
}

TEST_F(AppendTurnsTest, ALoserThatDoesNotComeBackIsNotWaitedForLong) {
  turns = AppendTurns(std::chrono::milliseconds(1));
  turns.Lost("cluster-a", "hsm-b");
  turns.Lost("cluster-a", "hsm-c");
  Ask("hsm-a");
  loop.restart();
  loop.run();
  EXPECT_EQ(gone, Names{"hsm-a"});
}

}  // namespace
}  // namespace strongroom::cloudhsm
