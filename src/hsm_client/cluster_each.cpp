// One command to every member of a cluster.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "hsm_client/cluster_state.h"

namespace strongroom::hsm_client {
namespace asio = boost::asio;
namespace {

/// What the calls to the members share until the last has ended. The request is the caller's, who waits for that.
struct Round {
  wire::Command command;
  const google::protobuf::MessageLite& request;
  Clock::time_point deadline;
  std::vector<ClusterClient::MemberAnswer> answers;
  std::size_t under_way = 0;
  channel::Waiter<bool> ended;
};

Task<Result<wire::Frame>> CallMember(std::shared_ptr<ClusterClient::Shared> shared, LoopState& at,
                                     std::shared_ptr<Link> link, std::shared_ptr<Round> round) {
  Error last(Errc::kUnavailable, "The HSM cannot be reached in time.");
  for (;;) {
    if (shared->closed) co_return Error(Errc::kCancelled, "The cluster's client is closed.");
    if (link->dropped) co_return Error(Errc::kUnavailable, "The HSM is no longer a member.");
    const std::shared_ptr<HsmConnection> connection = link->connection;
    if (connection && connection->open()) {
      std::vector<SecretBuffer> none;
      CallOptions options;
      options.deadline = round->deadline;
      options.leaves_when_silent = true;
      auto reply = co_await connection->CallKeeping(round->command, round->request, none, options);
      // A lost connection is opened anew; a member that is there and silent is not asked again.
      if (reply.ok() || reply.error().code() != Errc::kUnavailable || connection->open()) co_return reply;
      last = std::move(reply).error();
    } else if (link->last_error) {
      co_return *link->last_error;
    }
    if (Clock::now() >= round->deadline) co_return std::move(last);
    channel::Waiter<bool> waiter;
    at.waiting.push_back(&waiter);
    shared->StartTick(at);
    co_await waiter.Wait();
  }
}

Task<void> Ask(std::shared_ptr<ClusterClient::Shared> shared, LoopState& at, std::shared_ptr<Link> link,
               std::shared_ptr<Round> round) {
  const Endpoint endpoint = link->endpoint;
  auto reply = co_await CallMember(std::move(shared), at, std::move(link), round);
  ClusterClient::MemberAnswer answer{endpoint, std::move(reply)};
  round->answers.push_back(std::move(answer));
  if (--round->under_way == 0) round->ended.Set(true);
}

}  // namespace

Task<Result<std::vector<ClusterClient::MemberAnswer>>> ClusterClient::CallEach(
    wire::Command command, const google::protobuf::MessageLite& request, Clock::time_point deadline) {
  const std::shared_ptr<Shared> shared = shared_;
  const wire::CommandRow* row = wire::FindCommand(static_cast<std::uint16_t>(command));
  if (row == nullptr || row->repeat != wire::Repeat::kRepeatable)
    co_return Error(Errc::kInvalidArgument, "Only what may be repeated can be asked of each HSM.");
  const LoopExecutor executor = co_await asio::this_coro::executor;
  LoopState* at = shared->At(executor);
  if (at == nullptr) co_return Error(Errc::kInternal, "The call runs on a loop that the client does not know.");
  if (shared->closed) co_return Error(Errc::kCancelled, "The cluster's client is closed.");
  if (!at->active) {
    // The first call on this loop: a member that is up knows the others.
    const std::vector<Endpoint> none;
    auto first = co_await shared->Acquire(*at, deadline, std::chrono::milliseconds(0), none);
    if (!first.ok() && first.error().code() == Errc::kCancelled) co_return std::move(first).error();
  }
  shared->Refresh(*at);
  shared->counters.calls.fetch_add(1, std::memory_order_relaxed);
  auto round = std::make_shared<Round>(Round{command, request, deadline, {}, at->links.size(), {}});
  std::vector<std::shared_ptr<Link>> links;
  for (const auto& [endpoint, link] : at->links) links.push_back(link);
  if (links.empty()) co_return std::vector<MemberAnswer>();
  for (auto& link : links) asio::co_spawn(at->loop, Ask(shared, *at, std::move(link), round), asio::detached);
  co_await round->ended.Wait();
  co_return std::move(round->answers);
}

}  // namespace strongroom::hsm_client
