#include "base/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace strongroom {
namespace {

TEST(ProcessorsTest, CountsWhatThisThreadMayRunOn) {
  const unsigned all = UsableProcessors();
  ASSERT_GE(all, 1u);
  unsigned confined = 0;
  // In a thread of its own, so that the other tests keep theirs.
  std::thread([&] {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
    int first = 0;
    while (!CPU_ISSET(first, &mine)) ++first;
    CPU_ZERO(&mine);
    CPU_SET(first, &mine);
    ASSERT_EQ(::sched_setaffinity(0, sizeof mine, &mine), 0);
    confined = UsableProcessors();
  }).join();
  EXPECT_EQ(confined, 1u);
  EXPECT_EQ(UsableProcessors(), all);
}

}  // namespace
}  // namespace strongroom
