#include "hsm_host/hsm_list.h"

#include <boost/asio/ip/address.hpp>
#include <boost/json.hpp>

#include "base/log.h"
#include "crypto/certificate.h"
#include "hsm_host/key_file.h"

namespace strongroom::hsm_host {
namespace {

namespace json = boost::json;
constexpr std::size_t kMaxListBytes = 8u << 20;

Error NotOurs(const std::filesystem::path& file) {
  return Error(Errc::kCorrupted, fmt::format("{} is not a list of HSMs; it is left as it is.", file.string()));
}

// An empty optional: missing or of another type.
std::optional<std::string> Text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

Result<HsmEntry> ReadEntry(const json::value& value, const std::filesystem::path& file) {
  const auto* object = value.if_object();
  if (object == nullptr) return NotOurs(file);
  const auto id = Text(*object, "hsm_id"), cluster = Text(*object, "cluster_id"), address = Text(*object, "address"),
             zone = Text(*object, "zone"), anchor = Text(*object, "trust_anchor");
  const auto* wanted = object->if_contains("wanted");
  if (!id || !cluster || !address || !zone || !anchor || wanted == nullptr || !wanted->is_bool()) return NotOurs(file);
  auto der = FromBase64(*anchor);
  if (!der) return NotOurs(file);
  HsmEntry entry{*id, *cluster, *address, *zone, std::move(*der), wanted->get_bool()};
  if (!Check(entry).ok()) return NotOurs(file);
  return entry;
}

}  // namespace

bool IsPlainId(std::string_view id) noexcept {
  if (id.empty() || id.size() > 64 || id.front() == '-') return false;
  return std::all_of(id.begin(), id.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

Status Check(const HsmEntry& entry) {
  if (!IsPlainId(entry.hsm_id)) return Error(Errc::kInvalidArgument, "hsm_id is not a well-formed id.");
  if (!entry.cluster_id.empty() && !IsPlainId(entry.cluster_id))
    return Error(Errc::kInvalidArgument, "cluster_id is not a well-formed id.");
  if (!entry.zone.empty() && !IsPlainId(entry.zone))
    return Error(Errc::kInvalidArgument, "zone is not a well-formed name.");
  boost::system::error_code bad;
  const auto address = boost::asio::ip::make_address(entry.address, bad);
  if (bad || entry.address.size() > 64 || address.is_unspecified() || address.is_multicast())
    return Error(Errc::kInvalidArgument, "address is not the IP address of one machine.");
  if (entry.trust_anchor.size() > kMaxTrustAnchorBytes)
    return Error(Errc::kInvalidArgument, "trust_anchor is too long.");
  if (!entry.trust_anchor.empty() && !crypto::Certificate::FromDer(entry.trust_anchor).ok())
    return Error(Errc::kInvalidArgument, "trust_anchor is not a certificate.");
  return {};
}

Result<HsmList> LoadHsmList(const std::filesystem::path& file) {
  auto text = ReadTextFile(file, kMaxListBytes);
  if (!text && text.error().code() == Errc::kNotFound) return HsmList{};
  if (!text) return std::move(text).error();
  boost::system::error_code bad;
  const json::value value = json::parse(*text, bad);
  if (bad || !value.is_object()) return NotOurs(file);
  const auto* version = value.get_object().if_contains("version");
  const auto* rows = value.get_object().if_contains("hsms");
  if (version == nullptr || !version->is_int64() || version->get_int64() != 1 || rows == nullptr || !rows->is_array() ||
      rows->get_array().size() > kMaxHsms)
    return NotOurs(file);
  HsmList list;
  for (const json::value& row : rows->get_array()) {
    SR_TRY(HsmEntry entry, ReadEntry(row, file));
    const std::string id = entry.hsm_id;
    if (!list.emplace(id, std::move(entry)).second) return NotOurs(file);
  }
  return list;
}

Status SaveHsmList(const std::filesystem::path& file, const HsmList& list) {
  json::array rows;
  for (const auto& [id, entry] : list) {
    json::object row;
    row["hsm_id"] = entry.hsm_id;
    row["cluster_id"] = entry.cluster_id;
    row["address"] = entry.address;
    row["zone"] = entry.zone;
    row["trust_anchor"] = Base64(entry.trust_anchor);
    row["wanted"] = entry.wanted;
    rows.push_back(std::move(row));
  }
  json::object whole;
  whole["version"] = 1;
  whole["hsms"] = std::move(rows);
  return WriteFileAtomically(file, json::serialize(whole) + "\n", 0600);
}

}  // namespace strongroom::hsm_host
