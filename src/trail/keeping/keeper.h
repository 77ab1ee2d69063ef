#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "store/database.h"
#include "trail/keeping/gone.h"
#include "trail/trail.h"

namespace strongroom::trail {

struct KeeperOptions {
  std::filesystem::path directory;  // the trail's
  std::string front_end;
  std::chrono::milliseconds ship_every{1000};
  std::chrono::milliseconds digest_every{std::chrono::hours(1)};
  std::chrono::milliseconds close_every{0};  // segments are closed as often, for who delivers them; 0: at digests
  std::chrono::milliseconds keep{std::chrono::hours(24 * 90)};
  /// Signs with the key of the domain cluster, and its public half (DER SubjectPublicKeyInfo). Both may wait.
  std::function<Result<Bytes>(Bytes message)> sign;
  std::function<Result<Bytes>()> public_key;
  GoneFrontEnds gone;
  std::chrono::milliseconds look_at_gone_every{10'000};
  std::function<std::chrono::steady_clock::time_point()> now = &std::chrono::steady_clock::now;
};

/// On a thread of its own: brings segments to the store, has a digest signed when the front end starts and every
/// period after, and removes segments whose retention is over. Does the last two for front ends that are gone, too.
///
/// Promise   the digest key's public half is kept in the directory from the first digest on, and a store that later has
///           another one is refused: `strongroom audit verify` rests on that file, not on the store.
/// Threads   Start and Stop: one owner.
/// Lifetime  database and trail outlive it.
class Keeper {
 public:
  Keeper(store::Database& database, Trail& trail, KeeperOptions options);
  ~Keeper();

  void Start();
  /// One pass, as the thread takes it: what is due is done. Until when to wait before the next one. Not after Start.
  std::chrono::milliseconds Round();
  /// Brings what is there and ends. The trail must be stopped before, so that this is all. Idempotent.
  void Stop();
  /// Why segments do not get to the store, or digests are not signed; empty when they do.
  std::string failure() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A front end's chain as the store has it.
Result<ChainHead> StoredHead(store::Database& database, const std::string& front_end);
/// The file in which a front end keeps the digest key's public half: PEM.
std::filesystem::path DigestKeyFile(const std::filesystem::path& directory);

}  // namespace strongroom::trail
