#include "kms/grants/rows.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

#include "crypto/hash.h"
#include "kms/grants/principal.h"

namespace strongroom::kms {
namespace {
namespace json = boost::json;
using store::OrNull;

#define SR_GRANT_COLUMNS                                                                                               \
  "account_id, region, key_id, grant_id, name, created_at, grantee, retiring_principal, issuing_account, operations, " \
  "constraints, grantee_id, retiring_id"
#define SR_OF_KEY "account_id = $1 AND region = $2 AND key_id = $3"

json::object ToJson(const EncryptionContext& context) {
  json::object object;
  for (const auto& [key, value] : context) object.emplace(key, value);
  return object;
}
/// In the API's words, ordered by key: the same constraints are the same text.
std::string ToText(const GrantConstraints& constraints) {
  if (constraints.none()) return "";
  json::object object;
  if (constraints.equals) object["EncryptionContextEquals"] = ToJson(*constraints.equals);
  if (constraints.subset) object["EncryptionContextSubset"] = ToJson(*constraints.subset);
  return json::serialize(object);
}

Error Damaged() { return Error(Errc::kCorrupted, "A grant's row is damaged."); }

Status ReadContext(const json::object& object, std::string_view name, std::optional<EncryptionContext>& out) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr) return {};
  if (!value->is_object()) return Damaged();
  out.emplace();
  for (const auto& [key, one] : value->get_object()) {
    if (!one.is_string()) return Damaged();
    out->emplace(std::string(key.data(), key.size()), std::string(one.get_string().data(), one.get_string().size()));
  }
  return {};
}

Result<GrantConstraints> FromText(const std::string& text) {
  GrantConstraints constraints;
  if (text.empty()) return constraints;
  json::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return Damaged();
  SR_CHECK(ReadContext(value.get_object(), "EncryptionContextEquals", constraints.equals));
  SR_CHECK(ReadContext(value.get_object(), "EncryptionContextSubset", constraints.subset));
  // Constraints that nobody can read must not become none.
  if (constraints.none()) return Damaged();
  return constraints;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    if (comma > begin) parts.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return parts;
}

Result<Grant> ReadGrant(const store::Row& row) {
  Grant grant;
  grant.account = row.Text(0);
  grant.region = row.Text(1);
  grant.key_id = row.Text(2);
  grant.grant_id = row.Text(3);
  grant.name = row.Text(4);
  grant.created_millis = row.Int(5);
  grant.grantee = row.Text(6);
  grant.retiring_principal = row.OptionalText(7);
  grant.issuing_account = row.Text(8);
  grant.operations = Split(row.Text(9));
  SR_TRY(grant.constraints, FromText(row.Text(10)));
  grant.grantee_id = row.Text(11);
  grant.retiring_id = row.Text(12);
  return grant;
}

Result<std::vector<Grant>> ReadAll(Result<store::Rows> rows) {
  if (!rows.ok()) return std::move(rows).error();
  std::vector<Grant> grants;
  grants.reserve(rows->size());
  for (const store::Row& row : *rows) {
    SR_TRY(Grant grant, ReadGrant(row));
    grants.push_back(std::move(grant));
  }
  return grants;
}

Status GrantChanged(store::Transaction& t, const Grant& grant) {
  return t.Change("kms-grant", grant.account, grant.region, GrantFeedId(grant.key_id, grant.GranteeKey()));
}

}  // namespace

std::string GrantFeedId(std::string_view key_id, std::string_view grantee_key) {
  return std::string(key_id) + "/" + std::string(grantee_key);
}

Bytes RequestHash(const Grant& grant) {
  const std::string text = json::serialize(json::array{grant.grantee, grant.retiring_principal.value_or(""),
                                                       grant.issuing_account, OperationsOf(grant.operations),
                                                       ToText(grant.constraints), grant.grantee_id, grant.retiring_id});
  return ToBytes(crypto::Sha256(AsBytes(text)));
}

Result<std::optional<std::string>> FindSameRequest(store::Transaction& t, const Grant& g) {
  if (g.name.empty()) return std::optional<std::string>();
  SR_TRY(const auto row, t.QueryOne("SELECT grant_id FROM kms_grants WHERE " SR_OF_KEY
                                    " AND name = $4 AND request_hash = $5 ORDER BY created_at, grant_id LIMIT 1",
                                    {g.account, g.region, g.key_id, g.name, store::Blob(RequestHash(g))}));
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(row->Text(0));
}

