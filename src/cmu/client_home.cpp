#include "cmu/client_home.h"

#include <boost/json.hpp>
#include <cstdlib>

namespace strongroom::cmu {
namespace {
constexpr std::string_view kDefaultHome = "/opt/cloudhsm";
}

ClientHome ClientHome::Find() {
  const char* home = std::getenv("CLOUDHSM_HOME");
  return ClientHome(home != nullptr && *home != '\0' ? std::filesystem::path(home)
                                                     : std::filesystem::path(kDefaultHome));
}

std::filesystem::path ClientHome::Resolve(const std::string& path) const {
  if (path.starts_with(std::string(kDefaultHome) + "/")) return root_ / path.substr(kDefaultHome.size() + 1);
  return path;
}

boost::json::object ClientHome::NewDaemonConfig(const std::string& address) const {
  const std::string e = etc().string();
  return {{"client",
           {{"CriticalAlertScript", ""},
            {"create_object_minimum_nodes", 1},
            {"daemon_id", 1},
            {"e2e_owner_crt_path", e + "/customerCA.crt"},
            {"enable_3des_key_reuse", "no"},
            {"log_level", "INFO"},
            {"reconnect_attempts", -1},
            {"reconnect_interval", 3},
            {"socket_type", "UNIXSOCKET"},
            {"sslreneg", 0},
            {"tcp_port", 1111},
            {"workers", 1},
            {"zoneid", 0}}},
          {"dualfactor",
           {{"certificate", "certificate.crt"},
            {"dualfactor_ch_ssl_ciphers", "default"},
            {"dualfactor_ssl", "yes"},
            {"enable", "no"},
            {"pkey", "pkey.pem"},
            {"port", 2225}}},
          {"loadbalance",
           {{"enable", "yes"}, {"prefer_same_zone", "no"}, {"relative_idleness_weight", 1}, {"sucess_rate_weight", 1}}},
          {"server", {{"hostname", address}, {"port", 2223}}},
          {"ssl",
           {{"CApath", e + "/certs"},
            {"certificate", e + "/client.crt"},
            {"pkey", e + "/client.key"},
            {"server_ch_ssl_ciphers", "default"},
            {"server_ssl", "yes"}}}};
}

boost::json::object ClientHome::NewServer(const std::string& address) const {
  const std::string e = etc().string();
  return {{"CAfile", ""},
          {"CApath", e + "/certs"},
          {"certificate", e + "/client.crt"},
          {"e2e_encryption", {{"enable", "yes"}, {"owner_cert_path", e + "/customerCA.crt"}}},
          {"enable", "yes"},
          {"hostname", address},
          {"name", address},
          {"pkey", e + "/client.key"},
          {"port", 2225},
          {"server_ssl", "yes"},
          {"ssl_ciphers", ""}};
}

boost::json::object ClientHome::NewMgmtConfig(const std::vector<std::string>& addresses) const {
  boost::json::array servers;
  for (const std::string& address : addresses) servers.push_back(NewServer(address));
  return {{"scard", {{"certificate", "cert-sc"}, {"enable", "no"}, {"pkey", "pkey-sc"}, {"port", 2225}}},
          {"servers", std::move(servers)}};
}

}  // namespace strongroom::cmu
