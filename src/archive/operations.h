#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "archive/access.h"
#include "archive/packer.h"
#include "archive/progress.h"
#include "archive/tree_writer.h"

namespace strongroom::archive {

/// What went less than well with single files or objects. `lines` stops at a thousand; `count` goes on.
struct Problems {
  std::uint64_t count = 0;
  std::vector<std::string> lines;
};

/// How operations speak to people while they work.
struct Reporter {
  ProgressStyle style = ProgressStyle::kNone;
  /// One problem, at once; also kept in the outcome.
  std::function<void(std::string_view line)> problem = [](std::string_view) {};
  /// What is being done, for people.
  std::function<void(std::string_view line)> note = [](std::string_view) {};
};

struct PutOptions {
  std::string source;    // a path, or "-"
  std::string snapshot;  // its name
  encryption_sdk::EncryptionContext context{};
  PackOptions pack{};
  WalkOptions walk{};
  /// A data key's life: then KMS makes another one.
  std::uint64_t key_messages = 1 << 16;
  std::uint64_t key_bytes = std::uint64_t{1} << 40;
  std::chrono::milliseconds key_age = std::chrono::hours(1);
  /// The location as its file has it now; asked before the manifest is written, since a `rekey` may have come between.
  std::function<Result<Location>()> location_now{};
};
struct PutOutcome {
  std::uint64_t entries = 0, file_bytes = 0;  // of the snapshot
  std::uint64_t objects = 0, sent_bytes = 0;  // `sent_bytes`: read and encrypted in this run
  std::uint64_t reused_bytes = 0;             // stored by an earlier run
  double seconds = 0;
  Problems problems;  // files that changed, vanished or could not be read
};
/// Errors: kAlreadyExists (the snapshot is there); kConflict (an unfinished one of another source, or another process
/// works on it, or the location's keys have changed meanwhile); kNotFound (the source); kCorrupted (the store has lost
/// what it took); of KMS and store. The snapshot exists when this succeeds, and not otherwise.
Result<PutOutcome> Put(const Access& access, const PutOptions& options, const Reporter& reporter);

struct RestoreOptions {
  std::string snapshot;
  std::string target;              // a directory
  std::vector<std::string> paths;  // only these and what is in them; none: everything
  RestoreRules rules{};
};
struct RestoreOutcome {
  std::uint64_t entries = 0, file_bytes = 0;
  double seconds = 0;
  Problems problems;
};
/// Errors: kNotFound (snapshot, path), kAlreadyExists (the target is not empty), kInvalidArgument (the snapshot is a
/// stream). Damaged objects cost their files, which are named among the problems.
Result<RestoreOutcome> Restore(const Access& access, const RestoreOptions& options, const Reporter& reporter);

/// One file, or the stream, to a descriptor. Bytes are written once their object has been verified, in order; after an
/// error what was written is to be thrown away. Errors: kNotFound, kInvalidArgument (no file), kCancelled (broken
/// pipe).
struct GetOptions {
  std::string snapshot, path;  // "-": the stream
  int output = 1;
};
struct GetOutcome {
  std::uint64_t bytes = 0;
  bool incomplete = false;  // `put` could read the file up to here only
};
Result<GetOutcome> Get(const Access& access, const GetOptions& options, const Reporter& reporter);

struct VerifyOutcome {
  std::uint64_t objects = 0, entries = 0, bytes = 0;
  double seconds = 0;
  std::vector<std::string> unknown;  // objects that the manifest does not name
  Problems problems;                 // missing, altered, exchanged
  std::uint64_t incomplete = 0;      // files of which `put` could read a part only; reported as problems are
};
/// `quick`: presence and size only.
Result<VerifyOutcome> Verify(const Access& access, const std::string& snapshot, bool quick, const Reporter& reporter);

/// The manifest first, so that nothing half there is ever taken for a snapshot. Errors: kNotFound.
Status Delete(const Access& access, const std::string& snapshot, const Reporter& reporter);

struct RekeyOutcome {
  std::uint64_t snapshots = 0, done_before = 0, data_keys = 0;
  /// Unfinished snapshots: what is stored of them is under old keys still, and their `put` sends everything anew. The
  /// rekey is through, but whoever goes by the exit status is to hear of them (kExitIncomplete).
  std::vector<std::string> unfinished{};
};
/// Puts the data keys of every snapshot under `keys`, makes them the location's, and leaves word of it there for other
/// machines (location_keys.h). Data and manifests stay as they are. May be repeated after an interruption; until it is
/// through, what is there opens with old and new keys. On a machine that missed a rekey, the same again takes it over.
/// Errors: kConflict (one to other keys is not through, or another machine's was to others); kInvalidArgument (related
/// multi-Region keys); of the new keys' trial, before anything is changed.
Result<RekeyOutcome> Rekey(Access& access, const WrappingKeys& keys, const LocationFile& file,
                           const Reporter& reporter);

/// What `location add` and `location test` look at: one line for each permission.
struct Check {
  std::string what;   // "kms:GenerateDataKey on arn:…"
  std::string error;  // empty: fine
  Errc code = Errc::kInternal;
};
/// Everything that put, restore and delete need. Leaves nothing behind.
std::vector<Check> TestLocation(const Access& access);
/// The same for KMS keys that are to become the location's.
std::vector<Check> TestKeys(const Access& access, const WrappingKeys& keys);
/// Key ids, aliases and ARNs to key ARNs that can encrypt. Errors: explained ones of KMS; kInvalidArgument for a key of
/// the wrong kind.
Result<std::vector<std::string>> ResolveKeys(const Access& access, const std::vector<std::string>& given,
                                             const std::string& region);

}  // namespace strongroom::archive
