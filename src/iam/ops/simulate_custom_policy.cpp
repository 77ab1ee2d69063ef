// Source: IAM API Reference, "SimulateCustomPolicy".
#include "iam/data/simulation.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> SimulateCustomPolicy(Work& work) {
  SR_CHECK(work.Authorize("*"));
  return Simulate(work, std::nullopt);
}
}  // namespace

constinit const aws::Operation op::simulate_custom_policy = {.target = "iam.SimulateCustomPolicy",
                                                             .iam_action = "iam:SimulateCustomPolicy",
                                                             .handler = Reading<&SimulateCustomPolicy>};

}  // namespace strongroom::iam
