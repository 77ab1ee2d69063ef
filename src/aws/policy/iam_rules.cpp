// What IAM asks of a document beyond its shape, in the order in which it asks.
// Source: IAM User Guide, "IAM JSON policy elements reference"; answers of IAM to malformed policies.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "aws/http/text.h"
#include "aws/policy/compiled.h"

namespace strongroom::aws::policy {
namespace {
using ports::PolicyKind;

Error Refused(std::string text) { return Error(Errc::kMalformedPolicy, std::move(text)); }

const Node* Either(const Node& statement, std::string_view element) {
  const Node* const found = statement.Find(element);
  return found != nullptr ? found : statement.Find(fmt::format("Not{}", element));
}

bool Lacks(const Node* element) { return element == nullptr || (element->is_list() && element->items.empty()); }

Status CheckSids(const std::vector<const Node*>& statements) {
  std::set<std::string_view> seen;
  for (const Node* const statement : statements) {
    const Node* const sid = statement->Find("Sid");
    if (sid == nullptr || sid->text.empty()) continue;
    const auto fits = [](char c) { return (c >= '0' && c <= '9') || (LowerAscii(c) >= 'a' && LowerAscii(c) <= 'z'); };
    if (!std::ranges::all_of(sid->text, fits))
      return Refused(
          "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
          "[0-9A-Za-z]*");
    if (!seen.insert(sid->text).second) return Refused("Statement IDs (SID) in a single policy must be unique.");
  }
  return {};
}

Status CheckAction(PolicyKind kind, std::string_view action) {
  if (action != "*") {
    const std::size_t colon = action.find(':');
    if (colon == std::string_view::npos)
      return Refused("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    if (action.find(':', colon + 1) != std::string_view::npos)
      return Refused("Actions/Condition can contain only one colon.");
    const std::string_view vendor = action.substr(0, colon);
    constexpr std::string_view kVendor = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    if (vendor.empty() || vendor.find_first_not_of(kVendor) != std::string_view::npos)
      return Refused(fmt::format("Vendor {} is not valid", vendor.substr(0, 64)));
  }
  if (kind == PolicyKind::kTrust && !StartsWithIgnoringCase(action, "sts:"))
    return Refused("AssumeRole policy may only specify STS AssumeRole actions.");
  return {};
}

Status CheckResource(std::string_view resource) {
  if (resource == "*") return {};
  const std::string_view shown = resource.substr(0, 256);
  if (!resource.starts_with("arn:")) return Refused(fmt::format("Resource {} must be in ARN format or \"*\".", shown));
  const std::string_view rest = resource.substr(4);
  const std::size_t colon = rest.find(':');
  const std::string_view partition = rest.substr(0, colon);
  if (!partition.starts_with("aws") && partition != "*" && !partition.starts_with("${"))
    return Refused(fmt::format("Partition \"{}\" is not valid for resource \"{}\".", partition.substr(0, 64), shown));
  if (colon == std::string_view::npos) {
    if (partition == "*") return {};
    return Refused("Resource vendor must be fully qualified and cannot contain regexes.");
  }
  const std::string_view more = rest.substr(colon + 1);
  const std::string_view vendor = more.substr(0, more.find(':'));
  const bool everything = vendor == "*" && vendor.size() == more.size();
  if (!everything && (vendor.empty() || vendor.find_first_of("*?") != std::string_view::npos))
    return Refused("Resource vendor must be fully qualified and cannot contain regexes.");
  return {};
}

Status CheckPrincipal(PolicyKind kind, const Node& statement) {
  const Node* const principal = Either(statement, "Principal");
  if (!IsOfResource(kind)) {
    if (principal != nullptr) return Refused("Policy document should not specify a principal.");
    return {};
  }
  if (principal == nullptr) return Refused("Missing required field Principal");
  const bool nobody =
      !principal->is_text() && std::ranges::all_of(principal->items, Lacks, [](const Node& one) { return &one; });
  if (nobody) return Refused("Missing required field Principal cannot be empty!");
  if (kind == PolicyKind::kTrust && Either(statement, "Resource") != nullptr)
    return Refused("Has prohibited field Resource");
  return {};
}

}  // namespace

Status CheckForIam(PolicyKind kind, const Node& document, const std::vector<const Node*>& statements) {
  if (statements.empty()) return Refused("Syntax errors in policy.");
  const Node* const version = document.Find("Version");
  if (!IsOfResource(kind) && (version == nullptr || version->text != "2012-10-17"))
    return Refused("Policy document must be version 2012-10-17 or greater.");
  for (const Node* const statement : statements) SR_CHECK(CheckPrincipal(kind, *statement));
  SR_CHECK(CheckSids(statements));
  for (const Node* const statement : statements) {
    if (Lacks(Either(*statement, "Action"))) return Refused("Policy statement must contain actions.");
  }
  for (const Node* const statement : statements) {
    const Node* const resources = Either(*statement, "Resource");
    if (kind == PolicyKind::kTrust) continue;
    if (Lacks(resources)) return Refused("Policy statement must contain resources.");
    for (const std::string_view resource : TextsOf(*resources)) SR_CHECK(CheckResource(resource));
  }
  for (const Node* const statement : statements) {
    for (const std::string_view action : TextsOf(*Either(*statement, "Action"))) SR_CHECK(CheckAction(kind, action));
  }
  return {};
}

}  // namespace strongroom::aws::policy
