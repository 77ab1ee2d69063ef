#include "trail/record/facts.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "aws/dispatch/request_id.h"

namespace strongroom::trail {
namespace {

namespace json = boost::json;

void AppendFact(std::string_view text, std::string& out) {
  text = text.substr(0, kLongestFact);
  out += static_cast<char>(text.size() >> 8);
  out += static_cast<char>(text.size() & 0xff);
  out += text;
}

class FactsReader {
 public:
  explicit FactsReader(std::string_view in) : in_(in) {}
  bool Text(std::string_view& out) {
    if (in_.size() < 2) return false;
    const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(in_[0])) << 8 |
                             static_cast<std::size_t>(static_cast<unsigned char>(in_[1]));
    if (in_.size() - 2 < size) return false;
    out = in_.substr(2, size);
    in_.remove_prefix(2 + size);
    return true;
  }
  bool Byte(std::uint8_t& out) {
    if (in_.empty()) return false;
    out = static_cast<std::uint8_t>(in_[0]);
    in_.remove_prefix(1);
    return true;
  }
  bool at_end() const { return in_.empty(); }

 private:
  std::string_view in_;
};

Error DamagedFacts() { return Error(Errc::kCorrupted, "The index entry of an audit record is damaged."); }

/// Parts of an ARN: partition, service, region, account, rest.
std::array<std::string_view, 6> Split(std::string_view arn) noexcept {
  std::array<std::string_view, 6> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t colon = i + 1 < parts.size() ? arn.find(':') : std::string_view::npos;
    parts[i] = arn.substr(0, colon);
    if (colon == std::string_view::npos) break;
    arn.remove_prefix(colon + 1);
  }
  return parts;
}

struct TypeRow {
  std::string_view service, beginning, type;
};
constexpr auto kTypes = std::to_array<TypeRow>({
    {"kms", "key/", "AWS::KMS::Key"},
    {"kms", "alias/", "AWS::KMS::Alias"},
    {"cloudhsm", "cluster/", "AWS::CloudHSM::Cluster"},
    {"cloudhsm", "backup/", "AWS::CloudHSM::Backup"},
    {"iam", "user/", "AWS::IAM::User"},
    {"iam", "group/", "AWS::IAM::Group"},
    {"iam", "role/", "AWS::IAM::Role"},
    {"iam", "policy/", "AWS::IAM::Policy"},
    {"iam", "mfa/", "AWS::IAM::MFADevice"},
    {"iam", "oidc-provider/", "AWS::IAM::OIDCProvider"},
    {"iam", "instance-profile/", "AWS::IAM::InstanceProfile"},
});

std::string_view Keep(const json::value* value, std::vector<std::string>& texts) {
  if (value == nullptr || !value->is_string()) return {};
  texts.emplace_back(value->get_string().data(), std::min(value->get_string().size(), kLongestFact));
  return texts.back();
}

/// The name by which LookupEvents knows who called. Source: CloudTrail API Reference, "Event", Username.
std::string_view UserOf(const json::object& identity, std::vector<std::string>& texts) {
  const json::value* type = identity.if_contains("type");
  const std::string_view kind = type != nullptr && type->is_string()
                                    ? std::string_view(type->get_string().data(), type->get_string().size())
                                    : std::string_view();
  if (kind == "Root") return "root";
  if (kind == "AssumedRole" || kind == "FederatedUser") {
    const std::string_view id = Keep(identity.if_contains("principalId"), texts);
    const std::size_t colon = id.rfind(':');
    return colon == std::string_view::npos ? id : id.substr(colon + 1);
  }
  if (kind == "AWSService") return Keep(identity.if_contains("invokedBy"), texts);
  return Keep(identity.if_contains("userName"), texts);
}

}  // namespace

void AppendFacts(const Facts& facts, std::string& out) {
  out += static_cast<char>(facts.read_only ? 1 : 0);
  for (const std::string_view text :
       {facts.account, facts.region, facts.source, facts.name, facts.user, facts.access_key}) {
    AppendFact(text, out);
  }
}

