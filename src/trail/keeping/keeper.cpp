#include "trail/keeping/keeper.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "trail/keeping/digest.h"

namespace strongroom::trail {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kDigestRetry{10'000};
constexpr std::chrono::milliseconds kMostPause{30'000};

std::string Pem(ByteView spki) {
  const std::string base64 = Base64(spki);
  std::string pem = "-----BEGIN PUBLIC KEY-----\n";
  constexpr std::size_t kLine = 64;
  for (std::size_t at = 0; at < base64.size(); at += kLine) pem += base64.substr(at, kLine) + "\n";
  return pem + "-----END PUBLIC KEY-----\n";
}

}  // namespace

fs::path DigestKeyFile(const fs::path& directory) { return directory / "digest-key.pub.pem"; }

Result<ChainHead> StoredHead(store::Database& database, const std::string& front_end) {
  return database.Read([&](store::Transaction& t) -> Result<ChainHead> {
    SR_TRY(const auto last, LoadLastSegment(t, front_end));
    if (!last) return ChainHead{};
    return ChainHead{last->number, last->first_record + last->records, last->last_hash};
  });
}

struct Keeper::State {
  State(store::Database& d, Trail& t, KeeperOptions o)
      : database(d), trail(t), options(std::move(o)), shipper(d, options.directory, options.front_end) {
    digest_due = gone_due = options.now();
    close_due = digest_due + options.close_every;
    pause = options.ship_every;
  }

  store::Database& database;
  Trail& trail;
  KeeperOptions options;
  Shipper shipper;

  // Of who takes the rounds.
  bool first = true;
  Steady::time_point digest_due, close_due, gone_due;
  std::chrono::milliseconds pause{};

  mutable std::mutex mutex;  // of what follows
  std::condition_variable wake;
  bool stopping = false;
  std::string ship_failure, digest_failure, gone_failure;
  std::thread thread;

