#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "hsm/replica/shared_map.h"
#include "hsm/vault_sealer.h"
#include "log.pb.h"
#include "wire/frame.h"

namespace strongroom::hsm::replica {

using Segments = std::vector<SharedSecret>;

/// The newest feature level that this software knows. A record of a higher one stops the HSM.
inline constexpr std::uint32_t kFeatureLevel = 5;
/// The level from which on a change of this type may be in the log (docs/formats.md 2); above kFeatureLevel when its
/// type is not known.
std::uint32_t FeatureLevelOf(const proto::Change& change) noexcept;
/// The levels at which changes of a type begin, by name.
inline constexpr std::uint32_t kLevelOfAdmissionRules = 2;
inline constexpr std::uint32_t kLevelOfSharing = 3;
inline constexpr std::uint32_t kLevelOfImports = 4;
inline constexpr std::uint32_t kLevelOfDroppedDomainKeys = 5;
/// Wrong passwords in a row that lock a user (cloudhsm.md 5.3); an AU never locks.
inline constexpr std::uint32_t kFailuresThatLock = 5;
/// How long a client's command is remembered with its answer, by the records' own time.
inline constexpr std::int64_t kRememberedMillis = 10 * 60 * 1000;

/// A key of the cluster. Never changed once in a state: a change puts another object in its place, so whoever holds the
/// pointer holds the key as it was.
struct Key {
  proto::KeyInfo info;
  SharedSecret material;  // 1..n bytes (AES, generic) or PKCS#8; null for a public key
  Bytes public_key;       // DER SubjectPublicKeyInfo; empty for secret keys
};
using KeyPtr = std::shared_ptr<const Key>;
/// Whether the owner shares it with this user.
bool IsSharedWith(const proto::KeyInfo& key, std::uint32_t user_id) noexcept;

struct User {
  proto::UserInfo info;
  std::string password_hash;  // as crypto::HashPassword makes it; empty: no password ever matches
};

struct MemberEntry {
  proto::Member member;
  Bytes device_certificate;  // DER, under the manufacturer root
};

/// A new HSM that waits for an officer's approval.
struct Admission {
  proto::Member member;
  Bytes device_certificate;       // DER
  std::uint32_t approved_by = 0;  // user id; 0: not yet
};

/// What the genesis record says once and for all, and the cluster certificate.
struct Identity {
  std::string cluster_id;
  bool domain = false, fips = false;
  std::uint32_t partition = 0;
  std::string hsm_serial;                       // of the first HSM: 30 upper-case hex digits
  Bytes csr;                                    // DER
  Bytes manufacturer_root, aws_root;            // DER
  Bytes recovery_public_key;                    // DER SubjectPublicKeyInfo; domain only
  SharedSecret cluster_key;                     // PKCS#8
  SharedSecret manufacturer_key, aws_root_key;  // PKCS#8; domain only, else null
  Bytes backup_certificate;                     // DER, of the deployment backup key
  SharedSecret backup_key;                      // PKCS#8, its private half; domain only, else null
  Bytes cluster_certificate, trust_anchor;      // DER; empty until the cluster is initialised
};

/// The cluster's state machine: the same changes in the same order give the same state in every HSM. It knows no clock,
/// file or network; times come from the records. A copy shares keys, answers and secrets with what it was made from.
///
/// Threads   one loop. References into a state do not survive the next change: hold KeyPtr or copies across co_await.
class State {
 public:
  /// Lifecycle EMPTY. `supported` is the newest feature level that this HSM takes.
  explicit State(std::uint32_t supported = kFeatureLevel) : supported_(supported) {}

  /// Starts a record written at `written_millis`: forgets answers that have become too old.
  /// Errors: kCorrupted when the time runs backwards.
  Status BeginRecord(std::int64_t written_millis);
  /// Applies one change of that record; segment numbers in it refer to `segments`.
  /// Errors: kCorrupted for an unknown change, an unknown feature level, or one that contradicts the state: this HSM
  /// must stop serving. The state may then be half changed and is not to be used.
  Status Apply(const proto::Change& change, const Segments& segments);
  /// Both, for a whole record.
  Status ApplyBatch(const proto::LogBatch& batch, const Segments& segments);

  /// The state as changes that build it anew; equal states give equal bytes.
  std::pair<proto::SnapshotBody, Segments> ToSnapshot() const;
  /// Errors: kCorrupted.
  static Result<State> FromSnapshot(const proto::SnapshotBody& body, const Segments& segments,
                                    std::uint32_t supported = kFeatureLevel);
  /// SHA-256 over everything in the state, secrets included.
  crypto::Sha256Digest Digest() const;

  const Identity& identity() const noexcept { return identity_; }
  proto::Lifecycle lifecycle() const noexcept { return lifecycle_; }
  std::uint64_t epoch() const noexcept { return epoch_; }
  std::uint32_t feature_level() const noexcept { return feature_level_; }
  /// The newest level that every member's software knows.
  std::uint32_t common_level() const noexcept;
  std::int64_t written_millis() const noexcept { return written_millis_; }

