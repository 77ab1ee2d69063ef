#include <fmt/format.h>

#include "cluster.pb.h"
#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunChooseLog(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  proto::ChooseLogRequest request;
  if (arguments[0] == "hsm") {
    request.set_side(proto::ChooseLogRequest::THIS_HSM);
  } else if (arguments[0] == "store") {
    request.set_side(proto::ChooseLogRequest::STORE);
  } else {
    fmt::print("Usage: chooseLog <hsm|store>\n");
    return false;
  }
  // The choice is about one HSM: the same word on all of them would mean another thing on each.
  if (util.Targets().size() != 1) {
    fmt::print("chooseLog failed: choose one HSM first, with `server <n>`\n");
    return false;
  }
  const bool store = request.side() == proto::ChooseLogRequest::STORE;
  fmt::print("{}\n", store ? "This HSM drops the changes that the store's log does not have, and follows the store."
                           : "The store's log gets this HSM's changes; those that it has instead are moved aside.");
  if (!util.Confirm()) return false;
  return util.ForEach("chooseLog", [&](Server& server) -> Status {
    SR_TRY(const auto answer, server.connection->Call<proto::ChooseLogReply>(wire::Command::kChooseLog, request));
    fmt::print("The log was forked at record {}; its newest record is {} now.\n", answer.reply.first_dropped(),
               answer.reply.head());
    return {};
  });
}

}  // namespace

const Command op::choose_log = {
    "chooseLog", "<hsm|store>", "End a fork of the cluster's log: keep this HSM's changes or the store's (CO only)", 1,
    1,           &RunChooseLog};

}  // namespace strongroom::cmu
