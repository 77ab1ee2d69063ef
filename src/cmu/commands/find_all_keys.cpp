#include <fmt/format.h>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"
#include "keys.pb.h"

namespace strongroom::cmu {
namespace {

struct Found {
  std::vector<proto::KeyInfo> keys;
  Bytes digest;
};

Result<Found> FindAll(Server& server, std::uint32_t user_id) {
  Found found;
  proto::FindKeysRequest request;
  for (bool more = true; more;) {
    SR_TRY(const auto answer, Ask<proto::FindKeysReply>(server, wire::Command::kFindKeys, request));
    for (const proto::KeyInfo& key : answer.reply.keys()) {
      const bool shared =
          std::find(key.shared_with().begin(), key.shared_with().end(), user_id) != key.shared_with().end();
      if (key.owner() == user_id || shared) found.keys.push_back(key);
      request.set_start_after(key.handle());
    }
    found.digest = ToBytes(AsBytes(answer.reply.digest()));
    more = answer.reply.more() && answer.reply.keys_size() > 0;
  }
  return found;
}

bool RunFindAllKeys(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  const auto asked = NumberIn(arguments[0]);
  if (!asked || (arguments[1] != "0" && arguments[1] != "1")) {
    fmt::print("Usage: findAllKeys <user id> <0|1> [file]\n");
    return false;
  }
  const std::uint32_t user_id = *asked;
  std::string kept;
  bool all = true;
  for (Server* server : util.Targets()) {
    const auto found = FindAll(*server, user_id);
    if (!found.ok()) {
      fmt::print("findAllKeys failed on server {}({}): {}\n", util.IndexOf(*server), server->Label(),
                 HsmErrorText(found.error()));
      all = false;
      continue;
    }
    std::string list;
    for (const proto::KeyInfo& key : found->keys) {
      if (!list.empty()) list += ",";
      list += std::to_string(key.handle()) + (key.owner() == user_id ? "(o)" : "(s)");
    }
    std::string text = fmt::format(
        "Keys on server {}({}):\nNumber of keys found {}\nnumber of keys matched from start index 0::{}\n{}\n",
        util.IndexOf(*server), server->Label(), found->keys.size(), found->keys.size(), list);
    // The original shows handles only. A key's users see its label too, which says which KMS key it is; an officer, who
    // may not use keys, is not told.
    for (const proto::KeyInfo& key : found->keys)
      if (!key.label().empty())
        text += fmt::format("    {} {}-bit key, label: {}\n", key.handle(), key.size_bits(), key.label());
    if (arguments[1] == "1" && !found->keys.empty()) text += "Key Hash:\n" + Hex(found->digest) + "\n";
    fmt::print("{}findAllKeys success on server {}({})\n", text, util.IndexOf(*server), server->Label());
    kept += text;
  }
  const bool saved = arguments.size() < 3 || SaveAnswers("findAllKeys", arguments[2], kept);
  return saved && all;
}

}  // namespace

const Command op::find_all_keys = {"findAllKeys",
                                   "<user id> <0|1> [file]",
                                   "List the keys of a user; with 1 also the hash of all keys' ownership",
                                   2,
                                   3,
                                   &RunFindAllKeys};

}  // namespace strongroom::cmu
