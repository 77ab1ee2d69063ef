#include <fmt/format.h>

#include <charconv>

#include "cluster.pb.h"
#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunInfo(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  std::size_t number = 0;
  const auto [end, failed] = std::from_chars(arguments[1].data(), arguments[1].data() + arguments[1].size(), number);
  if (arguments[0] != "server" || failed != std::errc() || end != arguments[1].data() + arguments[1].size() ||
      number >= util.servers().size()) {
    fmt::print("Usage: info server <0..{}>\n", util.servers().size() - 1);
    return false;
  }
  Server& server = util.servers()[number];
  const auto info = Ask<proto::GetInfoReply>(server, wire::Command::kGetInfo, proto::GetInfoRequest());
  fmt::print("{:<8}{:<24}{:<17}{:<7}{:<16}{:<24}{}\n", "Id", "Name", "Hostname", "Port", "State", "Partition",
             "LoginState");
  fmt::print("{:<8}{:<24}{:<17}{:<7}{:<16}{:<24}{}\n", number, server.name, server.hostname, server.port,
             info.ok() ? "Connected" : "Disconnected", info.ok() ? info->reply.hsm_id() : "-",
             server.logged_in_as.empty() ? "Not logged in" : fmt::format("Logged in as '{}'", server.logged_in_as));
  return info.ok();
}

}  // namespace

const Command op::info = {"info", "server <n>", "Show one server's connection and login", 2, 2, &RunInfo};

}  // namespace strongroom::cmu
