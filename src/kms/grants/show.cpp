#include "kms/grants/show.h"

#include "kms/grants/principal.h"
#include "kms/grants/rows.h"
#include "kms/keys/metadata.h"
#include "ports/principal_directory.h"

namespace strongroom::kms {
namespace {

std::vector<std::pair<std::string, std::string>> Pairs(const EncryptionContext& context) {
  return {context.begin(), context.end()};
}

/// As AWS shows those who were deleted since, also where another one has their name now: by the unique id.
const std::string& Shown(const ports::PrincipalIds& there, const std::string& arn, const std::string& id) {
  return ports::IsStill(there, arn, id) ? arn : id;
}

aws::Reply Show(const Grant& grant, const ports::PrincipalIds& there) {
  aws::Reply entry;
  entry.Text("KeyId", grant.KeyArn())
      .Text("GrantId", grant.grant_id)
      .Text("Name", grant.name)
      .Timestamp("CreationDate", ToWallTime(grant.created_millis))
      .Text("GranteePrincipal", Shown(there, grant.grantee, grant.grantee_id));
  if (grant.retiring_principal)
    entry.Text("RetiringPrincipal", Shown(there, *grant.retiring_principal, grant.retiring_id));
  entry.Text("IssuingAccount", RootArn(grant.issuing_account)).Texts("Operations", grant.operations);
  if (grant.constraints.none()) return entry;
  aws::Reply constraints;
  if (grant.constraints.subset) constraints.TextMap("EncryptionContextSubset", Pairs(*grant.constraints.subset));
  if (grant.constraints.equals) constraints.TextMap("EncryptionContextEquals", Pairs(*grant.constraints.equals));
  entry.Object("Constraints", std::move(constraints));
  return entry;
}

}  // namespace

Task<Result<aws::Reply>> ShowGrants(Kms& kms, Page page, std::vector<Grant> grants) {
  const bool more = CutPage(page, grants);
  std::vector<std::string> named;
  for (const Grant& grant : grants) {
    if (!grant.grantee_id.empty()) named.push_back(grant.grantee);
    if (!grant.retiring_id.empty() && grant.retiring_principal) named.push_back(*grant.retiring_principal);
  }
  SR_CO_TRY(const ports::PrincipalIds there, co_await ports::WhoIsThere(kms.principals(), std::move(named)));
  std::vector<aws::Reply> shown;
  shown.reserve(grants.size());
  for (const Grant& grant : grants) shown.push_back(Show(grant, there));
  aws::Reply reply;
  reply.Objects("Grants", std::move(shown));
  FinishPage(kms, page, more, more ? GrantPosition::Of(grants.back()).Text() : "", reply);
  co_return reply;
}

}  // namespace strongroom::kms
