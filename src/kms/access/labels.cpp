#include "kms/access/labels.h"

#include "kms/keys/tags.h"
#include "kms/service.h"

namespace strongroom::kms {
namespace {
/// One more than conditions look at.
constexpr std::int64_t kAliasesRead = 51;
}  // namespace

Task<Result<KeyLabelsPtr>> LabelsOf(Kms& kms, KeyPtr key) {
  if (KeyLabelsPtr known = key->labels.load()) co_return known;
  auto load = [key](store::Transaction& t) -> Result<KeyLabels> {
    KeyLabels labels;
    const KeyRow& row = key->row;
    SR_TRY(labels.tags, ListTags(t, row, "", static_cast<std::int64_t>(kMaxTags)));
    SR_TRY(const auto aliases, ListAliasRows(t, row.account, row.region, row.key_id, "", kAliasesRead));
    for (const AliasRow& alias : aliases) labels.aliases.push_back(alias.name);
    return labels;
  };
  SR_CO_TRY(KeyLabels labels, co_await kms.database().RunRead(std::move(load)));
  auto kept = std::make_shared<const KeyLabels>(std::move(labels));
  key->labels.store(kept);
  co_return KeyLabelsPtr(kept);
}

}  // namespace strongroom::kms
