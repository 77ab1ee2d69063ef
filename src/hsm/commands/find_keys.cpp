// A crypto user finds what it owns or has shared with it; an officer finds all, but sees whose they are only.
#include <algorithm>
#include <array>

#include "crypto/hash.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

constexpr std::uint32_t kMostKeys = 1000;
constexpr std::size_t kMostBytes = 96 * 1024;  // of the keys in one answer, so that the frame's bound is never met

std::array<std::uint8_t, 4> Number(std::uint32_t value) noexcept {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

/// CMU's "Key Hash": handle, owner and sharers of every key, in order; the same on every HSM of the cluster.
crypto::Sha256Digest OwnershipDigest(const replica::State& state) {
  crypto::Sha256Stream digest;
  for (const auto& [handle, key] : state.keys()) {
    digest.Update(Number(handle));
    digest.Update(Number(key->info.owner()));
    std::vector<std::uint32_t> sharers(key->info.shared_with().begin(), key->info.shared_with().end());
    std::ranges::sort(sharers);
    digest.Update(Number(static_cast<std::uint32_t>(sharers.size())));
    for (const std::uint32_t sharer : sharers) digest.Update(Number(sharer));
  }
  return digest.Finish();
}

Status RunFindKeys(Call& call) {
  proto::FindKeysRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const Login& login = *call.session.login();
  const bool officer = login.type == proto::CO;
  if (!officer && login.type != proto::CU) return Error(Errc::kPermission, "The user's role does not permit this.");
  if (officer && !request.label().empty())
    return Error(Errc::kPermission, "An officer sees whose keys are, not their labels.");
  const std::uint32_t limit = request.limit() == 0 ? kMostKeys : std::min(request.limit(), kMostKeys);
  const auto& keys = call.engine.state().keys();
  proto::FindKeysReply reply;
  std::size_t bytes = 0;
  for (auto at = keys.upper_bound(request.start_after()); at != keys.end(); ++at) {
    const proto::KeyInfo& key = at->second->info;
    if (!officer && !MayUse(key, login.user_id)) continue;
    if (request.owner() != 0 && key.owner() != request.owner()) continue;
    if (!request.label().empty() && key.label() != request.label()) continue;
    const std::size_t size = key.ByteSizeLong() + 8;
    if (reply.keys_size() == static_cast<int>(limit) || bytes + size > kMostBytes) {
      reply.set_more(true);
      break;
    }
    bytes += size;
    *reply.add_keys() = officer ? OwnershipOnly(key) : key;
  }
  const crypto::Sha256Digest digest = OwnershipDigest(call.engine.state());
  reply.set_digest(digest.data(), digest.size());
  call.Answer(reply);
  return {};
}

}  // namespace
constinit const CommandRow op::find_keys{.command = wire::Command::kFindKeys, .run_now = &RunFindKeys};
}  // namespace strongroom::hsm
