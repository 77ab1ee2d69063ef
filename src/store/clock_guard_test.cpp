#include "store/clock_guard.h"

#include <gtest/gtest.h>

#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
using testing::EngineTest;

constexpr std::int64_t kMinute = 60'000, kHour = 60 * kMinute;

/// The database's clock cannot be set, so the two others are: a steady clock that falls behind by two hours is a
/// database's that has jumped by two, and a mark of two hours ago is a deployment that was off for two.
class ClockGuardTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    Begin();
  }
  std::unique_ptr<ClockGuard> Make(std::string name) {
    return std::make_unique<ClockGuard>(
        *database_, ClockGuard::Options{.front_end = std::move(name),
                                        .wall_millis = [this] { return ClockGuard::WallMillis() + wall_; },
                                        .steady_millis = [this] { return ClockGuard::SteadyMillis() + steady_; },
                                        .settling = std::chrono::minutes(30),
                                        .on_change = [this](const std::string& doubt) { told_.push_back(doubt); }});
  }
  /// A front end that has just started.
  void Begin() { guard_ = Make("alpha"); }
  /// What is said after a look.
  std::string Look() {
    EXPECT_TRUE(guard_->Look().ok());
    return guard_->view().doubt;
  }
  bool Trusted() {
    auto trusted = database_->Read([](Transaction& t) { return ClockIsTrusted(t); });
    EXPECT_TRUE(trusted.ok());
    return trusted.ok() && *trusted;
  }
  void SetMark(std::int64_t by) {
    ASSERT_TRUE(database_
                    ->Transact([&](Transaction& t) {
                      return t.Execute("UPDATE clock_marks SET seen_at = seen_at + $1 WHERE front_end = ''", {by});
                    })
                    .ok());
  }
  void Accept() {
    ASSERT_TRUE(database_->Transact([](Transaction& t) { return AcceptClock(t); }).ok());
  }
  /// The database's clock goes on by this at once.
  void Jump(std::int64_t by) {
    steady_ -= by;
    SetMark(-by);
  }
  static bool Says(const std::string& doubt, std::string_view text) { return doubt.find(text) != std::string::npos; }

  std::int64_t wall_ = 0, steady_ = 0;
  std::vector<std::string> told_;
  std::unique_ptr<ClockGuard> guard_;
};

TEST_P(ClockGuardTest, BeforeTheFirstLookNothingSpeaksAgainstIt) { EXPECT_TRUE(Trusted()); }

TEST_P(ClockGuardTest, WhatGoesOnSteadilyIsBelieved) {
  EXPECT_EQ(Look(), "");
  Jump(50 * kMinute);  // as clocks are put right
  EXPECT_TRUE(Trusted());
  EXPECT_EQ(Look(), "");
  Jump(-50 * kMinute);
  EXPECT_EQ(Look(), "");
  // The store was away, or the machine asleep: the steady clock went on as well.
  SetMark(-30 * kHour);
  EXPECT_FALSE(Trusted());
  EXPECT_EQ(Look(), "");
  EXPECT_TRUE(Trusted());
  EXPECT_TRUE(told_.empty());
}

TEST_P(ClockGuardTest, AJumpStopsUntilTheClockIsBack) {
  for (const std::int64_t by : {2 * kHour, 400 * 24 * kHour, -2 * kHour}) {
    SCOPED_TRACE(by);
    EXPECT_EQ(Look(), "");
    Jump(by);
    EXPECT_FALSE(Trusted()) << "before anybody has looked";
    EXPECT_TRUE(Says(Look(), "The database's clock jumped from about "));
    EXPECT_TRUE(Says(Look(), "jumped")) << "it stays said";
    EXPECT_FALSE(Trusted());
    Jump(-by);
    EXPECT_EQ(Look(), "");
    EXPECT_TRUE(Trusted());
  }
}

TEST_P(ClockGuardTest, StepsAddUp) {
  EXPECT_EQ(Look(), "");
  Jump(50 * kMinute);
  EXPECT_EQ(Look(), "");
  Jump(50 * kMinute);
  EXPECT_TRUE(Says(Look(), "jumped"));
  EXPECT_FALSE(Trusted());
  Jump(-50 * kMinute);
  EXPECT_EQ(Look(), "");
  EXPECT_TRUE(Trusted());
}

TEST_P(ClockGuardTest, WaitingPeriodsCountFromTheLatestTimeSeen) {
  const auto latest = [&] {
    auto millis = database_->Read([](Transaction& t) { return LatestMillis(t); });
    EXPECT_TRUE(millis.ok());
    return millis.ok() ? *millis : 0;
  };
  const auto near = [](std::int64_t a, std::int64_t b) { return std::abs(a - b) < 30 * kMinute; };
  EXPECT_TRUE(near(latest(), ClockGuard::WallMillis()));
  Look();
  SetMark(10 * 24 * kHour);  // the database's clock is ten days behind
  EXPECT_TRUE(near(latest(), ClockGuard::WallMillis() + 10 * 24 * kHour));
  SetMark(-20 * 24 * kHour);
  EXPECT_TRUE(near(latest(), ClockGuard::WallMillis()));
}

