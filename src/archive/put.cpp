#include <unistd.h>

#include "archive/location_keys.h"
#include "archive/manifest_writer.h"
#include "archive/paths.h"
#include "archive/publish_claim.h"
#include "archive/putter.h"
#include "archive/stored_objects.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;

constexpr std::size_t kNameBytes = 16;

std::string HostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? std::string(name) : std::string();
}

}  // namespace

Status Putter::Prepare() {
  SR_CHECK(CheckName("snapshot", options_.snapshot));
  const auto there = access_.store->Head(ManifestOf(options_.snapshot));
  if (there.ok())
    return Error(Errc::kAlreadyExists, fmt::format("There is a snapshot '{}' already; a snapshot never changes. Choose "
                                                   "another name, or delete it first.",
                                                   options_.snapshot));
  if (there.error().code() != Errc::kNotFound) return there.error();

  context_ = options_.context;
  for (const auto& [name, value] : options_.context)
    if (name.starts_with("strongroom:"))
      return Error(Errc::kInvalidArgument, "Names in the encryption context that begin with 'strongroom:' are taken.");
  context_[std::string(kContextLocation)] = access_.location.id;
  context_[std::string(kContextSnapshot)] = options_.snapshot;
  context_[std::string(kContextPath)] = ContextPath(options_.source);
  SR_TRY(location_keys_, ReadLocationKeys(*access_.store));
  if (location_keys_) SR_CHECK(CheckLocationKeys(access_, *location_keys_, access_.location.keys));
  SR_TRY(auto keyring, access_.WritingKeyring(access_.location.keys));
  esdk::CacheLimits limits;
  limits.max_age = options_.key_age;
  limits.max_messages = options_.key_messages;
  limits.max_bytes = options_.key_bytes;
  SR_TRY(cmm_, esdk::MakeCachingCmm(esdk::MakeDefaultCmm(std::move(keyring)), std::move(limits)));

  SR_TRY(journal_, Journal::Open(access_.location.id, options_.snapshot));
  const pb::JournalHead head = Head();
  if (journal_->resumes()) SR_CHECK(TakeUp(head));
  SR_CHECK(journal_->Begin(head));
  SR_TRY(Spool spool, Spool::Make());
  entries_.emplace(std::move(spool));
  packer_.emplace(*access_.store, DataPrefixOf(options_.snapshot), *cmm_, WithKind(context_, kKindData), options_.pack,
                  journal_.get());
  return {};
}

pb::JournalHead Putter::Head() const {
  pb::JournalHead head;
  head.set_format(1);
  head.set_location_id(access_.location.id);
  head.set_url(access_.location.url);
  head.set_snapshot(options_.snapshot);
  head.set_source(options_.source);
  head.set_signed_objects(options_.pack.sign);
  for (const std::string& key : access_.location.keys.kms_keys) head.add_wrapping_keys(key);
  for (const OfflineKey& key : access_.location.keys.offline) head.add_wrapping_keys(key.name);
  for (const auto& [name, value] : context_) {
    head.add_context(name);
    head.add_context(value);
  }
  return head;
}

/// Decides what of an earlier attempt is used. What is not is deleted once this one's manifest is there, and no sooner:
/// until then it may be what a manifest names that somebody else finishes.
Status Putter::TakeUp(const pb::JournalHead& head) {
  const pb::JournalHead& earlier = journal_->earlier();
  const bool stream = stream_ || earlier.source() == "-";
  if (!stream && (earlier.source() != head.source() || earlier.signed_objects() != head.signed_objects()))
    return Error(Errc::kConflict, fmt::format("There is an unfinished snapshot '{}' of '{}'{}. Finish it, or drop it "
                                              "with `delete`.",
                                              options_.snapshot, Printable(earlier.source()),
                                              earlier.signed_objects() ? " with --sign" : ""));
  if (stream || earlier.SerializeAsString() != head.SerializeAsString()) {
    const auto same = [](const auto& a, const auto& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); };
    // What is stored opens with the keys from before, which may be gone when it is to be read.
    reporter_.note(stream ? "An earlier attempt was interrupted. A stream cannot be taken up again: it is sent anew."
                   : !same(earlier.wrapping_keys(), head.wrapping_keys())
                       ? "The location's keys have changed since an earlier attempt: everything is sent anew."
                       : "An earlier attempt had another encryption context or place: everything is sent anew.");
    journal_->Forget();
    return {};
  }
  StoredObjects stored;
  SR_CHECK(journal_->ForEachStored([&](const ObjectFacts& facts) { return stored.Expect(facts); }));
  const std::uint64_t had = journal_->stored();
  SR_CHECK(stored.Compare(*access_.store, DataPrefixOf(options_.snapshot),
                          [&](const std::string& name, std::string_view) { return journal_->Forget(name); }));
  if (const std::uint64_t lost = had - journal_->stored(); lost > 0)
    reporter_.note(lost == 1
                       ? std::string("1 object of an earlier attempt is not in the store any more: it is sent anew.")
                       : fmt::format("{} objects of an earlier attempt are not in the store any more: they are sent "
                                     "anew.",
                                     lost));
  std::uint64_t bytes = 0;
  SR_CHECK(journal_->ForEachStored([&](const ObjectFacts& facts) -> Status {
    bytes += facts.plaintext_bytes;
    return {};
  }));
  reporter_.note(fmt::format("Going on after an interruption: {} are stored already.", BytesText(bytes)));
  return {};
}

