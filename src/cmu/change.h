#pragma once

#include <sodium.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "cmu/mgmt_util.h"

namespace strongroom::cmu {

/// How long a server that is away for changes just now is asked again, longer than a front end that has just started
/// waits until it has heard of every HSM (3 s).
constexpr std::chrono::seconds kAskAgainFor{6};
constexpr std::chrono::milliseconds kAskAgainAfter{250};

/// Sends one change to every target under one client id: the first HSM makes it for the whole cluster, the others
/// answer from what the cluster remembers, so each line of output is that server's own word and nothing is done twice.
/// A server whose cluster's log does not answer just now is asked again for a while: under the same client id that is
/// safe. `settle` hears of a server's refusal once another server has made the change, and may find that all is well.
template <typename Reply, typename Request>
bool ChangeOnAll(MgmtUtil& util, std::string_view name, wire::Command command, const Request& request,
                 const SecretBuffer* secret, std::string_view failed_line = "{name} failed on server {n}({server})",
                 const std::function<Status(Server&, const Error&)>& settle = {}) {
  hsm_client::CallOptions options;
  wire::ClientId id{};
  ::randombytes_buf(id.data(), id.size());
  options.client_id = id;
  bool made = false;
  return util.ForEach(
      name,
      [&](Server& server) -> Status {
        const auto until = hsm_client::Clock::now() + kAskAgainFor;
        for (;;) {
          std::vector<SecretBuffer> segments;
          if (secret != nullptr) {
            SR_TRY(SecretBuffer copy, secret->Clone());
            segments.push_back(std::move(copy));
          }
          options.deadline = hsm_client::Clock::now() + std::chrono::seconds(30);
          const auto answer = server.connection->Call<Reply>(command, request, std::move(segments), options);
          if (answer.ok()) break;
          const bool again = answer.error().code() == Errc::kUnavailable && server.connection->open() &&
                             hsm_client::Clock::now() < until;
          if (!again) return made && settle ? settle(server, answer.error()) : Status(answer.error());
          std::this_thread::sleep_for(kAskAgainAfter);
        }
        made = true;
        return {};
      },
      failed_line);
}

}  // namespace strongroom::cmu
