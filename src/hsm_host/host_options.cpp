#include "hsm_host/host_options.h"

#include <toml++/toml.h>
#include <limits>
#include <sstream>

#include "base/log.h"
#include "hsm_host/key_file.h"

namespace strongroom::hsm_host {
namespace {

Error BadKey(std::string_view key) {
  return Error(Errc::kInvalidArgument, fmt::format("[host] {} is not a setting or has a wrong value.", key));
}

template <typename Number>
bool Take(const toml::node& node, Number& into, std::int64_t least) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < least || *value > static_cast<std::int64_t>(std::numeric_limits<Number>::max())) return false;
  into = static_cast<Number>(*value);
  return true;
}

template <typename Textual>
bool Take(const toml::node& node, Textual& into) {
  const auto value = node.value_exact<std::string>();
  if (!value || value->empty()) return false;
  into = *value;
  return true;
}

bool TakeSource(const toml::node& node, RootKeySource& into) {
  std::string text;
  if (!Take(node, text)) return false;
  const auto source = ParseRootKeySource(text);
  if (source.ok()) into = *source;
  return source.ok();
}

bool TakeOne(std::string_view key, const toml::node& node, HostOptions& to) {
  if (key == "data") return Take(node, to.data);
  if (key == "hsm_state") return Take(node, to.hsm_state);
  if (key == "hsm_program") return Take(node, to.hsm_program);
  if (key == "address") return Take(node, to.address);
  if (key == "control_port") return Take(node, to.control_port, 1);
  if (key == "root_key") return TakeSource(node, to.root_key);
  if (key == "hsm_user") return Take(node, to.hsm_uid, 1);
  if (key == "hsm_group") return Take(node, to.hsm_gid, 1);
  if (key == "relay_user") return Take(node, to.relay_uid, 1);
  if (key == "relay_group") return Take(node, to.relay_gid, 1);
  if (key == "relay_threads") return Take(node, to.relay_threads, 0);
  if (key == "max_keys") return Take(node, to.max_keys, 1);
  if (key == "log_level") return Take(node, to.log_level);
  return false;
}

}  // namespace

Result<RootKeySource> ParseRootKeySource(const std::string& text) {
  if (text == "auto") return RootKeySource::kAutomatic;
  if (text == "credential") return RootKeySource::kSystemdCredential;
  if (text == "file") return RootKeySource::kFile;
  return Error(Errc::kInvalidArgument, "The root key's source is auto, credential or file.");
}

Status ReadHostOptions(const std::filesystem::path& file, HostOptions& options) {
  SR_TRY(const std::string text, ReadTextFile(file, 1u << 20));
  toml::table whole;
  try {
    whole = toml::parse(text, file.string());
  } catch (const toml::parse_error& failed) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{}:{}: {}", file.string(), failed.source().begin.line, failed.description()));
  }
  const toml::table* host = whole["host"].as_table();
  if (host == nullptr) return Error(Errc::kInvalidArgument, fmt::format("{} has no [host] table.", file.string()));
  for (const auto& [key, node] : *host)
    if (!TakeOne(key.str(), node, options)) return BadKey(key.str());
  return {};
}

}  // namespace strongroom::hsm_host
