// Source: AWS KMS API Reference, "ListRetirableGrants"; spec/kms.md 6.5.
#include "aws/dispatch/question.h"
#include "kms/access/conditions.h"
#include "kms/grants/principal.h"
#include "kms/grants/rows.h"
#include "kms/grants/show.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

/// By the caller's identity policies alone, on the principal as the resource, which must be of the caller's account.
Status Authorize(Kms& kms, const aws::Call& call, std::string_view principal) {
  const Conditions conditions(call, call.iam_action, nullptr);
  ports::Question question = aws::QuestionOf(call);
  question.resource = principal;
  question.resource_account = AccountOfPrincipal(principal);
  question.source = &conditions;
  return kms.authorizer().Authorize(question);
}

Task<Result<aws::Reply>> ListRetirableGrants(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string principal, call.body.RequiredString("RetiringPrincipal"));
  SR_CO_CHECK(CheckPrincipal(principal));
  SR_CO_CHECK(Authorize(kms, call, principal));
  SR_CO_TRY(const Page page, ParsePage(kms, call, kGrantPages, principal));
  // Grants to somebody who had this name before are another's.
  std::vector<std::string> named{principal};
  const auto ids = co_await kms.principals().Resolve(std::move(named));
  if (!ids.ok() && ids.error().code() != Errc::kNotFound) co_return ids.error();
  std::string id = ids.ok() && ids->contains(principal) ? ids->find(principal)->second : "";
  auto list = [region = std::string(call.region), principal, id = std::move(id), page](store::Transaction& t) {
    return ListRetirable(t, region, principal, id, GrantPosition::Read(page.after), page.limit + 1);
  };
  SR_CO_TRY(auto grants, co_await kms.database().RunRead(std::move(list)));
  co_return co_await ShowGrants(kms, page, std::move(grants));
}

}  // namespace

constinit const aws::Operation op::list_retirable_grants = {.target = "TrentService.ListRetirableGrants",
                                                            .iam_action = "kms:ListRetirableGrants",
                                                            .handler = aws::Bind<Kms, &ListRetirableGrants>};

}  // namespace strongroom::kms
