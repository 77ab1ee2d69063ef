// Source: AWS KMS API Reference, "ListAliases".
#include "kms/keys/metadata.h"
#include "kms/ops/all.h"
#include "kms/page.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

aws::Reply Show(const AliasRow& alias) {
  aws::Reply entry;
  entry.Text("AliasName", alias.name)
      .Text("AliasArn", alias.Arn())
      .Text("TargetKeyId", alias.key_id)
      .Timestamp("CreationDate", ToWallTime(alias.created_millis))
      .Timestamp("LastUpdatedDate", ToWallTime(alias.updated_millis));
  return entry;
}

Task<Result<aws::Reply>> ListAliases(Kms& kms, aws::Call& call) {
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  SR_CO_TRY(const std::string key_text, call.body.StringOr("KeyId", ""));
  std::string key_id;
  if (!key_text.empty()) {
    SR_CO_TRY(Resolved resolved, co_await ResolveKey(kms, call, key_text, IdForms::kKeyOnly));
    if (resolved.key == nullptr) co_return std::move(resolved.missing);
    key_id = resolved.key->row.key_id;
  }
  SR_CO_TRY(const Page page, ParsePage(kms, call, {.default_limit = 50, .max_limit = 100}, key_id));
  auto list = [account = std::string(call.account()), region = std::string(call.region), key_id,
               page](store::Transaction& t) {
    return ListAliasRows(t, account, region, key_id, page.after, page.limit + 1);
  };
  SR_CO_TRY(auto aliases, co_await kms.database().RunRead(std::move(list)));
  const bool more = CutPage(page, aliases);
  std::vector<aws::Reply> shown;
  for (const AliasRow& alias : aliases) shown.push_back(Show(alias));
  aws::Reply reply;
  reply.Objects("Aliases", std::move(shown));
  FinishPage(kms, page, more, more ? aliases.back().name : "", reply);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::list_aliases = {
    .target = "TrentService.ListAliases", .iam_action = "kms:ListAliases", .handler = aws::Bind<Kms, &ListAliases>};

}  // namespace strongroom::kms
