#include "aws/http/socket_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <deque>
#include <string>

namespace strongroom::aws {
namespace {

struct Pair {
  UniqueFd near, far;
};

Pair MakePair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void Put(const UniqueFd& to, std::string_view text) {
  ASSERT_EQ(::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// A loop with its watch; what is spawned runs in Run().
class Watched : public ::testing::Test {
 protected:
  Watched() {
    auto opened = SocketWatch::Open(loop_->get_executor());
    watch_ = opened.value();
    opened.value()->Start();
  }
  std::shared_ptr<SocketWatch> watch() { return watch_.lock(); }
  WatchedSocket& Add(UniqueFd near) { return sockets_.emplace_back(std::move(near), watch()); }
  template <class Coroutine>
  void Spawn(Coroutine coroutine) {
    boost::asio::co_spawn(loop_->get_executor(), std::move(coroutine), boost::asio::detached);
  }
  /// Until nothing more can be done without news from outside.
  void Run() {
    loop_->restart();
    while (loop_->poll() > 0) {
    }
  }

  std::deque<WatchedSocket> sockets_;  // beyond the loop, as a server's may be
  std::optional<Loop> loop_{std::in_place, 1};
  std::weak_ptr<SocketWatch> watch_;
};

/// Reads all that comes, `most` bytes at a time, until the end, which it notes as "$".
Task<void> ReadAll(WatchedSocket& socket, std::size_t most, std::string& seen) {
  std::array<std::uint8_t, 64> room;
  for (;;) {
    const auto count = socket.Receive(std::span(room).first(most));
    if (!count) break;
    seen.append(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(*count));
    if (*count == 0) co_await socket.Readable();
  }
  seen += '$';
}

TEST_F(Watched, WhatIsThereBeforeIsRead) {
  Pair pair = MakePair();
  Put(pair.far, "early");
  std::string seen;
  Spawn(ReadAll(Add(std::move(pair.near)), 64, seen));
  Run();
  EXPECT_EQ(seen, "early");
}

TEST_F(Watched, WhatComesWhileOneWaitsIsRead) {
  Pair pair = MakePair();
  std::string seen;
  Spawn(ReadAll(Add(std::move(pair.near)), 64, seen));
  for (const std::string_view part : {"one", "two", "three"}) {
    Run();
    Put(pair.far, part);
  }
  Run();
  EXPECT_EQ(seen, "onetwothree");
}

TEST_F(Watched, WhatFillsTheRoomExactlyIsNotTheLast) {
  Pair pair = MakePair();
  std::string seen;
  Spawn(ReadAll(Add(std::move(pair.near)), 4, seen));
  Run();
  Put(pair.far, "abcdefgh");
  Run();
  EXPECT_EQ(seen, "abcdefgh");
}

TEST_F(Watched, AnEndThatCameWithTheLastBytesIsRead) {
  Pair pair = MakePair();
  std::string seen;
  Spawn(ReadAll(Add(std::move(pair.near)), 64, seen));
  Run();
  Put(pair.far, "bye");
  pair.far.Reset();
  Run();
  EXPECT_EQ(seen, "bye$");
}

TEST_F(Watched, AnEndAfterAllIsReadWakes) {
  Pair pair = MakePair();
  std::string seen;
  Spawn(ReadAll(Add(std::move(pair.near)), 64, seen));
  Put(pair.far, "bye");
  Run();
  ASSERT_EQ(seen, "bye");
  ::shutdown(pair.far.get(), SHUT_WR);
  Run();
  EXPECT_EQ(seen, "bye$");
}

TEST_F(Watched, ClosingEndsAWait) {
  Pair pair = MakePair();
  std::string seen;
  WatchedSocket& socket = Add(std::move(pair.near));
  Spawn(ReadAll(socket, 64, seen));
  Run();
  socket.Close();
  EXPECT_EQ(seen, "");  // not from within Close
  Run();
  EXPECT_EQ(seen, "$");
  EXPECT_FALSE(socket.is_open());
  socket.Close();
}

TEST_F(Watched, APlaceThatIsTakenAgainHearsNothingOfTheFormerSocket) {
  Pair first = MakePair(), second = MakePair();
  std::string one, two;
  WatchedSocket& socket = Add(std::move(first.near));
  Spawn(ReadAll(socket, 64, one));
  Run();
  Put(first.far, "late");  // the event waits in the set when the socket goes
  socket.Close();
  Spawn(ReadAll(Add(std::move(second.near)), 64, two));
  Run();
  EXPECT_EQ(one, "$");
  EXPECT_EQ(two, "");
  Put(second.far, "mine");
  Run();
  EXPECT_EQ(two, "mine");
}

TEST_F(Watched, MoreSocketsThanEventsOfOneLookAreAllServed) {
  constexpr std::size_t kMany = 300;
  std::vector<Pair> pairs;
  std::vector<std::string> seen(kMany);
  for (std::size_t i = 0; i < kMany; ++i) {
    pairs.push_back(MakePair());
    Spawn(ReadAll(Add(std::move(pairs[i].near)), 64, seen[i]));
  }
  Run();
  for (std::size_t i = 0; i < kMany; ++i) Put(pairs[i].far, std::to_string(i));
  Run();
  for (std::size_t i = 0; i < kMany; ++i) EXPECT_EQ(seen[i], std::to_string(i));
}

Task<void> SendAll(WatchedSocket& socket, const Bytes& bytes, bool& done) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto count = socket.Send(ByteView(bytes).subspan(sent));
    if (!count) break;
    sent += *count;
    if (*count == 0) co_await socket.Writable();
  }
  done = sent == bytes.size();
}

TEST_F(Watched, AFullSocketIsWaitedForUntilThereIsRoom) {
  Pair pair = MakePair();
  const Bytes bytes(4 << 20, 0x5a);
  bool done = false;
  Spawn(SendAll(Add(std::move(pair.near)), bytes, done));
  Run();
  EXPECT_FALSE(done);
  std::size_t got = 0;
  Bytes room(1 << 16);
  while (got < bytes.size()) {
    const ssize_t count = ::recv(pair.far.get(), room.data(), room.size(), 0);
    if (count > 0) got += static_cast<std::size_t>(count);
    Run();
  }
  EXPECT_TRUE(done);
}

TEST_F(Watched, APeerThatIsGoneEndsSending) {
  Pair pair = MakePair();
  const Bytes bytes(4 << 20, 0x5a);
  bool done = true;
  Spawn(SendAll(Add(std::move(pair.near)), bytes, done));
  Run();
  pair.far.Reset();
  Run();
  EXPECT_FALSE(done);
}

TEST_F(Watched, WhoStillWaitsGoesWithTheLoop) {
  Pair pair = MakePair();
  std::string seen;
  Spawn(ReadAll(Add(std::move(pair.near)), 64, seen));
  Run();
  loop_.reset();
  EXPECT_TRUE(watch_.expired());
  EXPECT_EQ(seen, "");
  sockets_.clear();  // closes what is left, with nobody to tell
}

TEST_F(Watched, AStoppedWatchTakesNobody) {
  watch()->Stop();
  Pair pair = MakePair();
  const std::shared_ptr<SocketWatch> watch = this->watch();
  if (watch) {
    const WatchedSocket socket(std::move(pair.near), watch);
    EXPECT_FALSE(socket.is_open());
  }
  Run();
  EXPECT_TRUE(watch == nullptr || watch.use_count() == 1);
}

}  // namespace
}  // namespace strongroom::aws
