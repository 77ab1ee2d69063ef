#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "archive/journal.h"
#include "archive/object_table.h"
#include "archive/temp_table.h"
#include "aws_client/object_store.h"
#include "encryption_sdk/encryptor.h"

namespace strongroom::archive {

inline constexpr std::uint64_t kSmallestObject = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kDefaultObject = std::uint64_t{32} << 20;
/// What is read is held in memory, one object per thread.
inline constexpr std::uint64_t kLargestObject = std::uint64_t{64} << 20;
inline constexpr std::size_t kPartBytes = std::size_t{8} << 20;

struct PackOptions {
  std::uint64_t object_bytes = kDefaultObject;
  bool sign = false;
  unsigned uploads = 4;  // parts on their way at once, each of 8 MiB
  unsigned encrypt_threads = 0;
};

/// Where bytes went.
struct Placed {
  std::uint64_t object = 0, object_offset = 0, length = 0;
};

/// Puts bytes one after another into data objects: encrypts them as they come and sends them in parts, several at once,
/// while the next ones are read.
///
/// Memory   (uploads + 2) parts, a few frames, and what ObjectTable and TempTable take.
/// Errors   the first that anything had; it comes from the next call, and the packer is then of no more use.
/// Threads  one.
class Packer {
 public:
  /// `prefix` goes before an object's name. `cmm` and `store` outlive the packer; so does `journal`, which may be null.
  Packer(aws_client::ObjectStore& store, std::string prefix, encryption_sdk::Cmm& cmm,
         encryption_sdk::EncryptionContext context, const PackOptions& options, Journal* journal);
  ~Packer();

  /// `placed` is called once for each object that has a part of `bytes`.
  Status Append(ByteView bytes, const std::function<Status(const Placed& placed)>& placed);
  /// The number of an object that is stored already.
  Result<std::uint64_t> Reuse(const ObjectFacts& facts);
  Result<std::string> NameOf(std::uint64_t object) const;
  /// Ends the last object and waits until all are stored.
  Status Finish();
  /// After Finish: all objects by their numbers.
  const ObjectTable& objects() const noexcept { return objects_; }
  /// Whether the object was stored by an earlier run, so that its name may be known elsewhere.
  Result<bool> IsReused(const ObjectFacts& facts) const;

 private:
  struct Object;
  struct Job {
    std::shared_ptr<Object> object;
    std::uint32_t number = 0;
    Bytes bytes;
    bool only = false;  // the object's one part
  };
  Status BeginObject();
  Status EndObject();
  Status Collect(ByteView message);
  Status Send(Bytes part, bool only);
  Status SendPart(Job& job);
  Status Failure();
  void Work(const std::stop_token& stop);

  aws_client::ObjectStore& store_;
  const std::string prefix_;
  encryption_sdk::Cmm& cmm_;
  const encryption_sdk::EncryptionContext context_;
  const PackOptions options_;
  Journal* const journal_;

  ObjectTable objects_;
  TempTable reused_;  // numbers by name
  std::shared_ptr<Object> current_;
  std::optional<encryption_sdk::Encryptor> encryptor_;
  std::uint64_t room_ = 0, filled_ = 0;
  Bytes part_;

  std::mutex mutex_;
  std::condition_variable_any work_, space_;
  std::deque<Job> jobs_;
  std::vector<Bytes> spare_;
  std::size_t parts_ = 0;    // in use, the one being filled included
  std::size_t pending_ = 0;  // jobs not yet done
  std::optional<Error> failed_;
  std::vector<std::jthread> workers_;  // last: they end first
};

/// 32 random hex digits.
Result<std::string> NewObjectName();

}  // namespace strongroom::archive
