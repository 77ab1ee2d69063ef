#include "iam/data/keys.h"

#include "iam/access_keys.h"

namespace strongroom::iam {
namespace {
using store::Text;

Result<std::vector<KeyFacts>> SelectKeys(store::Transaction& t, std::string_view where,
                                         std::initializer_list<store::Value> values) {
  SR_TRY(const store::Rows rows,
         t.Query(fmt::format("SELECT access_key_id, status, principal_id, principal_arn, created_at, last_used_at, "
                             "last_used_region, last_used_service FROM access_keys WHERE account_id = $1 AND {} "
                             "ORDER BY created_at, access_key_id",
                             where),
                 values));
  std::vector<KeyFacts> keys;
  for (const store::Row& row : rows) {
    keys.push_back(
        {row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Int(4), row.OptionalInt(5), row.Text(6), row.Text(7)});
  }
  return keys;
}
}  // namespace

Result<KeyHolder> NeedKeyHolder(Work& work) {
  if (!work.in.Has("UserName") && work.caller().is_root()) {
    SR_CHECK(work.Authorize(work.caller().arn));
    return KeyHolder{work.account(), RootArn(work.account()), {}};
  }
  SR_TRY(const Entity user, NeedEntity(work, Kind::kUser, NameMember::kOrCaller));
  return KeyHolder{user.id, user.Arn(), user.name};
}

Result<std::vector<KeyFacts>> ListKeys(store::Transaction& t, std::string_view account, std::string_view principal_id) {
  return SelectKeys(t, "principal_id = $2", {Text(account), Text(principal_id)});
}

Result<std::optional<KeyFacts>> FindKey(store::Transaction& t, std::string_view account, std::string_view key_id) {
  SR_TRY(auto found, SelectKeys(t, "access_key_id = $2", {Text(account), Text(key_id)}));
  if (found.empty()) return std::optional<KeyFacts>();
  return std::optional<KeyFacts>(std::move(found.front()));
}

Result<KeyFacts> NeedKeyOf(Work& work, const KeyHolder& holder) {
  SR_TRY(const std::string id, work.in.RequiredString("AccessKeyId"));
  SR_TRY(auto found, FindKey(work.t, work.account(), id));
  if (!found || found->principal_id != holder.principal_id)
    return Error(Errc::kNotFound, fmt::format("The Access Key with id {} cannot be found.", id));
  return *std::move(found);
}

}  // namespace strongroom::iam