Status InsertGrant(store::Transaction& t, const Grant& g, std::int64_t limit) {
  SR_TRY(const auto count,
         t.QueryOne("UPDATE kms_keys SET grant_count = grant_count + 1 WHERE " SR_OF_KEY " RETURNING grant_count",
                    {g.account, g.region, g.key_id}));
  if (!count) return Error(Errc::kNotFound, "Key '" + g.KeyArn() + "' does not exist");
  if (count->Int(0) > limit)
    return Error(Errc::kLimitExceeded, fmt::format("{} has reached its quota of {} grants.", g.KeyArn(), limit));
  // Whoever has the key in memory knows it as one without grants.
  if (count->Int(0) == 1) SR_CHECK(t.Change("kms-key", g.account, g.region, g.key_id));
  SR_CHECK(t.Execute("INSERT INTO kms_grants (" SR_GRANT_COLUMNS
                     ", request_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
                     {g.account, g.region, g.key_id, g.grant_id, g.name, g.created_millis, g.grantee,
                      OrNull(g.retiring_principal), g.issuing_account, fmt::format("{}", fmt::join(g.operations, ",")),
                      ToText(g.constraints), g.grantee_id, g.retiring_id, store::Blob(RequestHash(g))}));
  return GrantChanged(t, g);
}

Result<bool> DeleteGrant(store::Transaction& t, const Grant& g) {
  SR_TRY(const std::int64_t deleted, t.Execute("DELETE FROM kms_grants WHERE " SR_OF_KEY " AND grant_id = $4",
                                               {g.account, g.region, g.key_id, g.grant_id}));
  if (deleted == 0) return false;
  SR_CHECK(
      t.Execute("UPDATE kms_keys SET grant_count = grant_count - 1 WHERE " SR_OF_KEY, {g.account, g.region, g.key_id}));
  SR_CHECK(GrantChanged(t, g));
  return true;
}

Status DeleteGrantsOfKey(store::Transaction& t, const KeyRow& key) {
  SR_CHECK(t.Execute("DELETE FROM kms_grants WHERE " SR_OF_KEY, {key.account, key.region, key.key_id}));
  return {};
}

Result<std::optional<Grant>> LoadGrant(store::Transaction& t, const std::string& account, const std::string& region,
                                       const std::string& key_id, const std::string& grant_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT " SR_GRANT_COLUMNS " FROM kms_grants WHERE " SR_OF_KEY " AND grant_id = $4",
                                    {account, region, key_id, grant_id}));
  if (!row) return std::optional<Grant>();
  SR_TRY(Grant grant, ReadGrant(*row));
  return std::optional<Grant>(std::move(grant));
}

Result<std::vector<Grant>> GrantsOfGrantee(store::Transaction& t, const std::string& account, const std::string& region,
                                           const std::string& key_id, const std::string& grantee_key) {
  if (IsByName(grantee_key))
    return ReadAll(t.Query("SELECT " SR_GRANT_COLUMNS " FROM kms_grants WHERE " SR_OF_KEY
                           " AND grantee = $4 AND grantee_id = ''",
                           {account, region, key_id, grantee_key}));
  return ReadAll(t.Query("SELECT " SR_GRANT_COLUMNS " FROM kms_grants WHERE " SR_OF_KEY " AND grantee_id = $4",
                         {account, region, key_id, grantee_key}));
}

GrantPosition GrantPosition::Read(std::string_view text) {
  GrantPosition position;
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::from_chars(text.data(), text.data() + slash, position.created_millis);
  position.grant_id = text.substr(std::min(slash + 1, text.size()));
  return position;
}
std::string GrantPosition::Text() const { return fmt::format("{}/{}", created_millis, grant_id); }

Result<std::vector<Grant>> ListGrantRows(store::Transaction& t, const KeyRow& key, const GrantFilter& filter,
                                         const GrantPosition& after, std::int64_t limit) {
  return ReadAll(
      t.Query("SELECT " SR_GRANT_COLUMNS " FROM kms_grants WHERE " SR_OF_KEY
              " AND (created_at > $4 OR (created_at = $4 AND grant_id > $5)) AND ($6 = '' OR grant_id = $6) AND "
              "($7 = '' OR grantee = $7 OR grantee_id = $7) ORDER BY created_at, grant_id LIMIT $8",
              {key.account, key.region, key.key_id, after.created_millis, after.grant_id, filter.grant_id,
               filter.grantee, limit}));
}

Result<std::vector<Grant>> ListRetirable(store::Transaction& t, const std::string& region, const std::string& principal,
                                         const std::string& unique_id, const GrantPosition& after, std::int64_t limit) {
  return ReadAll(
      t.Query("SELECT " SR_GRANT_COLUMNS
              " FROM kms_grants WHERE region = $1 AND retiring_principal = $2 AND retiring_id = $3 AND "
              "(created_at > $4 OR (created_at = $4 AND grant_id > $5)) ORDER BY created_at, grant_id LIMIT $6",
              {region, principal, unique_id, after.created_millis, after.grant_id, limit}));
}

}  // namespace strongroom::kms
