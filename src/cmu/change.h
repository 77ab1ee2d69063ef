#pragma once

#include <sodium.h>

#include <algorithm>
#include <functional>

#include "cmu/mgmt_util.h"

namespace strongroom::cmu {

/// Sends one change to every target under one client id: the first HSM makes it for the whole cluster, the others
/// answer from what the cluster remembers, so each line of output is that server's own word and nothing is done twice.
/// `settle` hears of a server's refusal once another server has made the change, and may find that all is well.
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
        std::vector<SecretBuffer> segments;
        if (secret != nullptr) {
          SR_TRY(SecretBuffer copy, secret->Clone());
          segments.push_back(std::move(copy));
        }
        options.deadline = hsm_client::Clock::now() + std::chrono::seconds(30);
        const auto answer = server.connection->Call<Reply>(command, request, std::move(segments), options);
        if (!answer.ok()) return made && settle ? settle(server, answer.error()) : Status(answer.error());
        made = true;
        return {};
      },
      failed_line);
}

}  // namespace strongroom::cmu
