#pragma once

#include <string>
#include <string_view>

#include "iam/data/entity.h"

namespace strongroom::iam {

/// A policy's text as answers show it: percent-encoded (RFC 3986).
std::string UrlEncoded(std::string_view document);
/// Characters that count against a quota: all but white space.
std::int64_t PolicyCharacters(std::string_view document);

/// Refuses what the policy engine cannot read. Errors: kMalformedPolicy.
Status CheckDocument(const Work& work, ports::PolicyKind kind, std::string_view document);
/// The request's `member`, checked, and of at most `limit` characters. Errors: kMalformedPolicy, kLimitExceeded.
Result<std::string> DocumentOfRequest(const Work& work, std::string_view member, ports::PolicyKind kind,
                                      std::int64_t limit, std::string_view whose);

/// The text in force of a managed policy, of AWS's or the account's. Errors: kInvalidArn; kNotFound in AWS's words.
Result<std::string> NeedManagedDocument(Work& work, std::string_view policy_arn);

struct InlinePolicy {
  std::string name, document;
};
/// By name.
Result<std::vector<InlinePolicy>> ReadInlinePolicies(store::Transaction& t, std::string_view account,
                                                     std::string_view entity_id);

}  // namespace strongroom::iam
