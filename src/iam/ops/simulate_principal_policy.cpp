// Source: IAM API Reference, "SimulatePrincipalPolicy".
#include "iam/data/simulation.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> SimulatePrincipalPolicy(Work& work) {
  SR_TRY(PolicySource source, NeedPolicySource(work));
  return Simulate(work, std::move(source));
}
}  // namespace

constinit const aws::Operation op::simulate_principal_policy = {.target = "iam.SimulatePrincipalPolicy",
                                                                .iam_action = "iam:SimulatePrincipalPolicy",
                                                                .handler = Reading<&SimulatePrincipalPolicy>};

}  // namespace strongroom::iam
