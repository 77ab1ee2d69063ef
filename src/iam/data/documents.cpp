#include "iam/data/documents.h"

#include <algorithm>

#include "aws/sigv4/canonical.h"
#include "iam/data/managed.h"

namespace strongroom::iam {

std::string UrlEncoded(std::string_view document) {
  std::string encoded;
  aws::AppendPercentEncoded(document, encoded);
  return encoded;
}

std::int64_t PolicyCharacters(std::string_view document) {
  // Documents are of Latin-1, so that a character of two bytes begins with one of 0xC2 and 0xC3.
  return std::ranges::count_if(document, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c != ' ' && c != '\t' && c != '\n' && c != '\r' && (byte & 0xc0) != 0x80;
  });
}

Status CheckDocument(const Work& work, ports::PolicyKind kind, std::string_view document) {
  SR_CHECK(work.authorizer().Compile(kind, document));
  return {};
}

Result<std::string> DocumentOfRequest(const Work& work, std::string_view member, ports::PolicyKind kind,
                                      std::int64_t limit, std::string_view whose) {
  SR_TRY(std::string document, work.in.RequiredString(member));
  SR_CHECK(CheckDocument(work, kind, document));
  if (PolicyCharacters(document) > limit)
    return Error(Errc::kLimitExceeded, fmt::format("Cannot exceed quota for {}: {}", whose, limit));
  return document;
}

Result<std::string> NeedManagedDocument(Work& work, std::string_view policy_arn) {
  SR_TRY(const ManagedPolicy policy, FindManaged(work.t, work.account(), policy_arn));
  return ReadDefaultDocument(work.t, policy);
}

Result<std::vector<InlinePolicy>> ReadInlinePolicies(store::Transaction& t, std::string_view account,
                                                     std::string_view entity_id) {
  SR_TRY(const store::Rows rows,
         t.Query("SELECT name, document FROM iam_inline_policies WHERE account_id = $1 AND entity_id = $2 "
                 "ORDER BY name",
                 {store::Text(account), store::Text(entity_id)}));
  std::vector<InlinePolicy> policies;
  for (const store::Row& row : rows) policies.push_back({row.Text(0), row.Text(1)});
  return policies;
}

}  // namespace strongroom::iam