TEST_P(ClockGuardTest, AJumpOutlivesARestartAndSettlesByNoTime) {
  Look();
  Jump(3 * kHour);
  Look();
  Begin();
  EXPECT_TRUE(Says(Look(), "jumped"));
  steady_ += 40 * kMinute;
  EXPECT_TRUE(Says(Look(), "jumped"));
  EXPECT_FALSE(Trusted());
}

TEST_P(ClockGuardTest, AcceptedIsAccepted) {
  Look();
  Jump(3 * kHour);
  Look();
  Accept();
  EXPECT_TRUE(Trusted());
  EXPECT_EQ(Look(), "");
  EXPECT_EQ(Look(), "");
  EXPECT_TRUE(Trusted());
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_TRUE(Says(told_[0], "jumped"));
  EXPECT_EQ(told_[1], "");
}

TEST_P(ClockGuardTest, AfterALongAbsenceTheClockSettles) {
  Look();
  SetMark(-72 * kHour);
  Begin();
  EXPECT_FALSE(Trusted());
  const std::string doubt = Look();
  EXPECT_TRUE(Says(doubt, "3 days earlier")) << doubt;
  EXPECT_TRUE(Says(doubt, "steadily for 30 minutes")) << doubt;
  steady_ += 29 * kMinute;
  EXPECT_FALSE(Look().empty());
  EXPECT_FALSE(Trusted());
  // Set meanwhile: it begins anew.
  steady_ += 2 * kHour;
  EXPECT_FALSE(Look().empty());
  steady_ += 29 * kMinute;
  EXPECT_FALSE(Look().empty());
  steady_ += 2 * kMinute;
  EXPECT_EQ(Look(), "");
  EXPECT_TRUE(Trusted());
}

TEST_P(ClockGuardTest, AShortAbsenceIsNone) {
  Look();
  SetMark(-50 * kMinute);
  Begin();
  EXPECT_EQ(Look(), "");
  EXPECT_TRUE(Trusted());
}

TEST_P(ClockGuardTest, AClockBeforeWhatWasSeenIsNotSettled) {
  Look();
  SetMark(5 * kHour);
  Begin();
  EXPECT_TRUE(Says(Look(), "before what was seen already"));
  steady_ += 40 * kMinute;
  EXPECT_FALSE(Look().empty());
  EXPECT_FALSE(Trusted());
}

TEST_P(ClockGuardTest, AMachineWhoseClockDiffersStopsAll) {
  for (const std::int64_t by : {6 * kMinute + 30'000, -3 * kHour - kMinute}) {
    SCOPED_TRACE(by);
    wall_ = by;
    const std::string doubt = Look();
    EXPECT_TRUE(Says(doubt, "The clock of machine alpha is ")) << doubt;
    EXPECT_TRUE(Says(doubt, by > 0 ? "6 minutes ahead of" : "3 hours behind")) << doubt;
    EXPECT_FALSE(Trusted());
    wall_ = 0;
    EXPECT_EQ(Look(), "");
    EXPECT_TRUE(Trusted());
  }
  wall_ = 4 * kMinute;
  EXPECT_EQ(Look(), "");
}

TEST_P(ClockGuardTest, AMachinesClockIsNotAccepted) {
  wall_ = kHour;
  Look();
  EXPECT_FALSE(guard_->view().acceptable);
  Accept();
  EXPECT_FALSE(Trusted());
  Jump(3 * kHour);
  Look();
  EXPECT_TRUE(guard_->view().acceptable);
}

TEST_P(ClockGuardTest, TheComplaintOfAMachineThatIsGoneEnds) {
  wall_ = kHour;
  Look();
  EXPECT_FALSE(Trusted());
  ASSERT_TRUE(database_
                  ->Transact([](Transaction& t) {
                    return t.Execute("UPDATE clock_marks SET seen_at = seen_at - $1 WHERE front_end = 'alpha'",
                                     {2 * kHour});
                  })
                  .ok());
  EXPECT_TRUE(Trusted());
}

TEST_P(ClockGuardTest, OthersThatSawTheTimePassAreBelievedMoreThanOnesOwnSteadyClock) {
  auto other = Make("beta");
  Look();
  ASSERT_TRUE(other->Look().ok());
  steady_ -= 9 * kHour;  // this one's machine was paused
  SetMark(1);            // and the other went on
  EXPECT_EQ(Look(), "");
  EXPECT_TRUE(Trusted());
}

INSTANTIATE_TEST_SUITE_P(Engines, ClockGuardTest, testing::BothEngines(), testing::EngineName);

}  // namespace
}  // namespace strongroom::store
