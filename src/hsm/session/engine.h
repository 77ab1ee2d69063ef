#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "hsm/replica/replica.h"
#include "hsm/session/audit_log.h"
#include "hsm/session/registry.h"
#include "hsm/session/worker_pool.h"
#include "hsm/users/lockout.h"
#include "hsm/vault/key_pair_pool.h"
#include "hsm/vault/vault.h"

namespace strongroom::hsm {

/// The points on a change's way through a session at which tests end the process; between kAdmitted and kAnswering
/// there are those of replica::Step.
enum class SessionStep : std::uint8_t { kReceived, kAdmitted, kAnswering, kAnswered };

struct EngineOptions {
  std::string version = "0";
  std::size_t cached_tokens = 65536;
  std::size_t crypto_threads = 2;
  std::size_t passwords_queued = 64;
  KeyPairPool::Stock stock = {};
  /// After a wrong password the connection's next login is looked at no sooner than this.
  std::chrono::milliseconds login_pause{250};
  std::uint32_t max_keys = 3300;  // of a cluster; spec/cloudhsm.md 1.4
  std::function<std::int64_t()> now_millis;
  std::function<void(SessionStep)> at_step;  // tests only
};

/// Everything that commands reach, in one place. Owned by main; sessions and commands refer to it.
struct Engine {
  Engine(Loop& the_loop, replica::Replica& the_replica, AuditLog& the_audit, EngineOptions the_options)
      : loop(the_loop),
        replica(the_replica),
        audit(the_audit),
        options(std::move(the_options)),
        vault(options.cached_tokens),
        lockout(the_replica),
        passwords(1, options.passwords_queued),
        crypto(options.crypto_threads, 256),
        pairs(options.stock) {}

  const replica::State& state() const noexcept { return replica.state(); }

  Loop& loop;
  replica::Replica& replica;
  AuditLog& audit;
  const EngineOptions options;
  Vault vault;
  Lockout lockout;
  SessionRegistry sessions;
  WorkerPool passwords;
  WorkerPool crypto;
  KeyPairPool pairs;
};

/// Waits out the pause after a connection's last wrong password or signature.
Task<void> WaitUntil(Engine& engine, std::chrono::steady_clock::time_point until);

/// A token's key for this usage, after catching up when it is not known yet. Errors: as Vault::Key.
Task<Result<TokenKeyPtr>> OpenKey(Engine& engine, KeyUser user, const proto::KeyRef& ref, crypto::KmsUsage usage);

/// A key pair from the stock, or made now on a worker. Errors: as crypto::PrivateKey::Generate, and kThrottled.
Task<Result<crypto::PrivateKey>> TakeKeyPair(Engine& engine, crypto::KeySpec spec);

}  // namespace strongroom::hsm
