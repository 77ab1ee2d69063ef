// Who belongs to the cluster: admissions, an officer's approval of them where the cluster demands it, removals; and the
// feature level that all members know.
#include <algorithm>

#include "base/log.h"
#include "crypto/random.h"
#include "hsm/replica/core.h"
#include "hsm/replica/identity.h"
#include "hsm/replica/wrapping.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kEpochsGiven = 16;
constexpr std::string_view kWaits = "waits";

std::string FingerprintOf(const std::string& certificate) { return Hex(crypto::Sha256(AsBytes(certificate))); }

// Levels and addresses may be told anew; what makes a member is its id and its device.
bool SameButLevel(proto::Member a, proto::Member b) {
  a.clear_feature_level();
  b.clear_feature_level();
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

Result<Proposal> Replica::Core::DecideAdmission(const proto::AdmitMember& request, const State& state) const {
  const std::string& hsm_id = request.member().hsm_id();
  SR_TRY(const auto key, CheckMemberCertificate(AsBytes(request.device_certificate()),
                                                state.identity().manufacturer_root, options_.now_millis()));
  if (std::max(request.member().feature_level(), 1U) < state.feature_level())
    return Error(Errc::kUnsupported, "The cluster uses feature level " + std::to_string(state.feature_level()) +
                                         ", which " + hsm_id + " does not know; update its strongroom-hsm.");
  const auto known = state.members().find(hsm_id);
  const bool is_member =
      known != state.members().end() && AsText(known->second.device_certificate) == request.device_certificate();
  if (is_member && SameButLevel(known->second.member, request.member())) return Proposal{};
  Proposal proposal;
  if (state.admission_needs_approval() && !is_member) {
    const auto waits = state.admissions().find(hsm_id);
    const bool asked =
        waits != state.admissions().end() && AsText(waits->second.device_certificate) == request.device_certificate();
    if (!asked) {
      auto* requested = proposal.changes.emplace_back().mutable_admission_requested();
      *requested->mutable_member() = request.member();
      requested->set_device_certificate(request.device_certificate());
    }
    if (!asked || waits->second.approved_by == 0) {
      proposal.answer = ToBytes(AsBytes(kWaits));
      return proposal;
    }
  }
  auto* admitted = proposal.changes.emplace_back().mutable_member_admitted();
  *admitted->mutable_member() = request.member();
  admitted->set_device_certificate(request.device_certificate());
  // Earlier epochs, too: the newest snapshot may be of one of them.
  std::size_t epochs = 0;
  const auto& secrets = device_.secrets();
  for (auto each = secrets.rbegin(); each != secrets.rend() && epochs < kEpochsGiven; ++each, ++epochs) {
    SR_TRY(*proposal.clear.add_wrapped(),
           WrapToDevice(key, hsm_id, state.identity().cluster_id, each->first, *each->second));
  }
  return proposal;
}

Task<Status> Replica::Core::AdmitMember(proto::AdmitMember request) {
  const auto self = shared_from_this();
  const std::string& hsm_id = request.member().hsm_id();
  if (hsm_id.empty() || hsm_id.size() > kMaxNameBytes)
    co_return Error(Errc::kInvalidArgument, "The HSM's id has an impossible size.");
  // An approval may have been written by another member.
  (void)co_await CatchUp(Reason::kForced);
  Decide decide = [this, &request](const State& state) { return DecideAdmission(request, state); };
  SR_CO_TRY(const Bytes answer, co_await ChangeMembers(std::move(decide)));
  if (AsText(answer) == kWaits)
    co_return Error(Errc::kPermission,
                    "The HSM waits for an officer's approval (approveHsm in cloudhsm_mgmt_util) of "
                    "its device certificate " +
                        FingerprintOf(request.device_certificate()) + ".");
  co_return Status{};
}

Task<Status> Replica::Core::RemoveMember(std::string hsm_id) {
  const auto self = shared_from_this();
  Decide decide = [hsm_id](const State& state) -> Result<Proposal> {
    Proposal proposal;
    if (state.admissions().contains(hsm_id))
      proposal.changes.emplace_back().mutable_admission_withdrawn()->set_hsm_id(hsm_id);
    if (!state.members().contains(hsm_id)) return proposal;
    if (state.members().size() == 1)
      return Error(Errc::kInvalidState, "The last HSM cannot be removed; it can only be zeroised.");
    auto* started = proposal.changes.emplace_back().mutable_epoch_started();
    started->set_epoch(state.epoch() + 1);
    started->add_removed(hsm_id);
    SR_TRY(const SecretBuffer secret, crypto::RandomSecret(32));
    SR_CHECK(WrapToAll(state, {hsm_id}, state.epoch() + 1, secret, proposal.clear));
    return proposal;
  };
  SR_CO_CHECK(co_await ChangeMembers(std::move(decide)));
  co_return Status{};
}

// In the background, by every member: whoever comes first writes it, and the others find it written.
Task<void> Replica::Core::RaiseFeatureLevel() {
  const auto self = shared_from_this();
  const auto mine = state_.members().find(options_.hsm_id);
  if (!changes_possible() || mine == state_.members().end()) co_return;
  if (std::max(mine->second.member.feature_level(), 1U) < options_.feature_level) {
    Decide announce = [id = options_.hsm_id, level = options_.feature_level](const State& state) -> Result<Proposal> {
      Proposal proposal;
      const auto known = state.members().find(id);
      if (known == state.members().end() || known->second.member.feature_level() >= level) return proposal;
      auto* supports = proposal.changes.emplace_back().mutable_member_supports();
      supports->set_hsm_id(id);
      supports->set_level(level);
      return proposal;
    };
    const auto announced = co_await ChangeMembers(std::move(announce));
    if (!announced.ok()) co_return;  // the next poll tries again
  }
  if (Gone() || state_.common_level() <= state_.feature_level()) co_return;
  Decide raise = [](const State& state) -> Result<Proposal> {
    Proposal proposal;
    const std::uint32_t common = state.common_level();
    if (common > state.feature_level()) proposal.changes.emplace_back().mutable_feature_level()->set_level(common);
    return proposal;
  };
  const auto raised = co_await ChangeMembers(std::move(raise));
  if (raised.ok()) log::Info("the cluster is at feature level {}", state_.feature_level());
}

}  // namespace strongroom::hsm::replica
