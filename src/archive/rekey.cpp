#include <fmt/ranges.h>

#include <set>

#include "archive/data_keys.h"
#include "archive/location_keys.h"
#include "archive/operations.h"
#include "archive/paths.h"
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
  /// `checking` opens with the new keys alone; null where only keys in a safe could.
  Rekeyer(const Access& access, esdk::KeyringPtr reading, esdk::KeyringPtr writing, esdk::KeyringPtr checking,
          std::set<std::string> wanted)
      : access_(access),
        reading_(std::move(reading)),
        writing_(std::move(writing)),
        checking_(std::move(checking)),
        wanted_(std::move(wanted)) {}

  /// Whether the snapshot's `keys` are under exactly the new wrapping keys already, and are all that it needs.
  Result<bool> IsDone(const std::string& snapshot) const {
    SR_TRY(const Bytes head, Head(KeysOf(snapshot)));
    const auto header = esdk::PeekHeader(head);
    if (!header.ok()) return false;
    std::set<std::string> there;
    for (const esdk::EncryptedDataKey& key : header->encrypted_data_keys) there.emplace(AsText(key.provider_info));
    if (there != wanted_) return false;
    const auto kept = ReadDataKeys(access_, snapshot, checking_ ? checking_ : reading_);
    if (!kept.ok() && !esdk::CodeOf(kept.error())) return kept.error();
    if (!kept.ok()) return false;
    SR_TRY(const Snapshot opened, OpenSnapshot(access_, snapshot));
    return Needs(opened, *kept).ok();
  }

  Result<std::size_t> One(const std::string& name) const {
    SR_TRY(const Snapshot snapshot, OpenSnapshot(access_, name));
    // Kept data keys first: after an earlier rekey the wrapping keys in the headers may be gone.
    SR_TRY(auto keyring, WithKeptDataKeys(access_, name, reading_));
    SR_TRY(const esdk::CmmPtr cmm, ReadingCmm(std::move(keyring)));
    esdk::GivenDataKeys keys;
    SR_CHECK(Take(*cmm, ManifestOf(name), keys));
    for (std::uint64_t i = 0; i < snapshot.manifest.objects().size(); ++i) {
      SR_TRY(const ObjectFacts object, snapshot.manifest.objects().At(i));
      if (!keys.contains(object.data_key)) SR_CHECK(Take(*cmm, DataPrefixOf(name) + object.name, keys));
    }
    SR_CHECK(Needs(snapshot, keys));
    SR_CHECK(WriteDataKeys(access_, name, keys, writing_, snapshot.expected, checking_));
    if (!checking_) return keys.size();
    // What the new keys do not open must not be all that there is, once the old ones are gone.
    SR_TRY(const esdk::GivenDataKeys back, ReadDataKeys(access_, name, checking_));
    SR_CHECK(Needs(snapshot, back));
    return keys.size();
  }

 private:
  /// That `keys` has the manifest's data key and those of all its objects.
  Status Needs(const Snapshot& snapshot, const esdk::GivenDataKeys& keys) const {
    SR_TRY(const crypto::Sha256Digest own, esdk::DigestOf(snapshot.header.encrypted_data_keys));
    if (!keys.contains(own))
      return Error(Errc::kCorrupted,
                   "The manifest was exchanged as it was read: its data key is not among those kept.");
    for (std::uint64_t i = 0; i < snapshot.manifest.objects().size(); ++i) {
      SR_TRY(const ObjectFacts object, snapshot.manifest.objects().At(i));
      if (!keys.contains(object.data_key))
        return Error(Errc::kCorrupted, fmt::format("The object {} is not under the data key that the manifest names.",
                                                   Printable(DataPrefixOf(snapshot.name) + object.name)));
    }
    return {};
  }

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
  const esdk::KeyringPtr reading_, writing_, checking_;
  const std::set<std::string> wanted_;  // names of the new wrapping keys, as headers have them
};

std::set<std::string> NamesOf(const WrappingKeys& keys) {
  std::set<std::string> names(keys.kms_keys.begin(), keys.kms_keys.end());
  for (const OfflineKey& key : keys.offline) names.insert(key.name);
  return names;
}

/// The keys beside the target's that an unfinished rekey still reads with.
const WrappingKeys& Other(const Location& location) {
  return location.next_keys ? location.keys : *location.previous_keys;
}

/// Makes `keys` what the location's are to be, with those that it has, or was on its way to, still known.
void Aim(Location& location, const WrappingKeys& keys) {
  if (!location.rekey_unfinished()) {
    location.next_keys = keys;
  } else if (location.target_keys() != keys) {
    std::swap(location.next_keys, location.previous_keys);
  }
}

