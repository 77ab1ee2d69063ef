#include "hsm/replica/state.h"

#include <algorithm>
#include <cctype>

namespace strongroom::hsm::replica {
namespace {

Error Contradiction(std::string detail) {
  return Error(Errc::kCorrupted, "A record of the cluster's log contradicts the state; this HSM stops serving.")
      .WithDetail(std::move(detail));
}

Error TooNew(std::uint32_t level, std::uint32_t supported) {
  return Error(Errc::kCorrupted, "The cluster uses feature level " + std::to_string(level) +
                                     ", and this version knows level " + std::to_string(supported) +
                                     "; update strongroom-hsm. This HSM stops serving.");
}

std::string Lower(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

Result<SharedSecret> SegmentAt(const Segments& segments, std::uint32_t index) {
  if (index >= segments.size() || segments[index] == nullptr || segments[index]->empty())
    return Contradiction("segment " + std::to_string(index) + " of " + std::to_string(segments.size()));
  return segments[index];
}

Bytes Copy(const std::string& text) { return ToBytes(AsBytes(text)); }

/// The key with one sharer more or less; sharers stay in the order of their ids.
KeyPtr SharedAnew(const Key& key, std::uint32_t user_id, bool shared) {
  auto changed = std::make_shared<Key>(key);
  auto& sharers = *changed->info.mutable_shared_with();
  const auto at = std::lower_bound(sharers.begin(), sharers.end(), user_id);
  if (!shared) {
    sharers.erase(at);
  } else {
    const auto index = at - sharers.begin();
    sharers.Add(user_id);
    std::rotate(sharers.begin() + index, sharers.end() - 1, sharers.end());
  }
  return changed;
}

}  // namespace

Status State::BeginRecord(std::int64_t written_millis) {
  if (written_millis < written_millis_) return Contradiction("the record's time runs backwards");
  written_millis_ = written_millis;
  while (!answers_by_age_.empty()) {
    const auto oldest = answers_by_age_.begin()->first;
    if (written_millis_ - oldest.first <= kRememberedMillis) break;
    answers_.erase(oldest.second);
    answers_by_age_.erase(oldest);
  }
  return {};
}

Status State::ApplyBatch(const proto::LogBatch& batch, const Segments& segments) {
  SR_CHECK(BeginRecord(batch.written_millis()));
  for (const proto::Change& change : batch.changes()) SR_CHECK(Apply(change, segments));
  return {};
}

Status State::Apply(const proto::Change& change, const Segments& segments) {
  SR_CHECK(ApplyBody(change, segments));
  if (change.client_id().empty()) return {};
  return Remember(change.client_id(), change.command(), written_millis_, change.answer());
}

Status State::ApplyBody(const proto::Change& change, const Segments& segments) {
  if (lifecycle_ == proto::EMPTY && change.body_case() != proto::Change::kGenesis)
    return Contradiction("the first change is no genesis");
  const std::uint32_t level = FeatureLevelOf(change);
  if (level > supported_)
    return Error(
        Errc::kCorrupted,
        "The cluster's log has a change that this version does not know; update strongroom-hsm. This HSM stops "
        "serving.");
  if (lifecycle_ != proto::EMPTY && level > feature_level_)
    return Contradiction("a change of feature level " + std::to_string(level));
  switch (change.body_case()) {
    case proto::Change::kGenesis: return On(change.genesis(), segments);
    case proto::Change::kClusterCertificate: return On(change.cluster_certificate());
    case proto::Change::kMemberAdmitted: return On(change.member_admitted());
    case proto::Change::kEpochStarted: return On(change.epoch_started());
    case proto::Change::kFeatureLevel: return On(change.feature_level());
    case proto::Change::kUserPut: return On(change.user_put());
    case proto::Change::kUserRemoved: return On(change.user_removed());
    case proto::Change::kLoginFailures: return On(change.login_failures());
    case proto::Change::kKeyPut: return On(change.key_put(), segments);
    case proto::Change::kKeyRemoved: return On(change.key_removed());
    case proto::Change::kKeyShared: return On(change.key_shared());
    case proto::Change::kFrontEndEnrolled: return On(change.front_end_enrolled());
    case proto::Change::kDomainKeyGeneration: return On(change.domain_key_generation(), segments);
    case proto::Change::kDomainKeyDropped: return On(change.domain_key_dropped());
    case proto::Change::kMaterialIdSecret: return On(change.material_id_secret(), segments);
    case proto::Change::kFrontEndRemoved: return On(change.front_end_removed());
    case proto::Change::kRecoveryKeyReplaced: return On(change.recovery_key_replaced());
    case proto::Change::kMemberSupports: return On(change.member_supports());
    case proto::Change::kAdmissionRule: return On(change.admission_rule());
    case proto::Change::kAdmissionRequested: return On(change.admission_requested());
    case proto::Change::kAdmissionApproved: return On(change.admission_approved());
    case proto::Change::kAdmissionWithdrawn: return On(change.admission_withdrawn());
    case proto::Change::BODY_NOT_SET: break;
  }
  return Contradiction("a change without a body");
}

std::uint32_t FeatureLevelOf(const proto::Change& change) noexcept {
  switch (change.body_case()) {
    case proto::Change::kAdmissionRule:
    case proto::Change::kAdmissionRequested:
    case proto::Change::kAdmissionApproved:
    case proto::Change::kAdmissionWithdrawn: return kLevelOfAdmissionRules;
    case proto::Change::kKeyShared: return kLevelOfSharing;
    case proto::Change::kMaterialIdSecret: return kLevelOfImports;
    case proto::Change::kDomainKeyDropped: return kLevelOfDroppedDomainKeys;
    case proto::Change::BODY_NOT_SET: return kFeatureLevel + 1;  // of a type that this software's schema does not have
    default: return 1;
  }
}

Status State::Remember(const std::string& client_id, std::uint32_t command, std::int64_t at_millis,
                       const std::string& answer) {
  RequestName name{{}, command};
  if (client_id.size() != name.first.size()) return Contradiction("a client id of another size");
  std::ranges::copy(AsBytes(client_id), name.first.begin());
  const auto before = answers_.find(name);
  if (before != answers_.end()) answers_by_age_.erase({before->second.at_millis, name});
  answers_.Put(name, Remembrance{at_millis, std::make_shared<const Bytes>(Copy(answer))});
  answers_by_age_.Put({at_millis, name}, {});
  return {};
}

Status State::On(const proto::Genesis& genesis, const Segments& segments) {
  if (lifecycle_ != proto::EMPTY) return Contradiction("a second genesis");
  if (genesis.feature_level() > supported_) return TooNew(genesis.feature_level(), supported_);
  if (genesis.cluster_id().empty() || genesis.csr().empty()) return Contradiction("genesis without id or request");
  Identity identity;
  identity.cluster_id = genesis.cluster_id();
  identity.domain = genesis.domain();
  identity.fips = genesis.fips();
  identity.partition = genesis.partition();
  identity.hsm_serial = genesis.hsm_serial();
  identity.csr = Copy(genesis.csr());
  identity.manufacturer_root = Copy(genesis.manufacturer_root());
  identity.aws_root = Copy(genesis.aws_root());
  identity.recovery_public_key = Copy(genesis.recovery_public_key());
  SR_TRY(identity.cluster_key, SegmentAt(segments, genesis.cluster_key_segment()));
  identity.backup_certificate = Copy(genesis.backup_certificate());
  if (identity.domain) {
    SR_TRY(identity.backup_key, SegmentAt(segments, genesis.backup_key_segment()));
    SR_TRY(identity.manufacturer_key, SegmentAt(segments, genesis.manufacturer_key_segment()));
    SR_TRY(identity.aws_root_key, SegmentAt(segments, genesis.aws_root_key_segment()));
  }
  if (genesis.has_first())
    members_[genesis.first().hsm_id()] = MemberEntry{genesis.first(), Copy(genesis.first_device_certificate())};
  identity_ = std::move(identity);
  epoch_ = 1;
  feature_level_ = std::max(genesis.feature_level(), 1U);
  lifecycle_ = proto::UNINITIALIZED;
  return {};
}

Status State::On(const proto::ClusterCertificate& certificate) {
  if (certificate.certificate().empty() || certificate.trust_anchor().empty())
    return Contradiction("an empty cluster certificate");
  identity_.cluster_certificate = Copy(certificate.certificate());
  identity_.trust_anchor = Copy(certificate.trust_anchor());
  // The domain cluster has no PRECO whose first password would make it active.
  if (lifecycle_ == proto::UNINITIALIZED) lifecycle_ = identity_.domain ? proto::ACTIVE : proto::INITIALIZED;
  return {};
}

Status State::On(const proto::MemberAdmitted& admitted) {
  if (admitted.member().hsm_id().empty() || admitted.device_certificate().empty())
    return Contradiction("an admission of nobody");
  members_[admitted.member().hsm_id()] = MemberEntry{admitted.member(), Copy(admitted.device_certificate())};
  admissions_.erase(admitted.member().hsm_id());
  return {};
}

Status State::On(const proto::MemberSupports& supports) {
  const auto member = members_.find(supports.hsm_id());
  if (member == members_.end()) return Contradiction("the level of " + supports.hsm_id() + ", who is no member");
  if (supports.level() < feature_level_) return Contradiction("a member that supports less than is in use");
  member->second.member.set_feature_level(supports.level());
  return {};
}

std::uint32_t State::common_level() const noexcept {
  std::uint32_t common = supported_;
  for (const auto& [id, entry] : members_) common = std::min(common, std::max(entry.member.feature_level(), 1U));
  return common;
}

Status State::On(const proto::AdmissionRule& rule) {
  admission_needs_approval_ = rule.approval();
  if (!admission_needs_approval_) admissions_.clear();
  return {};
}

Status State::On(const proto::AdmissionRequested& requested) {
  const std::string& hsm_id = requested.member().hsm_id();
  if (!admission_needs_approval_ || hsm_id.empty() || requested.device_certificate().empty())
    return Contradiction("a request for admission");
  admissions_[hsm_id] = Admission{requested.member(), Copy(requested.device_certificate()), 0};
  return {};
}

Status State::On(const proto::AdmissionApproved& approved) {
  const auto found = admissions_.find(approved.hsm_id());
  if (found == admissions_.end() || approved.approved_by() == 0) return Contradiction("an approval of nobody");
  const auto digest = crypto::Sha256(found->second.device_certificate);
  if (!std::ranges::equal(digest, AsBytes(approved.fingerprint())))
    return Contradiction("an approval of another device");
  found->second.approved_by = approved.approved_by();
  return {};
}

Status State::On(const proto::AdmissionWithdrawn& withdrawn) {
  if (admissions_.erase(withdrawn.hsm_id()) == 0) return Contradiction("the withdrawal of no request");
  return {};
}

Status State::On(const proto::EpochStarted& started) {
  if (started.epoch() != epoch_ + 1) return Contradiction("epoch " + std::to_string(started.epoch()));
  for (const std::string& removed : started.removed())
    if (members_.erase(removed) == 0) return Contradiction("removal of " + removed + ", who is no member");
  epoch_ = started.epoch();
  return {};
}

Status State::On(const proto::FeatureLevel& level) {
  if (level.level() > supported_) return TooNew(level.level(), supported_);
  if (level.level() < feature_level_) return Contradiction("the feature level falls");
  feature_level_ = level.level();
  return {};
}

Status State::On(const proto::UserPut& put) {
  const proto::UserInfo& info = put.user();
  const std::string name = Lower(info.name());
  if (info.id() == 0 || name.empty()) return Contradiction("a user without id or name");
  const auto named = user_ids_.find(name);
  if (named != user_ids_.end() && named->second != info.id()) return Contradiction("a user name is taken");
  const auto known = users_.find(info.id());
  if (known == users_.end()) {
    if (info.id() < next_user_id_) return Contradiction("user id " + std::to_string(info.id()) + " again");
    next_user_id_ = info.id() + 1;
    user_ids_[name] = info.id();
  } else if (Lower(known->second.info.name()) != name) {
    return Contradiction("a user's name changes");
  } else if (known->second.info.type() == proto::PRECO && info.type() == proto::CO) {
    lifecycle_ = proto::ACTIVE;
  }
  users_[info.id()] = User{info, put.password_hash()};
  return {};
}

Status State::On(const proto::UserRemoved& removed) {
  const auto known = users_.find(removed.id());
  if (known == users_.end()) return Contradiction("removal of user " + std::to_string(removed.id()));
  user_ids_.erase(Lower(known->second.info.name()));
  users_.erase(known);
  const Keys before = keys_;
  for (const auto& [handle, key] : before)
    if (IsSharedWith(key->info, removed.id())) keys_.Put(handle, SharedAnew(*key, removed.id(), false));
  return {};
}

Status State::On(const proto::LoginFailures& failures) {
  const auto known = users_.find(failures.user_id());
  if (known == users_.end()) return Contradiction("failures of user " + std::to_string(failures.user_id()));
  proto::UserInfo& info = known->second.info;
  info.set_login_failures(failures.failures());
  info.set_locked(failures.failures() >= kFailuresThatLock && info.type() != proto::AU);
  return {};
}

Status State::On(const proto::KeyPut& put, const Segments& segments) {
  const std::uint32_t handle = put.key().handle();
  if (handle == 0) return Contradiction("key handle 0");
  auto key = std::make_shared<Key>();
  key->info = put.key();
  key->public_key = Copy(put.public_key());
  if (put.key().key_class() != proto::PUBLIC) {
    SR_TRY(key->material, SegmentAt(segments, put.segment()));
  } else if (key->public_key.empty()) {
    return Contradiction("a public key without its bytes");
  }
  if (!keys_.contains(handle)) {
    if (handle < next_handle_) return Contradiction("key handle " + std::to_string(handle) + " again");
    next_handle_ = handle + 1;
  }
  keys_.Put(handle, std::move(key));
  return {};
}

Status State::On(const proto::KeyRemoved& removed) {
  if (keys_.erase(removed.handle()) == 0) return Contradiction("removal of key " + std::to_string(removed.handle()));
  return {};
}

Status State::On(const proto::KeyShared& shared) {
  const auto found = keys_.find(shared.handle());
  if (found == keys_.end()) return Contradiction("sharing of key " + std::to_string(shared.handle()));
  const proto::KeyInfo& key = found->second->info;
  if (key.key_class() == proto::PUBLIC || shared.user_id() == key.owner() || !users_.contains(shared.user_id()))
    return Contradiction("sharing with user " + std::to_string(shared.user_id()));
  if (IsSharedWith(key, shared.user_id()) == shared.shared()) return Contradiction("sharing that changes nothing");
  keys_.Put(shared.handle(), SharedAnew(*found->second, shared.user_id(), shared.shared()));
  return {};
}

Status State::On(const proto::FrontEndEnrolled& enrolled) {
  if (!identity_.domain || enrolled.public_key().empty()) return Contradiction("a front end");
  front_ends_[Copy(enrolled.public_key())] = enrolled.name();
  return {};
}

Status State::On(const proto::FrontEndRemoved& removed) {
  if (front_ends_.erase(Copy(removed.public_key())) == 0) return Contradiction("removal of an unknown front end");
  return {};
}

Status State::On(const proto::RecoveryKeyReplaced& replaced) {
  if (!identity_.domain || replaced.public_key().empty()) return Contradiction("a recovery key");
  identity_.recovery_public_key = Copy(replaced.public_key());
  return {};
}

Status State::On(const proto::DomainKeyGeneration& generation, const Segments& segments) {
  if (!identity_.domain || generation.generation() <= newest_domain_key())
    return Contradiction("domain key generation " + std::to_string(generation.generation()));
  SR_TRY(domain_keys_[generation.generation()], SegmentAt(segments, generation.segment()));
  return {};
}

Status State::On(const proto::DomainKeyDropped& dropped) {
  if (dropped.generation() == newest_domain_key() || domain_keys_.erase(dropped.generation()) == 0)
    return Contradiction("the end of domain key generation " + std::to_string(dropped.generation()));
  return {};
}

Status State::On(const proto::MaterialIdSecret& made, const Segments& segments) {
  if (!identity_.domain || material_id_secret_ != nullptr) return Contradiction("a secret for material ids");
  SR_TRY(material_id_secret_, SegmentAt(segments, made.segment()));
  return {};
}

const User* State::FindUser(std::uint32_t id) const {
  const auto found = users_.find(id);
  return found == users_.end() ? nullptr : &found->second;
}

const User* State::FindUser(std::string_view name) const {
  const auto found = user_ids_.find(Lower(name));
  return found == user_ids_.end() ? nullptr : FindUser(found->second);
}

KeyPtr State::FindKey(std::uint32_t handle) const {
  const auto found = keys_.find(handle);
  return found == keys_.end() ? nullptr : found->second;
}

std::uint32_t State::newest_domain_key() const noexcept {
  return domain_keys_.empty() ? 0 : domain_keys_.rbegin()->first;
}

const Bytes* State::Remembered(const wire::ClientId& client, std::uint32_t command) const {
  const auto found = answers_.find(RequestName{client, command});
  return found == answers_.end() ? nullptr : found->second.answer.get();
}

bool IsSharedWith(const proto::KeyInfo& key, std::uint32_t user_id) noexcept {
  return std::ranges::binary_search(key.shared_with(), user_id);
}

Status RequireLevel(const State& state, std::uint32_t level) {
  if (state.feature_level() >= level) return {};
  return Error(Errc::kUnsupported, "Not every HSM of the cluster knows this yet: it needs feature level " +
                                       std::to_string(level) + ", and the cluster is at " +
                                       std::to_string(state.feature_level()) + ". Update strongroom-hsm everywhere.");
}

void ShiftSegments(proto::Change& change, std::uint32_t offset) {
  if (change.has_key_put()) {
    change.mutable_key_put()->set_segment(change.key_put().segment() + offset);
  } else if (change.has_domain_key_generation()) {
    auto* generation = change.mutable_domain_key_generation();
    generation->set_segment(generation->segment() + offset);
  } else if (change.has_material_id_secret()) {
    auto* made = change.mutable_material_id_secret();
    made->set_segment(made->segment() + offset);
  } else if (change.has_genesis()) {
    auto* genesis = change.mutable_genesis();
    genesis->set_cluster_key_segment(genesis->cluster_key_segment() + offset);
    genesis->set_manufacturer_key_segment(genesis->manufacturer_key_segment() + offset);
    genesis->set_aws_root_key_segment(genesis->aws_root_key_segment() + offset);
    genesis->set_backup_key_segment(genesis->backup_key_segment() + offset);
  }
}

}  // namespace strongroom::hsm::replica
