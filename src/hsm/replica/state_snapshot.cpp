#include "hsm/replica/state.h"

namespace strongroom::hsm::replica {
namespace {

std::string Text(ByteView bytes) { return std::string(AsText(bytes)); }

std::uint32_t AddSegment(Segments& segments, const SharedSecret& secret) {
  segments.push_back(secret);
  return static_cast<std::uint32_t>(segments.size() - 1);
}

}  // namespace

std::pair<proto::SnapshotBody, Segments> State::ToSnapshot() const {
  proto::SnapshotBody body;
  Segments segments;
  body.set_written_millis(written_millis_);
  body.set_epoch(epoch_);
  body.set_next_user_id(next_user_id_);
  body.set_next_handle(next_handle_);
  body.set_feature_level(feature_level_);
  body.set_lifecycle(lifecycle_);
  if (lifecycle_ == proto::EMPTY) return {std::move(body), std::move(segments)};

  proto::Genesis* genesis = body.add_changes()->mutable_genesis();
  genesis->set_cluster_id(identity_.cluster_id);
  genesis->set_domain(identity_.domain);
  genesis->set_fips(identity_.fips);
  genesis->set_partition(identity_.partition);
  genesis->set_hsm_serial(identity_.hsm_serial);
  genesis->set_csr(Text(identity_.csr));
  genesis->set_manufacturer_root(Text(identity_.manufacturer_root));
  genesis->set_aws_root(Text(identity_.aws_root));
  genesis->set_recovery_public_key(Text(identity_.recovery_public_key));
  genesis->set_backup_certificate(Text(identity_.backup_certificate));
  genesis->set_cluster_key_segment(AddSegment(segments, identity_.cluster_key));
  if (identity_.domain) {
    genesis->set_manufacturer_key_segment(AddSegment(segments, identity_.manufacturer_key));
    genesis->set_aws_root_key_segment(AddSegment(segments, identity_.aws_root_key));
    genesis->set_backup_key_segment(AddSegment(segments, identity_.backup_key));
  }
  if (!identity_.cluster_certificate.empty()) {
    auto* certificate = body.add_changes()->mutable_cluster_certificate();
    certificate->set_certificate(Text(identity_.cluster_certificate));
    certificate->set_trust_anchor(Text(identity_.trust_anchor));
  }
  for (const auto& [id, user] : users_) {
    auto* put = body.add_changes()->mutable_user_put();
    *put->mutable_user() = user.info;
    put->set_password_hash(user.password_hash);
  }
  for (const auto& [handle, key] : keys_) {
    auto* put = body.add_changes()->mutable_key_put();
    *put->mutable_key() = key->info;
    put->set_public_key(Text(key->public_key));
    if (key->material) put->set_segment(AddSegment(segments, key->material));
  }
  for (const auto& [public_key, name] : front_ends_) {
    auto* enrolled = body.add_changes()->mutable_front_end_enrolled();
    enrolled->set_public_key(Text(public_key));
    enrolled->set_name(name);
  }
  for (const auto& [number, secret] : domain_keys_) {
    auto* generation = body.add_changes()->mutable_domain_key_generation();
    generation->set_generation(number);
    generation->set_segment(AddSegment(segments, secret));
  }
  if (material_id_secret_) body.set_material_id_segment(AddSegment(segments, material_id_secret_));
  for (const auto& [id, entry] : members_) {
    auto* member = body.add_members();
    *member->mutable_member() = entry.member;
    member->set_device_certificate(Text(entry.device_certificate));
  }
  body.set_admission_approval(admission_needs_approval_);
  for (const auto& [id, admission] : admissions_) {
    auto* waits = body.add_admissions();
    *waits->mutable_member() = admission.member;
    waits->set_device_certificate(Text(admission.device_certificate));
    waits->set_approved_by(admission.approved_by);
  }
  for (const auto& [name, remembered] : answers_) {
    auto* answer = body.add_answers();
    answer->set_client_id(Text(name.first));
    answer->set_command(name.second);
    answer->set_at_millis(remembered.at_millis);
    answer->set_answer(Text(*remembered.answer));
  }
  return {std::move(body), std::move(segments)};
}

Result<State> State::FromSnapshot(const proto::SnapshotBody& body, const Segments& segments, std::uint32_t supported) {
  State state(supported);
  if (body.feature_level() > supported)
    return Error(Errc::kCorrupted, "The snapshot needs a newer version of strongroom-hsm.");
  for (const proto::Change& change : body.changes()) SR_CHECK(state.ApplyBody(change, segments));
  if (body.next_user_id() < state.next_user_id_ || body.next_handle() < state.next_handle_)
    return Error(Errc::kCorrupted, "The snapshot's next ids are behind its own users and keys.");
  state.written_millis_ = body.written_millis();
  state.epoch_ = body.epoch();
  state.next_user_id_ = body.next_user_id();
  state.next_handle_ = body.next_handle();
  state.feature_level_ = body.feature_level();
  state.lifecycle_ = body.lifecycle();
  if (const std::uint32_t at = body.material_id_segment(); at != 0) {
    if (at >= segments.size() || segments[at] == nullptr || !state.identity_.domain)
      return Error(Errc::kCorrupted, "The snapshot names a segment that it has not.");
    state.material_id_secret_ = segments[at];
  }
  for (const proto::MemberState& member : body.members())
    state.members_[member.member().hsm_id()] =
        MemberEntry{member.member(), ToBytes(AsBytes(member.device_certificate()))};
  state.admission_needs_approval_ = body.admission_approval();
  for (const proto::AdmissionState& waits : body.admissions())
    state.admissions_[waits.member().hsm_id()] =
        Admission{waits.member(), ToBytes(AsBytes(waits.device_certificate())), waits.approved_by()};
  for (const proto::RememberedAnswer& answer : body.answers())
    SR_CHECK(state.Remember(answer.client_id(), answer.command(), answer.at_millis(), answer.answer()));
  return state;
}

crypto::Sha256Digest State::Digest() const {
  const auto [body, segments] = ToSnapshot();
  crypto::Sha256Stream stream;
  stream.Update(AsBytes(body.SerializeAsString()));
  for (const SharedSecret& segment : segments) stream.Update(VaultSealer::DigestOf(*segment));
  return stream.Finish();
}

}  // namespace strongroom::hsm::replica