Status Putter::WriteManifest(Spool& sealed) {
  pb::Header header;
  header.set_format(kManifestFormat);
  header.set_location_id(access_.location.id);
  header.set_snapshot(options_.snapshot);
  header.set_created_ms(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  header.set_source(options_.source);
  header.set_stream(stream_);
  header.set_object_bytes(options_.pack.object_bytes);
  header.set_signed_objects(options_.pack.sign);
  header.set_host(HostName());
  header.set_program("strongroom " STRONGROOM_VERSION);
  pb::End end;
  end.set_objects(packer_->objects().size());
  end.set_entries(outcome_.entries);
  end.set_file_bytes(outcome_.file_bytes);
  SR_CHECK(entries_->Flush());
  return SealManifest(*cmm_, WithKind(context_, kKindManifest), {header, packer_->objects(), *entries_, end}, sealed);
}

/// That each object which the manifest is to name is in the store.
Status Putter::CheckStored() const {
  StoredObjects named;
  for (std::uint64_t i = 0; i < packer_->objects().size(); ++i) {
    SR_TRY(const ObjectFacts facts, packer_->objects().At(i));
    SR_CHECK(named.Expect(facts));
  }
  return named.Compare(
      *access_.store, DataPrefixOf(options_.snapshot), [&](const std::string& name, std::string_view what) -> Status {
        return Error(Errc::kCorrupted,
                     fmt::format("The object {}{} {}, although the store had taken it: somebody deletes "
                                 "there. The snapshot is not made; say the same again, and what is "
                                 "missing is sent anew.",
                                 DataPrefixOf(options_.snapshot), name, what));
      });
}

/// That no `rekey`, here or on another machine, has made other keys the location's, since nobody would wrap this
/// snapshot's data keys again.
Status Putter::CheckKeys() const {
  const Error changed(
      Errc::kConflict,
      "The location's keys have changed while this snapshot was sent, and the snapshot is not made. Say "
      "the same again: everything is sent anew, under the keys from now on.");
  if (options_.location_now) {
    const auto now = options_.location_now();
    if (!now.ok() && now.error().code() != Errc::kNotFound) return now.error();
    if (now.ok() && (now->id != access_.location.id || now->keys != access_.location.keys)) return changed;
  }
  SR_TRY(const auto keys, ReadLocationKeys(*access_.store));
  if (keys == location_keys_) return {};
  return keys ? CheckLocationKeys(access_, *keys, access_.location.keys) : Status();
}

Status Putter::Publish(const Spool& sealed) {
  SR_CHECK(CheckKeys());
  const std::string name = ManifestOf(options_.snapshot);
  SR_TRY(std::string own, journal_->ClaimName());
  PublishClaim claim(*access_.store, ClaimsOf(options_.snapshot), std::move(own));
  if (access_.location.is_s3()) {
    SR_TRY(const bool refuses, claim.ServerRefusesSecond());
    if (!refuses) {
      SR_CHECK(claim.Take());
      const auto there = access_.store->Head(name);
      if (there.ok()) return SomebodyElses();
      if (there.error().code() != Errc::kNotFound) return there.error();
    }
  }
  const Status sent = PutOnce(*access_.store, name, sealed);
  if (!sent.ok() && sent.error().code() != Errc::kAlreadyExists) return sent;
  // An answer may have been lost on its way: then the manifest that is there is this one. What counts is what stands
  // there.
  if (!sent.ok() || access_.location.is_s3()) {
    SR_TRY(const bool ours, IsStored(*access_.store, name, sealed));
    if (!ours) return SomebodyElses();
  }
  const Status keys = CheckKeys();
  if (keys.ok()) return {};
  // A rekey that saw the manifest has taken care of it.
  if (access_.store->Head(KeysOf(options_.snapshot)).ok()) return {};
  SR_CHECK(access_.store->Delete(std::span(&name, 1)));
  return keys;
}

Status Putter::DropOwn() {
  // Names of this run are nobody else's. What earlier runs sent may be what the other manifest names, where two
  // machines have the same journal.
  TempTable ours;
  const auto put = [&](ByteView name) { return ours.Put(name, {}); };
  for (std::uint64_t i = 0; i < packer_->objects().size(); ++i) {
    SR_TRY(const ObjectFacts facts, packer_->objects().At(i));
    SR_TRY(const bool reused, packer_->IsReused(facts));
    if (!reused) SR_CHECK(put(ByteView(Pack(facts)).first(kNameBytes)));
  }
  if (const auto theirs = OpenSnapshot(access_, options_.snapshot); theirs.ok()) {
    SR_CHECK(journal_->started().ForEach([&](ByteView name, ByteView) { return put(name); }));
    for (std::uint64_t i = 0; i < theirs->manifest.objects().size(); ++i) {
      SR_TRY(const ObjectFacts facts, theirs->manifest.objects().At(i));
      SR_CHECK(ours.Erase(ByteView(Pack(facts)).first(kNameBytes)));
    }
  }
  return DeleteObjects(*access_.store, DataPrefixOf(options_.snapshot), ours);
}

Error Putter::SomebodyElses() {
  const Status deleted = DropOwn();
  if (!deleted.ok())
    reporter_.note("What this attempt had sent could not be deleted: " + deleted.error().public_message());
  (void)journal_->Remove().ok();
  return Error(Errc::kAlreadyExists,
               fmt::format("Somebody else has finished a snapshot '{}' meanwhile; theirs stands, and "
                           "what this attempt had sent is deleted.",
                           options_.snapshot));
}

/// Objects of earlier runs that the manifest does not name, and uploads that nobody will end.
Status Putter::DropUnused() {
  const std::string prefix = DataPrefixOf(options_.snapshot);
  TempTable unused;
  SR_CHECK(journal_->started().ForEach([&](ByteView name, ByteView) { return unused.Put(name, {}); }));
  for (std::uint64_t i = 0; i < packer_->objects().size() && unused.size() > 0; ++i) {
    SR_TRY(const ObjectFacts facts, packer_->objects().At(i));
    SR_CHECK(unused.Erase(ByteView(Pack(facts)).first(kNameBytes)));
  }
  SR_CHECK(unused.ForEach([&](ByteView raw, ByteView) -> Status {
    const std::string name = Hex(raw);
    SR_TRY(const auto stored, journal_->StoredFacts(name));
    if (stored) return {};
    const auto dropped = access_.store->DropUnfinishedUploads(prefix + name, std::chrono::seconds(0));
    return dropped.ok() ? Status() : Status(dropped.error());
  }));
  return DeleteObjects(*access_.store, prefix, unused);
}

Result<PutOutcome> Putter::Run() {
  SR_CHECK(Prepare());
  SR_CHECK(stream_ ? ReadStream() : ReadTree());
  SR_CHECK(packer_->Finish());
  SR_CHECK(CheckStored());
  SR_TRY(Spool sealed, Spool::Make());
  SR_CHECK(WriteManifest(sealed));
  SR_CHECK(Publish(sealed));
  const Status dropped = DropUnused();
  if (!dropped.ok()) reporter_.note("Left-overs of an earlier attempt remain: " + dropped.error().public_message());
  SR_CHECK(journal_->Remove());
  outcome_.objects = packer_->objects().size();
  outcome_.seconds = progress_->seconds();
  progress_->Done();
  return std::move(outcome_);
}

Result<PutOutcome> Put(const Access& access, const PutOptions& options, const Reporter& reporter) {
  return Putter(access, options, reporter).Run();
}

}  // namespace strongroom::archive