  const std::map<std::uint32_t, User>& users() const noexcept { return users_; }
  const User* FindUser(std::uint32_t id) const;
  /// Names are case-insensitive and one name has one type (cloudhsm.md 5.3): the caller compares the type.
  const User* FindUser(std::string_view name) const;
  /// The id that the next new user must have.
  std::uint32_t next_user_id() const noexcept { return next_user_id_; }

  using Keys = SharedMap<std::uint32_t, KeyPtr>;
  const Keys& keys() const noexcept { return keys_; }
  /// Null when there is none.
  KeyPtr FindKey(std::uint32_t handle) const;
  /// The handle that the next new key must have.
  std::uint32_t next_handle() const noexcept { return next_handle_; }

  const std::map<std::string, MemberEntry>& members() const noexcept { return members_; }
  /// Whether a new HSM needs an officer's approval, and those that wait for it, by HSM id.
  bool admission_needs_approval() const noexcept { return admission_needs_approval_; }
  const std::map<std::string, Admission>& admissions() const noexcept { return admissions_; }
  /// By DER SubjectPublicKeyInfo; the value is the name.
  const std::map<Bytes, std::string>& front_ends() const noexcept { return front_ends_; }
  const std::map<std::uint32_t, SharedSecret>& domain_keys() const noexcept { return domain_keys_; }
  /// 0: none yet.
  std::uint32_t newest_domain_key() const noexcept;
  /// What ids of imported key material are computed with, 32 bytes; null while there is none. Domain cluster only.
  const SharedSecret& material_id_secret() const noexcept { return material_id_secret_; }

  /// The answer that this client's command got; null when it is not remembered.
  const Bytes* Remembered(const wire::ClientId& client, std::uint32_t command) const;

 private:
  struct Remembrance {
    std::int64_t at_millis = 0;
    std::shared_ptr<const Bytes> answer;
  };
  using RequestName = std::pair<wire::ClientId, std::uint32_t>;  // and the command

  Status ApplyBody(const proto::Change& change, const Segments& segments);
  Status On(const proto::Genesis& genesis, const Segments& segments);
  Status On(const proto::ClusterCertificate& certificate);
  Status On(const proto::MemberAdmitted& admitted);
  Status On(const proto::EpochStarted& started);
  Status On(const proto::MemberSupports& supports);
  Status On(const proto::AdmissionRule& rule);
  Status On(const proto::AdmissionRequested& requested);
  Status On(const proto::AdmissionApproved& approved);
  Status On(const proto::AdmissionWithdrawn& withdrawn);
  Status On(const proto::FeatureLevel& level);
  Status On(const proto::UserPut& put);
  Status On(const proto::UserRemoved& removed);
  Status On(const proto::LoginFailures& failures);
  Status On(const proto::KeyPut& put, const Segments& segments);
  Status On(const proto::KeyRemoved& removed);
  Status On(const proto::KeyShared& shared);
  Status On(const proto::FrontEndEnrolled& enrolled);
  Status On(const proto::FrontEndRemoved& removed);
  Status On(const proto::RecoveryKeyReplaced& replaced);
  Status On(const proto::DomainKeyGeneration& generation, const Segments& segments);
  Status On(const proto::DomainKeyDropped& dropped);
  Status On(const proto::MaterialIdSecret& made, const Segments& segments);
  Status Remember(const std::string& client_id, std::uint32_t command, std::int64_t at_millis,
                  const std::string& answer);

  std::uint32_t supported_;
  Identity identity_;
  proto::Lifecycle lifecycle_ = proto::EMPTY;
  std::uint64_t epoch_ = 0;
  std::uint32_t feature_level_ = 0;
  std::int64_t written_millis_ = 0;
  std::map<std::uint32_t, User> users_;
  std::map<std::string, std::uint32_t> user_ids_;  // by lower-case name
  std::uint32_t next_user_id_ = 1;
  Keys keys_;
  std::uint32_t next_handle_ = 1;
  std::map<std::string, MemberEntry> members_;
  bool admission_needs_approval_ = false;
  std::map<std::string, Admission> admissions_;
  std::map<Bytes, std::string> front_ends_;
  std::map<std::uint32_t, SharedSecret> domain_keys_;
  SharedSecret material_id_secret_;
  SharedMap<RequestName, Remembrance> answers_;
  SharedMap<std::pair<std::int64_t, RequestName>, std::monostate> answers_by_age_;
};

/// Whether changes that begin at this level may be proposed. Errors: kUnsupported while a member does not know them.
Status RequireLevel(const State& state, std::uint32_t level);

/// Adds `offset` to every segment number in the change, for a change that joins others in one record.
void ShiftSegments(proto::Change& change, std::uint32_t offset);

}  // namespace strongroom::hsm::replica
