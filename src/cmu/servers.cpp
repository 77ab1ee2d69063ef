#include "cmu/servers.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/json.hpp>

#include "cmu/json_file.h"

namespace strongroom::cmu {
namespace {

Result<std::string> Text(const boost::json::object& object, std::string_view member, const std::filesystem::path& file,
                         std::size_t index) {
  const auto* value = object.if_contains(member);
  if (value == nullptr || !value->is_string())
    return Error(Errc::kInvalidArgument,
                 fmt::format("{}: servers[{}] has no text member '{}'.", file.string(), index, member));
  return std::string(value->as_string());
}

Result<bool> YesOrNo(const boost::json::object& object, std::string_view member, const std::filesystem::path& file,
                     std::size_t index) {
  SR_TRY(const std::string word, Text(object, member, file, index));
  if (word != "yes" && word != "no")
    return Error(Errc::kInvalidArgument, fmt::format("{}: servers[{}]: '{}' is \"{}\"; it is to be \"yes\" or \"no\".",
                                                     file.string(), index, member, word));
  return word == "yes";
}

}  // namespace

Result<std::vector<Server>> ReadServers(const ClientHome& home, const std::filesystem::path& config) {
  auto read = ReadJsonFile(config);
  if (!read.ok() && read.error().code() == Errc::kNotFound)
    return Error(Errc::kNotFound,
                 config.string() + " is not there. Run `configure -a HSM_IP` with the address of one of the HSMs.");
  if (!read.ok()) return std::move(read).error();
  const boost::json::object& object = *read;
  const auto* list = object.if_contains("servers");
  if (list == nullptr || !list->is_array() || list->as_array().empty())
    return Error(Errc::kInvalidArgument,
                 config.string() + " lists no servers. Run `configure -a HSM_IP` with the address of one of the HSMs.");
  std::vector<Server> servers;
  for (std::size_t i = 0; i < list->as_array().size(); ++i) {
    const auto* entry = list->as_array()[i].if_object();
    if (entry == nullptr)
      return Error(Errc::kInvalidArgument, fmt::format("{}: servers[{}] is not an object.", config.string(), i));
    Server server;
    SR_TRY(server.hostname, Text(*entry, "hostname", config, i));
    SR_TRY(server.name, Text(*entry, "name", config, i));
    SR_TRY(const bool enabled, YesOrNo(*entry, "enable", config, i));
    if (!enabled) continue;
    boost::system::error_code wrong;
    boost::asio::ip::make_address(server.hostname, wrong);
    if (wrong) return Error(Errc::kInvalidArgument, "Config key hostname has invalid value");
    const auto* port = entry->if_contains("port");
    if (port == nullptr || !port->is_int64() || port->as_int64() < 1 || port->as_int64() > 65535)
      return Error(Errc::kInvalidArgument, fmt::format("{}: servers[{}].port is not a port.", config.string(), i));
    server.port = static_cast<std::uint16_t>(port->as_int64());
    SR_TRY(const std::string certificates, Text(*entry, "CApath", config, i));
    SR_TRY(const std::string certificate, Text(*entry, "certificate", config, i));
    SR_TRY(const std::string key, Text(*entry, "pkey", config, i));
    std::string owner = (home.etc() / "customerCA.crt").string();
    if (const auto* inner = entry->if_contains("e2e_encryption"); inner != nullptr && inner->is_object()) {
      SR_TRY(owner, Text(inner->as_object(), "owner_cert_path", config, i));
      SR_TRY(server.end_to_end, YesOrNo(inner->as_object(), "enable", config, i));
    }
    server.files = {home.Resolve(certificates), home.Resolve(certificate), home.Resolve(key), home.Resolve(owner)};
    servers.push_back(std::move(server));
  }
  if (servers.empty())
    return Error(Errc::kInvalidArgument, config.string() + " has no server with \"enable\":\"yes\".");
  return servers;
}

Status Connect(Server& server) {
  SR_TRY(auto trust, LoadTrust(server.files));
  hsm_client::Endpoint endpoint;
  endpoint.address = server.hostname;
  endpoint.port = server.port;
  SR_TRY(server.connection, hsm_client::SyncConnection::Open(endpoint, std::move(trust)));
  server.logged_in_as.clear();
  return {};
}

Status EnsureConnected(Server& server) {
  if (server.connection->open()) return {};
  server.logged_in_as.clear();
  return Connect(server);
}

}  // namespace strongroom::cmu
