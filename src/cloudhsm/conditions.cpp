#include "cloudhsm/conditions.h"

#include "aws/http/text.h"

namespace strongroom::cloudhsm {
namespace {
constexpr std::string_view kResourceTag = "aws:ResourceTag/";
constexpr std::string_view kRequestTag = "aws:RequestTag/";
}  // namespace

bool TagConditions::Find(std::string_view name, ports::ConditionValues& values) const {
  using aws::EqualsIgnoringCase;
  using aws::StartsWithIgnoringCase;
  if (StartsWithIgnoringCase(name, kResourceTag)) {
    wants_ = on_resource_ && tags_ == nullptr;
    if (tags_ == nullptr) return false;
    for (const auto& [key, value] : *tags_)
      if (EqualsIgnoringCase(name.substr(kResourceTag.size()), key)) values.Add(value);
    return values.size() != 0;
  }
  const bool keys = EqualsIgnoringCase(name, "aws:TagKeys");
  if (!keys && !StartsWithIgnoringCase(name, kRequestTag)) return false;
  if (keys && call_.operation == "UntagResource") {
    auto named = call_.body.StringList("TagKeyList");
    if (!named.ok()) return false;
    for (std::string& key : *named) values.Keep(std::move(key));
    return values.size() != 0;
  }
  // Only CreateCluster, CopyBackupToRegion and TagResource have the member.
  auto tags = call_.body.PairList("TagList", "Key", "Value");
  if (!tags.ok()) return false;
  for (auto& [key, value] : *tags) {
    if (keys)
      values.Keep(std::move(key));
    else if (EqualsIgnoringCase(name.substr(kRequestTag.size()), key))
      values.Keep(std::move(value));
  }
  return values.size() != 0;
}

}  // namespace strongroom::cloudhsm
