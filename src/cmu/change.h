#pragma once

#include <fmt/format.h>
#include <sodium.h>

#include <functional>
#include <thread>
#include <utility>

#include "cmu/mgmt_util.h"

namespace strongroom::cmu {

/// How long a server that is away for changes just now is asked again, longer than a front end that has just started
/// waits until it has heard of every HSM (3 s).
constexpr std::chrono::seconds kAskAgainFor{6};
constexpr std::chrono::milliseconds kAskAgainAfter{250};

/// Sends one change to every target under one client id: the first HSM makes it for the whole cluster, the others
/// answer from what the cluster remembers, so each line of output is that server's own word and nothing is done twice.
/// A server whose cluster's log does not answer just now is asked again for a while: under the same client id that is
/// safe. Servers where a user is logged in come first: a server that has lost its login, as by a restart, cannot make
/// the change, and once another has made it that is no failure. `settle` hears what each server answers once another
/// may have made the change, and gives the answer that counts.
template <typename Reply, typename Request>
bool ChangeOnAll(MgmtUtil& util, std::string_view name, wire::Command command, const Request& request,
                 const SecretBuffer* secret, std::string_view failed_line = "{name} failed on server {n}({server})",
                 const std::function<Status(Server&, const Status&)>& settle = {}) {
  hsm_client::CallOptions options;
  wire::ClientId id{};
  ::randombytes_buf(id.data(), id.size());
  options.client_id = id;
  const auto ask = [&](Server& server) -> Status {
    const auto until = hsm_client::Clock::now() + kAskAgainFor;
    for (;;) {
      std::vector<SecretBuffer> segments;
      if (secret != nullptr) {
        SR_TRY(SecretBuffer copy, secret->Clone());
        segments.push_back(std::move(copy));
      }
      options.deadline = hsm_client::Clock::now() + std::chrono::seconds(30);
      const auto answer = server.connection->Call<Reply>(command, request, std::move(segments), options);
      if (answer.ok()) return {};
      const bool again =
          answer.error().code() == Errc::kUnavailable && server.connection->open() && hsm_client::Clock::now() < until;
      if (!again) return answer.error();
      std::this_thread::sleep_for(kAskAgainAfter);
    }
  };
  bool first = true, made = false;
  const auto change = [&](Server& server) -> Status {
    Status answer = ask(server);
    made = made || answer.ok();
    // A server asked earlier may have made the change even if its answer was lost.
    if (std::exchange(first, false) || !made) return answer;
    if (settle) answer = settle(server, answer);
    if (answer.ok() || answer.error().code() != Errc::kNotLoggedIn) return answer;
    server.logged_in_as.clear();
    fmt::print("The change is made; you are not logged in on server {}({}): use loginHSM.\n", util.IndexOf(server),
               server.Label());
    return {};
  };
  return util.ForEach(name, change, failed_line, MgmtUtil::Order::kLoggedInFirst);
}

}  // namespace strongroom::cmu
