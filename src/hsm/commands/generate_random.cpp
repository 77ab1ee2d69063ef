#include "crypto/random.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {
Status RunGenerateRandom(Call& call) {
  static thread_local const proto::GenerateRandomReply reply;
  proto::GenerateRandomRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  if (request.number_of_bytes() < 1 || request.number_of_bytes() > 1024)
    return Error(Errc::kInvalidArgument, "1 to 1024 random bytes can be asked for.");
  SR_TRY(SecretBuffer fresh, crypto::RandomSecret(request.number_of_bytes()));
  call.segments.push_back(std::move(fresh));
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::generate_random{.command = wire::Command::kGenerateRandom,
                                               .run_now = &RunGenerateRandom};
}  // namespace strongroom::hsm
