#include "kms/keys/tags.h"

#include <cctype>
#include <set>

#include "aws/model/service_model.h"

namespace strongroom::kms {
namespace {

bool IsReserved(std::string_view key) {
  if (key.size() < 4) return false;
  std::string prefix(key.substr(0, 4));
  for (char& c : prefix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return prefix == "aws:";
}

/// Letters and digits of any language, spaces and _ . / = + - : @ are tag characters. KMS's model is silent; the other
/// services' models have them as one pattern.
bool HasOnlyTagCharacters(std::string_view text) {
  static const aws::model::Pattern& pattern = *aws::model::BuiltIn("cloudhsm")
                                                   ->Find("TagResource")
                                                   ->input->Find("TagList")
                                                   ->shape->member->Find("Value")
                                                   ->shape->pattern;
  // To Unicode, the separators of lines and of paragraphs are spaces, too.
  const bool breaks_lines =
      text.find("\u2028") != std::string_view::npos || text.find("\u2029") != std::string_view::npos;
  return !breaks_lines && pattern.Matches(text);
}

}  // namespace

Status CheckTagCount(std::size_t count) {
  if (count > kMaxTags) return Error(Errc::kTag, "Too many tags");
  return {};
}

Status CheckTags(const std::vector<Tag>& tags) {
  SR_CHECK(CheckTagCount(tags.size()));
  std::set<std::string_view> seen;
  for (const auto& [key, value] : tags) {
    if (IsReserved(key)) return Error(Errc::kTag, "Tags beginning with aws: are reserved");
    if (!HasOnlyTagCharacters(key) || !HasOnlyTagCharacters(value))
      return Error(Errc::kTag, "Tags can hold letters, digits, spaces and the characters _ . / = + - : @ only");
    if (!seen.insert(key).second) return Error(Errc::kTag, "Duplicate tag keys");
  }
  return {};
}

Status PutTags(store::Transaction& t, const KeyRow& k, const std::vector<Tag>& tags) {
  for (const auto& [key, value] : tags)
    SR_CHECK(
        t.Execute("INSERT INTO kms_tags (account_id, region, key_id, tag_key, tag_value) VALUES ($1, $2, $3, $4, $5) "
                  "ON CONFLICT (account_id, region, key_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value",
                  {k.account, k.region, k.key_id, key, value}));
  SR_TRY(const auto count,
         t.QueryOne("SELECT COUNT(*) FROM kms_tags WHERE account_id = $1 AND region = $2 AND key_id = $3",
                    {k.account, k.region, k.key_id}));
  if (count && count->Int(0) > static_cast<std::int64_t>(kMaxTags)) return Error(Errc::kTag, "Too many tags");
  return {};
}

Status RemoveTags(store::Transaction& t, const KeyRow& k, const std::vector<std::string>& tag_keys) {
  for (const std::string& key : tag_keys)
    SR_CHECK(t.Execute("DELETE FROM kms_tags WHERE account_id = $1 AND region = $2 AND key_id = $3 AND tag_key = $4",
                       {k.account, k.region, k.key_id, key}));
  return {};
}

Result<std::vector<Tag>> ListTags(store::Transaction& t, const KeyRow& k, const std::string& after,
                                  std::int64_t limit) {
  SR_TRY(const auto rows, t.Query("SELECT tag_key, tag_value FROM kms_tags WHERE account_id = $1 AND region = $2 AND "
                                  "key_id = $3 AND tag_key > $4 ORDER BY tag_key LIMIT $5",
                                  {k.account, k.region, k.key_id, after, limit}));
  std::vector<Tag> tags;
  for (const store::Row& row : rows) tags.emplace_back(row.Text(0), row.Text(1));
  return tags;
}

}  // namespace strongroom::kms
