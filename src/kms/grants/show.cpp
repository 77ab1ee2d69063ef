#include "kms/grants/show.h"

#include "kms/grants/principal.h"
#include "kms/grants/rows.h"
#include "kms/keys/metadata.h"

namespace strongroom::kms {
namespace {

std::vector<std::pair<std::string, std::string>> Pairs(const EncryptionContext& context) {
  return {context.begin(), context.end()};
}

aws::Reply Show(const Grant& grant) {
  aws::Reply entry;
  entry.Text("KeyId", grant.KeyArn())
      .Text("GrantId", grant.grant_id)
      .Text("Name", grant.name)
      .Timestamp("CreationDate", ToWallTime(grant.created_millis))
      .Text("GranteePrincipal", grant.grantee);
  if (grant.retiring_principal) entry.Text("RetiringPrincipal", *grant.retiring_principal);
  entry.Text("IssuingAccount", RootArn(grant.issuing_account)).Texts("Operations", grant.operations);
  if (grant.constraints.none()) return entry;
  aws::Reply constraints;
  if (grant.constraints.subset) constraints.TextMap("EncryptionContextSubset", Pairs(*grant.constraints.subset));
  if (grant.constraints.equals) constraints.TextMap("EncryptionContextEquals", Pairs(*grant.constraints.equals));
  entry.Object("Constraints", std::move(constraints));
  return entry;
}

}  // namespace

aws::Reply ShowGrants(Kms& kms, const Page& page, std::vector<Grant> grants) {
  const bool more = CutPage(page, grants);
  std::vector<aws::Reply> shown;
  shown.reserve(grants.size());
  for (const Grant& grant : grants) shown.push_back(Show(grant));
  aws::Reply reply;
  reply.Objects("Grants", std::move(shown));
  FinishPage(kms, page, more, more ? GrantPosition::Of(grants.back()).Text() : "", reply);
  return reply;
}

}  // namespace strongroom::kms
