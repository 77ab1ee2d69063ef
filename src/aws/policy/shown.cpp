#include "aws/policy/shown.h"

#include <boost/json.hpp>

namespace strongroom::aws::policy {
namespace {

namespace json = boost::json;

struct Ids {
  const ports::PrincipalIds& ids;
  const std::set<std::string, std::less<>>& gone;

  void Replace(json::value& value) const {
    if (json::array* several = value.if_array()) {
      for (json::value& one : *several) Replace(one);
      return;
    }
    const json::string* arn = value.if_string();
    if (arn == nullptr || !gone.contains(std::string_view(*arn))) return;
    if (const auto id = ids.find(std::string_view(*arn)); id != ids.end()) value = id->second;
  }
  void ReplaceIn(json::value& statement) const {
    json::object* members = statement.if_object();
    if (members == nullptr) return;
    for (const std::string_view name : {"Principal", "NotPrincipal"}) {
      json::value* principal = members->if_contains(name);
      json::object* kinds = principal == nullptr ? nullptr : principal->if_object();
      json::value* named = kinds == nullptr ? nullptr : kinds->if_contains("AWS");
      if (named != nullptr) Replace(*named);
    }
  }
};

}  // namespace

std::string ShownPolicy(std::string_view text, const ports::PrincipalIds& ids,
                        const std::set<std::string, std::less<>>& gone) {
  if (gone.empty()) return std::string(text);
  boost::system::error_code failed;
  json::value policy = json::parse(text, failed);
  json::object* members = failed ? nullptr : policy.if_object();
  json::value* statements = members == nullptr ? nullptr : members->if_contains("Statement");
  if (statements == nullptr) return std::string(text);
  const Ids replacing{ids, gone};
  if (json::array* several = statements->if_array()) {
    for (json::value& one : *several) replacing.ReplaceIn(one);
  } else {
    replacing.ReplaceIn(*statements);
  }
  return json::serialize(policy);
}

}  // namespace strongroom::aws::policy