Result<Facts> ParseFacts(std::string_view encoded) {
  FactsReader in(encoded);
  Facts facts;
  std::uint8_t flag = 0;
  if (!in.Byte(flag) || flag > 1) return DamagedFacts();
  facts.read_only = flag == 1;
  for (std::string_view* text :
       {&facts.account, &facts.region, &facts.source, &facts.name, &facts.user, &facts.access_key}) {
    if (!in.Text(*text)) return DamagedFacts();
  }
  if (!in.at_end()) return DamagedFacts();
  return facts;
}

Result<Facts> FactsOfJson(std::string_view text, std::vector<std::string>& texts) {
  boost::system::error_code failed;
  const json::value parsed = json::parse(text, failed);
  if (failed || !parsed.is_object()) return Error(Errc::kCorrupted, "An audit record is not JSON.");
  const json::object& record = parsed.get_object();
  texts.clear();
  texts.reserve(16 + 2 * kMostResources);  // views of its texts must not move
  Facts facts;
  const json::value* read_only = record.if_contains("readOnly");
  facts.read_only = read_only != nullptr && read_only->is_bool() && read_only->get_bool();
  facts.account = Keep(record.if_contains("recipientAccountId"), texts);
  facts.region = Keep(record.if_contains("awsRegion"), texts);
  facts.source = Keep(record.if_contains("eventSource"), texts);
  facts.name = Keep(record.if_contains("eventName"), texts);
  if (const json::value* identity = record.if_contains("userIdentity"); identity != nullptr && identity->is_object()) {
    facts.user = UserOf(identity->get_object(), texts);
    facts.access_key = Keep(identity->get_object().if_contains("accessKeyId"), texts);
  }
  const json::value* resources = record.if_contains("resources");
  if (resources == nullptr || !resources->is_array()) return facts;
  for (const json::value& one : resources->get_array()) {
    if (!one.is_object() || facts.resources.size() == kMostResources) break;
    Facts::Resource resource;
    resource.type = Keep(one.get_object().if_contains("type"), texts);
    resource.name = Keep(one.get_object().if_contains("ARN"), texts);
    facts.resources.push_back(resource);
  }
  return facts;
}

std::string_view ResourceType(std::string_view arn) noexcept {
  const auto parts = Split(arn);
  for (const TypeRow& row : kTypes)
    if (parts[2] == row.service && parts[5].starts_with(row.beginning)) return row.type;
  return {};
}

std::string_view AccountOf(std::string_view arn) noexcept { return Split(arn)[4]; }

std::string NewEventId(std::int64_t millis) {
  // The random half of a version 4 UUID stays as it is.
  std::string id = aws::NewRequestId();
  constexpr char kDigits[] = "0123456789abcdef";
  auto time = static_cast<std::uint64_t>(millis);
  for (const std::size_t at : {12U, 11U, 10U, 9U, 7U, 6U, 5U, 4U, 3U, 2U, 1U, 0U}) {
    id[at] = kDigits[time & 15];
    time >>= 4;
  }
  id[14] = '7';
  return id;
}

std::string_view EventIdIn(std::string_view json) noexcept {
  constexpr std::string_view kMember = "\"eventID\":\"";
  constexpr std::size_t kSize = 36;
  const std::size_t at = json.rfind(kMember);
  if (at == std::string_view::npos || json.size() - at - kMember.size() < kSize) return {};
  return json.substr(at + kMember.size(), kSize);
}

std::optional<std::int64_t> MillisOfEventId(std::string_view id) noexcept {
  if (id.size() != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' || id[14] != '7') return {};
  std::uint64_t millis = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) continue;
    const char c = id[i];
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return {};
    if (i < 13) millis = millis << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return static_cast<std::int64_t>(millis);
}

}  // namespace strongroom::trail
