// Source: IAM API Reference, "GetRolePolicy".
#include "iam/data/entity_policies.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
constinit const aws::Operation op::get_role_policy = {.target = "iam.GetRolePolicy",
                                                      .iam_action = "iam:GetRolePolicy",
                                                      .handler = ReadingKind<&GetInlinePolicy, Kind::kRole>};

}  // namespace strongroom::iam
