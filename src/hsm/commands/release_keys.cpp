// Domain cluster only: keys of customers' backups, from the deployment backup key to a certified device.
#include <chrono>

#include "cluster.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/replica/identity.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm {
namespace {

constexpr int kMostKeys = 64;

Result<proto::ReleaseKeysReply> Release(const replica::Identity& identity, const proto::ReleaseKeysRequest& request,
                                        std::int64_t now_millis) {
  if (!identity.domain || !identity.backup_key)
    return Error(Errc::kUnsupported, "Only the domain cluster has the deployment backup key.");
  SR_TRY(const crypto::PublicKey device, replica::CheckMemberCertificate(AsBytes(request.device_certificate()),
                                                                         identity.manufacturer_root, now_millis));
  SR_TRY(const auto key, crypto::PrivateKey::FromPkcs8(*identity.backup_key, crypto::KeyCheck::kParseOnly));
  proto::ReleaseKeysReply reply;
  for (const proto::BackupWrapped& wrapped : request.wrapped()) {
    SR_TRY(*reply.add_wrapped(), replica::Release(wrapped, key, device, request.cluster_id()));
  }
  return reply;
}

Task<Status> RunReleaseKeys(Call& call) {
  proto::ReleaseKeysRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  if (request.cluster_id().empty() || request.cluster_id().size() > 64)
    co_return Error(Errc::kInvalidArgument, "The cluster's id is missing or too long.");
  if (request.wrapped().empty() || request.wrapped_size() > kMostKeys)
    co_return Error(Errc::kInvalidArgument, "One to 64 keys are released at a time.");
  auto work = [identity = call.engine.state().identity(), request = std::move(request),
               now_millis = call.engine.options.now_millis()] { return Release(identity, request, now_millis); };
  SR_CO_TRY(const proto::ReleaseKeysReply reply, co_await call.engine.crypto.Run(call.engine.loop, std::move(work)));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::release_keys{
    .command = wire::Command::kReleaseKeys,
    .run = &RunReleaseKeys,
    .audit = {.opcode_name = "CN_RESTORE_BEGIN", .opcode = 0xe9, .detail = AuditRow::Detail::kMinimal}};
}  // namespace strongroom::hsm
