// Source: IAM API Reference, "PutRolePolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::put_role_policy = {.target = "iam.PutRolePolicy",
                                                      .iam_action = "iam:PutRolePolicy",
                                                      .handler = WritingKind<&PutInlinePolicy, Kind::kRole>};

}  // namespace strongroom::iam
