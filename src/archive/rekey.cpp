#include <set>

#include "archive/data_keys.h"
#include "archive/operations.h"
#include "archive/snapshot.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/errors.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;

// A header with several wrapping keys and a long context has some 4 KiB.
constexpr std::uint64_t kHeaderBytes = 64 << 10;

class Rekeyer {
 public:
  Rekeyer(const Access& access, esdk::KeyringPtr reading, esdk::KeyringPtr writing, std::set<std::string> wanted)
      : access_(access), reading_(std::move(reading)), writing_(std::move(writing)), wanted_(std::move(wanted)) {}

  /// Whether the snapshot's `keys` are under exactly the new wrapping keys already.
  Result<bool> IsDone(const std::string& snapshot) const {
    SR_TRY(const Bytes head, Head(KeysOf(snapshot)));
    const auto header = esdk::PeekHeader(head);
    if (!header.ok()) return false;
    std::set<std::string> there;
    for (const esdk::EncryptedDataKey& key : header->encrypted_data_keys) there.emplace(AsText(key.provider_info));
    if (there != wanted_) return false;
    const auto kept = ReadDataKeys(access_, snapshot, reading_);
    if (!kept.ok() && !esdk::CodeOf(kept.error())) return kept.error();
    return kept.ok();
  }

  Result<std::size_t> One(const std::string& name) const {
    SR_TRY(const Snapshot snapshot, OpenSnapshot(access_, name));
    // Kept data keys first: after an earlier rekey the wrapping keys in the headers may be gone.
    SR_TRY(auto keyring, WithKeptDataKeys(access_, name, reading_));
    SR_TRY(const esdk::CmmPtr cmm, ReadingCmm(std::move(keyring)));
    esdk::GivenDataKeys keys;
    SR_CHECK(Take(*cmm, ManifestOf(name), keys));
    for (const ObjectFacts& object : snapshot.manifest.objects())
      if (!keys.contains(object.data_key)) SR_CHECK(Take(*cmm, DataPrefixOf(name) + object.name, keys));
    SR_CHECK(WriteDataKeys(access_, name, keys, writing_, snapshot.expected));
    return keys.size();
  }

 private:
  /// The data key of one object, out of its header.
  Status Take(esdk::Cmm& cmm, const std::string& object, esdk::GivenDataKeys& keys) const {
    SR_TRY(const Bytes head, Head(object));
    SR_TRY(esdk::OpenedHeader opened, esdk::OpenHeader(cmm, head));
    SR_TRY(const crypto::Sha256Digest digest, esdk::DigestOf(opened.header.encrypted_data_keys));
    keys.insert_or_assign(digest, std::move(opened.materials.data_key));
    return {};
  }

  /// An object's beginning, which has its header in it.
  Result<Bytes> Head(const std::string& object) const {
    Bytes head;
    const auto got = access_.store->Get(object, aws_client::ByteRange{0, kHeaderBytes}, [&](ByteView bytes) -> Status {
      Append(head, bytes);
      return {};
    });
    if (got.ok()) return head;
    if (got.error().code() == Errc::kNotFound)
      return Error(Errc::kCorrupted, fmt::format("The object {} is missing: its data key cannot be kept.", object));
    return got.error();
  }

  const Access& access_;
  const esdk::KeyringPtr reading_, writing_;
  const std::set<std::string> wanted_;  // names of the new wrapping keys, as headers have them
};

std::set<std::string> NamesOf(const WrappingKeys& keys) {
  std::set<std::string> names(keys.kms_keys.begin(), keys.kms_keys.end());
  for (const OfflineKey& key : keys.offline) names.insert(key.name);
  return names;
}

}  // namespace

Result<RekeyOutcome> Rekey(Access& access, const WrappingKeys& keys, const LocationFile& file,
                           const Reporter& reporter) {
  SR_TRY(const auto snapshots, ListSnapshots(*access.store));
  for (const SnapshotState& snapshot : snapshots)
    if (!snapshot.finished)
      reporter.note(fmt::format("The snapshot '{}' is unfinished and is left as it is.", snapshot.name));
  // From here on what is there may be under old or new keys.
  access.location.next_keys = keys;
  SR_CHECK(file.Replace(access.location));
  SR_TRY(auto reading, access.ReadingKeyring());
  SR_TRY(auto writing, access.WritingKeyring(keys));
  const Rekeyer rekeyer(access, std::move(reading), std::move(writing), NamesOf(keys));
  RekeyOutcome outcome;
  for (const SnapshotState& snapshot : snapshots) {
    if (!snapshot.finished) continue;
    ++outcome.snapshots;
    bool done = false;
    if (snapshot.rekeyed) {
      SR_TRY(done, rekeyer.IsDone(snapshot.name));
    }
    if (done) {
      ++outcome.done_before;
      continue;
    }
    const auto taken = rekeyer.One(snapshot.name);
    if (!taken.ok()) {
      return Error(taken.error().code(),
                   fmt::format("Snapshot '{}': {} The location still has its old keys; say the same "
                               "again to go on.",
                               snapshot.name, taken.error().public_message()));
    }
    outcome.data_keys += *taken;
    reporter.note(fmt::format("{}: {} data keys.", snapshot.name, *taken));
  }
  access.location.keys = keys;
  access.location.next_keys.reset();
  SR_CHECK(file.Replace(access.location));
  return outcome;
}

}  // namespace strongroom::archive
