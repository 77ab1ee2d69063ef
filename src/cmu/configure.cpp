#include "cmu/configure.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "base/log.h"
#include "cluster.pb.h"
#include "cmu/client_home.h"
#include "cmu/client_trust.h"
#include "cmu/json_file.h"
#include "hsm_client/sync_client.h"

namespace strongroom::cmu {
namespace {

Status CheckAddress(const std::string& address) {
  boost::system::error_code wrong;
  boost::asio::ip::make_address(address, wrong);
  if (wrong) return Error(Errc::kInvalidArgument, fmt::format("'{}' is not an IP address.", address));
  return {};
}

/// The file's content, or what it is made of the first time. What a user has put into it is kept.
Result<boost::json::object> ReadOr(const std::filesystem::path& file, boost::json::object fresh) {
  auto content = ReadJsonFile(file);
  if (!content.ok() && content.error().code() == Errc::kNotFound) return fresh;
  return content;
}

Status UpdateDaemon(const ClientHome& home, const std::string& address) {
  SR_TRY(auto config, ReadOr(home.daemon_config(), home.NewDaemonConfig(address)));
  boost::json::value& server = config["server"];
  if (!server.is_object()) server = boost::json::object{{"port", 2223}};
  server.as_object()["hostname"] = address;
  fmt::print("Updating server config in {}\n", home.daemon_config().string());
  return WriteJsonFile(home.daemon_config(), config);
}

Status UpdateMgmt(const ClientHome& home, const std::vector<std::string>& addresses) {
  SR_TRY(auto config, ReadOr(home.mgmt_config(), home.NewMgmtConfig(addresses)));
  boost::json::array servers;
  const auto* old = config.if_contains("servers");
  for (const std::string& address : addresses) {
    boost::json::object server = home.NewServer(address);
    // A first element that a user has changed (certificates of their own) is the model for all.
    if (old != nullptr && old->is_array() && !old->as_array().empty() && old->as_array()[0].is_object()) {
      server = old->as_array()[0].as_object();
      server["hostname"] = address;
      server["name"] = address;
    }
    servers.push_back(std::move(server));
  }
  config["servers"] = std::move(servers);
  fmt::print("Updating server config in {}\n", home.mgmt_config().string());
  return WriteJsonFile(home.mgmt_config(), config);
}

Result<std::vector<std::string>> MembersOf(const ClientHome& home, const std::string& address) {
  TrustFiles files{home.etc() / "certs", home.etc() / "client.crt", home.etc() / "client.key",
                   home.etc() / "customerCA.crt"};
  if (const auto config = ReadJsonFile(home.daemon_config()); config.ok()) {
    if (const auto* ssl = config->if_contains("ssl"); ssl != nullptr && ssl->is_object()) {
      const auto text = [&](std::string_view key, std::filesystem::path& into) {
        if (const auto* value = ssl->as_object().if_contains(key); value != nullptr && value->is_string())
          into = home.Resolve(std::string(value->as_string()));
      };
      text("CApath", files.host_certificates);
      text("certificate", files.client_certificate);
      text("pkey", files.client_key);
    }
  }
  SR_TRY(auto trust, LoadTrust(files));
  hsm_client::Endpoint endpoint;
  endpoint.address = address;
  SR_TRY(const auto connection, hsm_client::SyncConnection::Open(endpoint, std::move(trust)));
  SR_TRY(const auto info, connection->Call<proto::GetInfoReply>(wire::Command::kGetInfo, proto::GetInfoRequest()));
  std::vector<std::string> addresses{address};
  for (const proto::Member& member : info.reply.members())
    if (member.address() != address) addresses.push_back(member.address());
  return addresses;
}

Status UseClientIdentity(const ClientHome& home, const std::string& key, const std::string& certificate) {
  SR_CHECK(channel::LoadIdentity(certificate, key));
  const std::string key_path = std::filesystem::absolute(key).string();
  const std::string certificate_path = std::filesystem::absolute(certificate).string();
  SR_TRY(auto daemon, ReadJsonFile(home.daemon_config()));
  if (auto* ssl = daemon.if_contains("ssl"); ssl != nullptr && ssl->is_object()) {
    ssl->as_object()["pkey"] = key_path;
    ssl->as_object()["certificate"] = certificate_path;
  }
  SR_TRY(auto mgmt, ReadJsonFile(home.mgmt_config()));
  if (auto* servers = mgmt.if_contains("servers"); servers != nullptr && servers->is_array()) {
    for (auto& server : servers->as_array()) {
      if (!server.is_object()) continue;
      server.as_object()["pkey"] = key_path;
      server.as_object()["certificate"] = certificate_path;
    }
  }
  fmt::print("Updating server config in {}\nUpdating server config in {}\n", home.daemon_config().string(),
             home.mgmt_config().string());
  SR_CHECK(WriteJsonFile(home.daemon_config(), daemon));
  return WriteJsonFile(home.mgmt_config(), mgmt);
}

struct Options {
  std::string address, cmu_address, key, certificate;
  bool members = false, ssl = false;
};

Status Run(const Options& options) {
  const ClientHome home = ClientHome::Find();
  if (options.ssl) {
    if (options.key.empty() || options.certificate.empty())
      return Error(Errc::kInvalidArgument, "--ssl needs both --pkey and --cert.");
    return UseClientIdentity(home, options.key, options.certificate);
  }
  if (!options.key.empty() || !options.certificate.empty())
    return Error(Errc::kInvalidArgument, "--pkey and --cert are for --ssl.");
  if (!options.address.empty()) {
    SR_CHECK(CheckAddress(options.address));
    SR_CHECK(UpdateDaemon(home, options.address));
    return UpdateMgmt(home, {options.address});
  }
  std::string address = options.cmu_address;
  if (options.members) {
    SR_TRY(const auto config, ReadJsonFile(home.daemon_config()));
    const auto* server = config.if_contains("server");
    const auto* name = server != nullptr && server->is_object() ? server->as_object().if_contains("hostname") : nullptr;
    if (name == nullptr || !name->is_string()) return Error(Errc::kInvalidArgument, "Run `configure -a HSM_IP` first.");
    address = std::string(name->as_string());
  }
  SR_CHECK(CheckAddress(address));
  SR_TRY(const auto addresses, MembersOf(home, address));
  return UpdateMgmt(home, addresses);
}

}  // namespace

int ConfigureMain(int argc, char** argv) {
  Options options;
  CLI::App app{"Tells the CloudHSM client where the cluster's HSMs are."};
  app.name("configure");
  auto* a = app.add_option("-a", options.address, "Address of one HSM; written to both configuration files");
  auto* m = app.add_flag("-m", options.members, "Ask that HSM for all members and list them for cloudhsm_mgmt_util");
  auto* cmu = app.add_option("--cmu", options.cmu_address, "The same, starting from this address");
  auto* ssl = app.add_flag("--ssl", options.ssl, "Use another client certificate for the outer TLS");
  app.add_option("--pkey", options.key, "With --ssl: the private key (PEM)");
  app.add_option("--cert", options.certificate, "With --ssl: the certificate, issued by customerCA.crt (PEM)");
  int daemon_id = 1;
  app.add_option("-i", daemon_id, "With -m: id of the client daemon; there is only one")->needs(m);
  a->excludes(m)->excludes(cmu)->excludes(ssl);
  m->excludes(cmu)->excludes(ssl);
  cmu->excludes(ssl);
  app.footer("Files are in $CLOUDHSM_HOME/etc, or /opt/cloudhsm/etc.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.address.empty() && options.cmu_address.empty() && !options.members && !options.ssl) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  InitLog("configure", "off");
  const Status status = Run(options);
  if (status.ok()) return 0;
  fmt::print(stderr, "configure: {}\n", status.error().public_message());
  return status.error().code() == Errc::kInvalidArgument ? 2 : 1;
}

}  // namespace strongroom::cmu