/// Every finished snapshot that is not in `seen` yet.
Status RekeyNew(const Access& access, const Rekeyer& rekeyer, const Reporter& reporter, std::set<std::string>& seen,
                RekeyOutcome& outcome) {
  SR_TRY(const auto snapshots, ListSnapshots(*access.store));
  for (const SnapshotState& snapshot : snapshots) {
    if (!snapshot.finished || !seen.insert(snapshot.name).second) continue;
    bool done = false;
    if (snapshot.rekeyed) {
      SR_TRY(done, rekeyer.IsDone(snapshot.name));
    }
    ++outcome.snapshots;
    if (done) {
      ++outcome.done_before;
      continue;
    }
    const auto taken = rekeyer.One(snapshot.name);
    if (!taken.ok())
      return Error(taken.error().code(),
                   fmt::format("Snapshot '{}': {} The rekey is not through, and the old keys are still needed; say the "
                               "same again to go on.",
                               snapshot.name, taken.error().public_message()));
    outcome.data_keys += *taken;
    reporter.note(fmt::format("{}: {} data key{}.", snapshot.name, *taken, *taken == 1 ? "" : "s"));
  }
  return {};
}

}  // namespace

Result<RekeyOutcome> Rekey(Access& access, const WrappingKeys& keys, const LocationFile& file,
                           const Reporter& reporter) {
  Location& location = access.location;
  const bool goes_on = location.rekey_unfinished();
  // Going back is fine, too: both sides' keys are known.
  if (goes_on && location.target_keys() != keys && Other(location) != keys)
    return Error(
        Errc::kConflict,
        fmt::format("A rekey of location '{}' to other keys is not through: some snapshots may open with those "
                    "alone. Finish it first: `rekey {}` without options goes on to {}.",
                    location.name, location.name, fmt::join(NamesOf(location.target_keys()), ", ")));
  // All that can be wrong with the new keys themselves comes before anything is changed.
  SR_TRY(auto writing, access.WritingKeyring(keys));
  esdk::KeyringPtr checking;
  if (!keys.kms_keys.empty()) {
    SR_TRY(checking, access.KmsKeyring(keys.kms_keys));
  }
  // What another machine has made the location's keys: these, or the rekey starts from them.
  SR_TRY(const auto word, ReadLocationKeys(*access.store));
  if (word) {
    const Status same = CheckLocationKeys(access, *word, location.keys);
    if (!same.ok() && !CheckLocationKeys(access, *word, keys).ok() &&
        !(goes_on && CheckLocationKeys(access, *word, Other(location)).ok()) && same.error().code() != Errc::kCorrupted)
      return same.error();
  }
  Aim(location, keys);
  SR_TRY(auto reading, access.ReadingKeyring());
  for (const Check& check : TestKeys(access, keys))
    if (!check.error.empty())
      return Error(check.code, fmt::format("Nothing is changed, since {} does not work: {}", check.what, check.error));
  // From here on what is there may be under old or new keys.
  SR_CHECK(file.Replace(location));
  const Rekeyer rekeyer(access, std::move(reading), std::move(writing), std::move(checking), NamesOf(keys));
  RekeyOutcome outcome;
  std::set<std::string> seen;
  for (std::optional<std::size_t> had; had != seen.size();) {
    had = seen.size();
    SR_CHECK(RekeyNew(access, rekeyer, reporter, seen, outcome));
  }
  if (location.next_keys) {
    location.previous_keys = std::exchange(location.keys, *std::exchange(location.next_keys, std::nullopt));
    SR_CHECK(file.Replace(location));
  }
  const Status told = WriteLocationKeys(access, keys);
  if (!told.ok())
    return Error(
        told.error().code(),
        fmt::format("The new keys could not be left in {} for other machines: {} The rekey is not through; say "
                    "the same again to go on.",
                    access.store->Description(), told.error().public_message()));
  // A `put` which finishes from here on sees that the keys are others. What came in between is taken along.
  SR_CHECK(RekeyNew(access, rekeyer, reporter, seen, outcome));
  SR_TRY(const auto snapshots, ListSnapshots(*access.store));
  for (const SnapshotState& snapshot : snapshots) {
    if (snapshot.finished) continue;
    outcome.unfinished.push_back(snapshot.name);
    reporter.note(
        fmt::format("The snapshot '{}' is unfinished: what is stored of it may be under the old keys, and its "
                    "`put`, said again, sends that anew. `delete` drops it.",
                    snapshot.name));
  }
  location.previous_keys.reset();
  SR_CHECK(file.Replace(location));
  return outcome;
}

}  // namespace strongroom::archive
