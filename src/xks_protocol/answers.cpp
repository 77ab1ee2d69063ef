#include "xks_protocol/answers.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "xks_protocol/json_reader.h"
#include "xks_protocol/limits.h"

namespace strongroom::xks {
namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, 3> kHealthNames{"ACTIVE", "DEGRADED", "UNAVAILABLE"};

Error Bad(std::string text) { return Error(Errc::kCorrupted, std::move(text)); }

Result<json::value> ParseObject(std::string_view body) {
  if (body.size() > kMostBodyBytes) return Bad("The answer is too long.");
  json::parse_options options;
  options.max_depth = 8;
  json::error_code ec;
  json::value value = json::parse(body, ec, {}, options);
  if (ec || !value.is_object()) return Bad("The answer is not a JSON object.");
  return value;
}

}  // namespace

std::string_view Name(Health health) noexcept { return kHealthNames[static_cast<std::size_t>(health)]; }

bool HealthAnswer::all_unavailable() const noexcept {
  return std::ranges::all_of(managers, [](const Manager& one) { return one.health == Health::kUnavailable; });
}

Result<HealthAnswer> ParseHealthAnswer(std::string_view body) {
  SR_TRY(const json::value value, ParseObject(body));
  const JsonReader in(value.get_object(), Errc::kCorrupted);
  HealthAnswer answer;
  SR_TRY(answer.proxy_fleet_size, in.PositiveInt("xksProxyFleetSize"));
  SR_TRY(answer.proxy_vendor, in.RequiredText("xksProxyVendor"));
  SR_TRY(answer.proxy_model, in.RequiredText("xksProxyModel"));
  SR_TRY(answer.ekm_vendor, in.RequiredText("ekmVendor"));
  SR_TRY(const auto fleet, in.ObjectList("ekmFleetDetails", {1, kMostFleetMembers}));
  for (const json::object* object : fleet) {
    const JsonReader one(*object, Errc::kCorrupted, "ekmFleetDetails.");
    HealthAnswer::Manager manager;
    SR_TRY(manager.id, one.RequiredText("id"));
    SR_TRY(manager.model, one.RequiredText("model"));
    SR_TRY(const std::string health, one.RequiredText("healthStatus"));
    const auto* found = std::ranges::find(kHealthNames, health);
    if (found == kHealthNames.end()) return one.Wrong("healthStatus", "is none that is known");
    manager.health = static_cast<Health>(found - kHealthNames.begin());
    answer.managers.push_back(std::move(manager));
  }
  return answer;
}

Result<KeyMetadataAnswer> ParseKeyMetadataAnswer(std::string_view body) {
  SR_TRY(const json::value value, ParseObject(body));
  const JsonReader in(value.get_object(), Errc::kCorrupted);
  KeyMetadataAnswer answer;
  SR_TRY(answer.key_spec, in.RequiredText("keySpec"));
  SR_TRY(answer.key_usage, in.TextList("keyUsage", {0, kMostKeyUsages}));
  SR_TRY(answer.key_status, in.RequiredText("keyStatus"));
  return answer;
}

Result<EncryptAnswer> ParseEncryptAnswer(std::string_view body, std::size_t plaintext_bytes, ByteView aad) {
  SR_TRY(const json::value value, ParseObject(body));
  const JsonReader in(value.get_object(), Errc::kCorrupted);
  EncryptAnswer answer;
  SR_TRY(answer.ciphertext, in.RequiredBlob("ciphertext", {plaintext_bytes, plaintext_bytes}));
  SR_TRY(answer.iv, in.RequiredBlob("initializationVector", {kShortIvBytes, kLongIvBytes}));
  if (answer.iv.size() != kShortIvBytes && answer.iv.size() != kLongIvBytes)
    return in.Wrong("initializationVector", "must have a length of 12 or 16");
  SR_TRY(answer.tag, in.RequiredBlob("authenticationTag", {kTagBytes, kTagBytes}));
  SR_TRY(answer.metadata, in.OptionalBlob("ciphertextMetadata", kMostMetadataBytes));
  SR_TRY(const Bytes integrity, in.RequiredBlob("ciphertextDataIntegrityValue", {32, 32}));
  if (!crypto::ConstantTimeEqual(integrity, IntegrityValue(aad, answer.parts())))
    return in.Wrong("ciphertextDataIntegrityValue", "does not fit the answer");
  return answer;
}

Result<Bytes> ParseDecryptAnswer(std::string_view body, std::size_t ciphertext_bytes) {
  SR_TRY(const json::value value, ParseObject(body));
  return JsonReader(value.get_object(), Errc::kCorrupted)
      .RequiredBlob("plaintext", {ciphertext_bytes, ciphertext_bytes});
}

std::string WriteHealthAnswer(const HealthAnswer& answer) {
  json::array fleet;
  for (const HealthAnswer::Manager& one : answer.managers)
    fleet.push_back(json::object{{"id", one.id}, {"model", one.model}, {"healthStatus", Name(one.health)}});
  return json::serialize(json::object{{"xksProxyFleetSize", answer.proxy_fleet_size},
                                      {"xksProxyVendor", answer.proxy_vendor},
                                      {"xksProxyModel", answer.proxy_model},
                                      {"ekmVendor", answer.ekm_vendor},
                                      {"ekmFleetDetails", std::move(fleet)}});
}

std::string WriteKeyMetadataAnswer(const KeyMetadataAnswer& answer) {
  json::array usage;
  for (const std::string& one : answer.key_usage) usage.push_back(json::string(one));
  return json::serialize(
      json::object{{"keySpec", answer.key_spec}, {"keyUsage", std::move(usage)}, {"keyStatus", answer.key_status}});
}

std::string WriteEncryptAnswer(const EncryptAnswer& answer, bool with_integrity, ByteView aad) {
  json::object body{{"ciphertext", Base64(answer.ciphertext)},
                    {"initializationVector", Base64(answer.iv)},
                    {"authenticationTag", Base64(answer.tag)}};
  if (!answer.metadata.empty()) body["ciphertextMetadata"] = Base64(answer.metadata);
  if (with_integrity) body["ciphertextDataIntegrityValue"] = Base64(IntegrityValue(aad, answer.parts()));
  return json::serialize(body);
}

}  // namespace strongroom::xks
