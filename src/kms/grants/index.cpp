#include "kms/grants/index.h"

#include <algorithm>

namespace strongroom::kms {
namespace {

/// Unlike that of any other pair, whatever bytes a key may have.
std::string PairKey(const std::string& key, const std::string& value) {
  return std::to_string(key.size()) + ":" + key + value;
}
std::string ContextKey(const EncryptionContext& context) {
  std::string all;
  for (const auto& [key, value] : context) {
    all += PairKey(key, value);
    all += "," + std::to_string(value.size()) + ";";
  }
  return all;
}

}  // namespace

GrantIndex::GrantIndex(const std::vector<Grant>& grants) {
  std::unordered_map<std::string, std::size_t> frequency;
  for (const Grant& grant : grants) {
    if (!grant.constraints.subset || grant.constraints.equals) continue;
    for (const auto& [key, value] : *grant.constraints.subset) ++frequency[PairKey(key, value)];
  }
  for (const Grant& grant : grants) {
    const OperationSet operations = OperationsOf(grant.operations);
    operations_[grant.grant_id] = operations;
    const GrantConstraints& constraints = grant.constraints;
    const bool open = constraints.none() || (!constraints.equals && constraints.subset->empty());
    unconstrained_ |= open ? operations : operations & ~kContextOperations;
    if (open || (operations & kContextOperations) == 0) continue;
    Bucket* bucket = nullptr;
    if (constraints.equals) {
      bucket = &by_context_[ContextKey(*constraints.equals)];
    } else {
      const auto rarest = std::ranges::min_element(
          *constraints.subset, {}, [&](const auto& pair) { return frequency[PairKey(pair.first, pair.second)]; });
      bucket = &by_pair_[PairKey(rarest->first, rarest->second)];
    }
    // Grants that differ in nothing but their operations are one.
    const auto same = std::ranges::find_if(*bucket, [&](const Constrained& one) {
      return one.constraints.equals == constraints.equals && one.constraints.subset == constraints.subset;
    });
    if (same != bucket->end()) {
      same->operations |= operations;
    } else {
      bucket->push_back({operations, constraints});
    }
  }
}

bool GrantIndex::Allows(OperationSet operation, const EncryptionContext& context) const {
  if ((unconstrained_ & operation) != 0) return true;
  if ((operation & kContextOperations) == 0) return false;
  const auto in = [&](const std::unordered_map<std::string, Bucket>& map, const std::string& name) {
    const auto bucket = map.find(name);
    return bucket != map.end() && std::ranges::any_of(bucket->second, [&](const Constrained& one) {
             return (one.operations & operation) != 0 && one.constraints.Hold(context);
           });
  };
  if (!by_context_.empty() && in(by_context_, ContextKey(context))) return true;
  if (by_pair_.empty()) return false;
  return std::ranges::any_of(context, [&](const auto& pair) { return in(by_pair_, PairKey(pair.first, pair.second)); });
}

}  // namespace strongroom::kms
