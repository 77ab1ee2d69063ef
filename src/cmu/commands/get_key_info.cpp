#include <fmt/format.h>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"
#include "keys.pb.h"

namespace strongroom::cmu {
namespace {

std::string Described(const proto::KeyInfo& key) {
  std::string text =
      fmt::format("\t{} Key,\n\tOwned by user {}\n", key.token() ? "Token/Flash" : "Session", key.owner());
  if (key.shared_with_size() == 0) return text;
  text += fmt::format("\n\talso, shared to following {} user(s):\n", key.shared_with_size());
  for (const std::uint32_t user : key.shared_with()) text += fmt::format("\t{}\n", user);
  return text;
}

bool RunGetKeyInfo(MgmtUtil& util, const std::vector<std::string_view>& words) {
  std::vector<std::string_view> arguments = words;
  if (arguments[0] == "-k") arguments.erase(arguments.begin());
  const auto handle = arguments.empty() || arguments.size() > 2 ? std::nullopt : NumberIn(arguments[0]);
  if (!handle) {
    fmt::print("Usage: getKeyInfo [-k] <key handle> [file]\n");
    return false;
  }
  std::string kept;
  proto::GetKeyInfoRequest request;
  request.set_handle(*handle);
  const bool all = util.ForEach("getKeyInfo", [&](Server& server) -> Status {
    SR_TRY(const auto answer, server.connection->Call<proto::GetKeyInfoReply>(wire::Command::kGetKeyInfo, request));
    const std::string text = fmt::format("Key Info on server {}({}):\n\n{}\n", util.IndexOf(server), server.Label(),
                                         Described(answer.reply.key()));
    fmt::print("{}", text);
    kept += text;
    return {};
  });
  const bool saved = arguments.size() < 2 || SaveAnswers("getKeyInfo", arguments[1], kept);
  return saved && all;
}

}  // namespace

const Command op::get_key_info = {
    "getKeyInfo", "[-k] <key handle> [file]", "Show whose a key is and with whom it is shared", 1, 3, &RunGetKeyInfo};

}  // namespace strongroom::cmu
