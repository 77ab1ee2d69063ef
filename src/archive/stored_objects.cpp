#include "archive/stored_objects.h"

#include <unordered_map>

namespace strongroom::archive {

Status ForEachLost(aws_client::ObjectStore& store, const std::string& prefix,
                   std::span<const ObjectFacts* const> expected,
                   const std::function<Status(const ObjectFacts&, std::string_view)>& lost) {
  if (expected.empty()) return {};
  std::unordered_map<std::string_view, const ObjectFacts*> left;
  left.reserve(expected.size());
  for (const ObjectFacts* facts : expected) left.emplace(facts->name, facts);
  std::string after;
  for (bool more = true; more;) {
    SR_TRY(const aws_client::ObjectPage page, store.List(prefix, after));
    for (const aws_client::ObjectInfo& object : page.objects) {
      const auto found = left.find(std::string_view(object.name).substr(prefix.size()));
      if (found == left.end()) continue;
      const ObjectFacts& facts = *found->second;
      left.erase(found);
      if (object.size != facts.stored_bytes)
        SR_CHECK(lost(facts, fmt::format("has {} bytes in place of {}", object.size, facts.stored_bytes)));
    }
    more = page.more && !page.objects.empty();
    if (more) after = page.objects.back().name;
  }
  for (const auto& [name, facts] : left) SR_CHECK(lost(*facts, "is missing"));
  return {};
}

}  // namespace strongroom::archive
