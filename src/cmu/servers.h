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

/// Connects one server, both TLS layers.
Status Connect(Server& server);

}  // namespace strongroom::cmu
