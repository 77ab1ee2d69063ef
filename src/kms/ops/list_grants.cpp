// Source: AWS KMS API Reference, "ListGrants"; spec/kms.md 6.5.
#include "kms/grants/access.h"
#include "kms/grants/rows.h"
#include "kms/grants/show.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> ListGrants(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  GrantFilter filter;
  SR_CO_TRY(filter.grant_id, call.body.StringOr("GrantId", ""));
  SR_CO_TRY(filter.grantee, call.body.StringOr("GranteePrincipal", ""));
  const KeyRules rules{.forms = IdForms::kKeyOfAnyAccount};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  if (!filter.grant_id.empty() && !IsGrantId(filter.grant_id)) co_return InvalidGrantId(filter.grant_id);
  SR_CO_TRY(const Page page,
            ParsePage(kms, call, kGrantPages, usable.key->arn + "|" + filter.grant_id + "|" + filter.grantee));
  auto list = [key = usable.key, filter, page](store::Transaction& t) {
    return ListGrantRows(t, key->row, filter, GrantPosition::Read(page.after), page.limit + 1);
  };
  SR_CO_TRY(auto grants, co_await kms.database().RunRead(std::move(list)));
  co_return co_await ShowGrants(kms, page, std::move(grants));
}

}  // namespace

constinit const aws::Operation op::list_grants = {
    .target = "TrentService.ListGrants", .iam_action = "kms:ListGrants", .handler = aws::Bind<Kms, &ListGrants>};

}  // namespace strongroom::kms
