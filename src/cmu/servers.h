#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmu/client_home.h"
#include "cmu/client_trust.h"
#include "hsm_client/sync_client.h"

namespace strongroom::cmu {

/// One element of the configuration's `servers`, and the connection to it.
struct Server {
  std::string name, hostname;
  std::uint16_t port = 2225;
  bool end_to_end = true;  // e2e_encryption.enable
  TrustFiles files;
  std::unique_ptr<hsm_client::SyncConnection> connection;
  std::string logged_in_as;  // "admin(CO)"

  std::string Label() const { return name; }
};

/// Reads the `servers` of a cloudhsm_mgmt_util.cfg. Errors: kInvalidArgument naming the element and member.
Result<std::vector<Server>> ReadServers(const ClientHome& home, const std::filesystem::path& config);

/// Connects one server, both TLS layers. Nobody is logged in on the new connection.
Status Connect(Server& server);
/// Connects it anew when the connection was lost, as by a restart of the HSM; the login went with that connection.
Status EnsureConnected(Server& server);

/// The answer to one command that changes nothing, over a connection that is there.
template <typename Reply, typename Request>
Result<hsm_client::ClusterClient::Answer<Reply>> Ask(Server& server, wire::Command command, const Request& request) {
  SR_CHECK(EnsureConnected(server));
  return server.connection->Call<Reply>(command, request);
}

}  // namespace strongroom::cmu
