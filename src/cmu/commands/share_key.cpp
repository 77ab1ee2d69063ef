#include <fmt/format.h>

#include "cmu/change.h"
#include "cmu/commands/all.h"
#include "keys.pb.h"

namespace strongroom::cmu {
namespace {

bool RunShareKey(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  const auto handle = NumberIn(arguments[0]), user = NumberIn(arguments[1]);
  if (!handle || !user || (arguments[2] != "0" && arguments[2] != "1")) {
    fmt::print("Usage: shareKey <key handle> <user id> <1|0>\n");
    return false;
  }
  proto::ShareKeyRequest request;
  request.set_handle(*handle);
  request.set_user(*user);
  request.set_shared(arguments[2] == "1");
  if (!util.Confirm()) return false;
  return ChangeOnAll<proto::ShareKeyReply>(util, "shareKey", wire::Command::kShareKey, request, nullptr);
}

}  // namespace

const Command op::share_key = {"shareKey",
                               "<key handle> <user id> <1|0>",
                               "Share a key with another crypto user (1), or no longer (0) (its owner only)",
                               3,
                               3,
                               &RunShareKey};

}  // namespace strongroom::cmu