  void Run();
  Status Ship(Shipper::Names names = Shipper::Names::kPortion);
  std::chrono::milliseconds Round();
  Status MakeDigest(const std::string& front_end, bool due_anyway);
  Status LookAfterGone();
  Status Pin(ByteView public_key) const;
  void Note(std::string& failure, const Status& status, std::string_view doing);
  bool Stopping() const {
    const std::lock_guard lock(mutex);
    return stopping;
  }
};

void Keeper::State::Note(std::string& failure, const Status& status, std::string_view doing) {
  const std::string why = status.ok() ? "" : status.error().public_message();
  const std::lock_guard lock(mutex);
  if (why == failure) return;
  if (why.empty()) {
    log::Info("audit: {} works again", doing);
  } else {
    log::Error("audit: {}: {}", doing, status.error().ForLog());
  }
  failure = why;
}

Status Keeper::State::Ship(Shipper::Names names) {
  const auto shipped = shipper.Ship(trail.durable(), names);
  if (!shipped.ok()) return shipped.error();
  return {};
}

Status Keeper::State::Pin(ByteView public_key) const {
  const fs::path file = DigestKeyFile(options.directory);
  const std::string pem = Pem(public_key);
  const auto kept = ReadFile(file);
  if (kept.ok() && *kept == pem) return {};
  if (kept.ok())
    return Error(Errc::kUntrusted,
                 "The store has another key for digests of the audit trail than " + file.string() + ".");
  if (kept.error().code() != Errc::kNotFound) return kept.error();
  return WriteFileAtomically(file, pem, 0644);
}

Status Keeper::State::MakeDigest(const std::string& front_end, bool due_anyway) {
  SR_TRY(const Bytes public_key, options.public_key());
  SR_CHECK(Pin(public_key));
  DigestTerms terms{.front_end = front_end,
                    .public_key = Hex(crypto::Sha256(public_key)),
                    .keep_millis = options.keep.count(),
                    .due_anyway = due_anyway};
  SR_TRY(const auto digest, database.Read([&terms](store::Transaction& t) -> Result<std::optional<Digest>> {
    DigestTerms now = terms;
    SR_TRY(now.now_millis, t.NowMillis());
    return NextDigest(t, now);
  }));
  if (!digest) return {};
  const std::string body = Write(*digest);
  SR_TRY(const Bytes signature, options.sign(SignedBytes(body)));
  return database.Transact([&](store::Transaction& t) -> Status {
    SR_CHECK(InsertDigest(t, {digest->front_end, digest->number, digest->made_at, body, signature}));
    if (!digest->segments.empty()) {
      const std::string named = std::to_string(digest->segments.back().number);
      SR_CHECK(
          t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET "
                    "value = $2",
                    {store::Text("audit-digested " + digest->front_end), store::Blob(AsBytes(named))}));
    }
    // The digest that says that they may be gone is in force with this.
    SR_TRY(const auto old, t.Query("SELECT number FROM audit_segments WHERE front_end = $1 AND number < $2",
                                   {store::Text(digest->front_end), digest->first_kept}));
    for (const store::Row& row : old) SR_CHECK(RemoveSegment(t, digest->front_end, row.Int(0)));
    return {};
  });
}

Status Keeper::State::LookAfterGone() {
  if (!options.gone.names) return {};
  SR_TRY(const std::vector<std::string> names, options.gone.names());
  for (const std::string& name : names) {
    if (Stopping()) return {};
    SR_TRY(const GoneWork work,
           database.Read([&](store::Transaction& t) { return LookAtGone(t, name, options.keep.count()); }));
    if (work == GoneWork::kNone) continue;
    SR_TRY(const bool mine, options.gone.claim(name));
    if (!mine) continue;
    if (work == GoneWork::kForget) {
      SR_CHECK(database.Transact([&](store::Transaction& t) { return ForgetGone(t, name); }));
      continue;
    }
    SR_CHECK(CloseGone(database, name));
    SR_CHECK(MakeDigest(name, work == GoneWork::kRetire));
  }
  return {};
}

std::chrono::milliseconds Keeper::State::Round() {
  const Status shipped = Ship();
  Note(ship_failure, shipped, "bringing records to the store");
  if (Stopping()) return {};
  pause = shipped.ok() ? options.ship_every : std::min(pause * 2, kMostPause);
  if (shipped.ok() && options.now() >= digest_due) {
    Status made = trail.CloseSegment();
    if (made.ok()) made = Ship();
    if (made.ok()) made = MakeDigest(options.front_end, !first);
    Note(digest_failure, made, "signing a digest");
    digest_due = options.now() + (made.ok() ? options.digest_every : std::min(kDigestRetry, options.digest_every));
    first = first && !made.ok();
  }
  if (options.close_every.count() > 0 && options.now() >= close_due) {
    // What the disk says against it is told by the trail itself, and the round after brings what was closed.
    if (trail.CloseSegment().ok()) close_due = options.now() + options.close_every;
  }
  if (shipped.ok() && options.now() >= gone_due) {
    Note(gone_failure, LookAfterGone(), "looking after front ends that are gone");
    gone_due = options.now() + options.look_at_gone_every;
  }
  return pause;
}

void Keeper::State::Run() {
  for (;;) {
    const std::chrono::milliseconds wait = Round();
    std::unique_lock lock(mutex);
    if (stopping) return;
    wake.wait_for(lock, wait, [this] { return stopping; });
  }
}

Keeper::Keeper(store::Database& database, Trail& trail, KeeperOptions options)
    : state_(std::make_unique<State>(database, trail, std::move(options))) {}
Keeper::~Keeper() { Stop(); }

void Keeper::Start() {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

std::chrono::milliseconds Keeper::Round() { return state_->Round(); }

void Keeper::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (!state_->thread.joinable()) return;
  state_->thread.join();
  // Once more: the trail has written its last since.
  state_->Note(state_->ship_failure, state_->Ship(Shipper::Names::kAll), "bringing records to the store");
}

std::string Keeper::failure() const {
  const std::lock_guard lock(state_->mutex);
  for (const std::string* why : {&state_->ship_failure, &state_->digest_failure})
    if (!why->empty()) return *why;
  return state_->gone_failure;
}

}  // namespace strongroom::trail
