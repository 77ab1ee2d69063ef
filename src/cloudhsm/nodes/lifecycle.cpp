#include "cloudhsm/nodes/lifecycle.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <set>
#include <vector>

#include "base/log.h"
#include "cloudhsm/backups.h"
#include "cloudhsm/nodes/ask.h"

namespace strongroom::cloudhsm {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Timer = boost::asio::basic_waitable_timer<SteadyClock, boost::asio::wait_traits<SteadyClock>, LoopExecutor>;

constexpr std::int64_t kBackupEveryMillis = 24LL * 60 * 60 * 1000;

Result<std::vector<std::string>> FindWork(store::Transaction& t) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const store::Rows rows,
         t.Query("SELECT cluster_id FROM clusters c WHERE "
                 "state IN ('CREATE_IN_PROGRESS', 'INITIALIZE_IN_PROGRESS', 'DELETE_IN_PROGRESS') "
                 "OR EXISTS (SELECT 1 FROM hsms h WHERE h.cluster_id = c.cluster_id AND "
                 "h.state IN ('CREATE_IN_PROGRESS', 'DELETE_IN_PROGRESS')) "
                 "OR EXISTS (SELECT 1 FROM cluster_repairs r WHERE r.cluster_id = c.cluster_id AND "
                 "r.state = 'REQUESTED') "
                 "OR (state = 'ACTIVE' AND EXISTS (SELECT 1 FROM hsms h WHERE h.cluster_id = c.cluster_id AND "
                 "h.state = 'ACTIVE') AND NOT EXISTS (SELECT 1 FROM backups b WHERE b.cluster_id = c.cluster_id AND "
                 "b.state <> 'CREATE_IN_PROGRESS' AND b.created_at > $1)) ORDER BY created_at",
                 {now - kBackupEveryMillis}));
  std::vector<std::string> ids;
  for (const store::Row& row : rows) ids.push_back(row.Text(0));
  return ids;
}

// The next thing to do for a cluster; deletions come first, so that an HSM that cannot be made can be given up.
struct Piece {
  enum class Kind { kNone, kRepairLog, kCreateCluster, kDeleteHsm, kInitialize, kCreateHsm, kDeleteCluster, kBackup };
  Kind kind = Kind::kNone;
  std::string hsm_id;
  auto operator<=>(const Piece&) const = default;
};

std::vector<Piece> PiecesOf(const ClusterRow& cluster, bool backed_up) {
  std::vector<Piece> pieces;
  const auto each = [&](HsmState state, Piece::Kind kind) {
    for (const HsmRow& hsm : cluster.hsms) {
      if (hsm.state == state) pieces.push_back({kind, hsm.hsm_id});
    }
  };
  if (cluster.state == ClusterState::kCreateInProgress) return {{Piece::Kind::kCreateCluster, {}}};
  each(HsmState::kDeleteInProgress, Piece::Kind::kDeleteHsm);
  if (cluster.state == ClusterState::kInitializeInProgress) {
    pieces.push_back({Piece::Kind::kInitialize, {}});
    return pieces;
  }
  if (cluster.state == ClusterState::kDeleteInProgress) {
    if (cluster.hsms.empty()) pieces.push_back({Piece::Kind::kDeleteCluster, {}});
    return pieces;
  }
  each(HsmState::kCreateInProgress, Piece::Kind::kCreateHsm);
  if (cluster.state == ClusterState::kActive && !backed_up && cluster.Count(HsmState::kActive) > 0) {
    pieces.push_back({Piece::Kind::kBackup, {}});
  }
  return pieces;
}

std::string_view Doing(Piece::Kind kind) {
  switch (kind) {
    case Piece::Kind::kRepairLog: return "repairing the log of";
    case Piece::Kind::kCreateCluster: return "creating";
    case Piece::Kind::kDeleteHsm: return "deleting an HSM of";
    case Piece::Kind::kInitialize: return "initialising";
    case Piece::Kind::kCreateHsm: return "creating an HSM of";
    case Piece::Kind::kDeleteCluster: return "deleting";
    case Piece::Kind::kBackup: return "backing up";
    case Piece::Kind::kNone: break;
  }
  return "looking at";
}

struct Loaded {
  bool leased = false;
  std::optional<ClusterRow> cluster;
  bool backed_up = false;
  bool repair_wanted = false;
};

Result<Loaded> LoadLeased(store::Transaction& t, const std::string& cluster_id, const std::string& owner,
                          std::chrono::milliseconds duration) {
  Loaded loaded;
  SR_TRY(loaded.leased, TakeLease(t, cluster_id, owner, duration));
  if (!loaded.leased) return loaded;
  SR_TRY(loaded.cluster, LoadClusterById(t, cluster_id));
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const auto backup,
         t.QueryOne("SELECT 1 FROM backups WHERE cluster_id = $1 AND state <> 'CREATE_IN_PROGRESS' AND created_at > $2 "
                    "LIMIT 1",
                    {store::Text(cluster_id), now - kBackupEveryMillis}));
  loaded.backed_up = backup.has_value();
  SR_TRY(loaded.repair_wanted, RepairIsWanted(t, cluster_id));
  return loaded;
}

Task<Status> Do(JobContext& context, const Piece& piece, const ClusterRow& cluster) {
  const HsmRow* hsm = cluster.Hsm(piece.hsm_id);
  switch (piece.kind) {
    case Piece::Kind::kRepairLog: co_return co_await RepairLog(context, cluster);
    case Piece::Kind::kCreateCluster: co_return co_await FinishCreateCluster(context, cluster);
    case Piece::Kind::kInitialize: co_return co_await FinishInitialize(context, cluster);
    case Piece::Kind::kDeleteCluster: co_return co_await FinishDeleteCluster(context, cluster);
    case Piece::Kind::kBackup: co_return co_await TakeDueBackup(context, cluster);
    case Piece::Kind::kDeleteHsm: co_return co_await FinishDeleteHsm(context, cluster, *hsm);
    case Piece::Kind::kCreateHsm: co_return co_await FinishCreateHsm(context, cluster, *hsm);
    case Piece::Kind::kNone: break;
  }
  co_return Status();
}

// Everything that there is to do for one cluster. Each piece is tried once; the first failure is reported.
Task<Status> WorkOn(JobContext& context, std::string cluster_id) {
  Status outcome;
  std::set<Piece> tried;
  for (;;) {
    auto load = [cluster_id, owner = context.owner, lease = context.lease](store::Transaction& t) {
      return LoadLeased(t, cluster_id, owner, lease);
    };
    SR_CO_TRY(const Loaded loaded, co_await context.database.Run(std::move(load)));
    if (!loaded.leased) co_return Status();
    Piece next;
    if (loaded.cluster && loaded.repair_wanted && !tried.contains({Piece::Kind::kRepairLog, {}})) {
      next = {Piece::Kind::kRepairLog, {}};
    } else if (loaded.cluster) {
      for (const Piece& piece : PiecesOf(*loaded.cluster, loaded.backed_up)) {
        if (!tried.contains(piece)) {
          next = piece;
          break;
        }
      }
    }
    if (next.kind == Piece::Kind::kNone) break;
    tried.insert(next);
    const Status done = co_await Do(context, next, *loaded.cluster);
    if (!done.ok()) {
      LogError(std::string(Doing(next.kind)) + " cluster " + cluster_id, done.error());
      if (outcome.ok()) outcome = done;
      std::string why(done.error().public_message());
      if (next.kind == Piece::Kind::kDeleteHsm)
        why = "The HSM has not proved yet that it zeroised itself, and counts as compromised until then: " + why;
      const bool shown = next.kind == Piece::Kind::kDeleteHsm || next.kind == Piece::Kind::kCreateHsm;
      if (shown) {
        const Status noted = co_await NoteFailure(context, cluster_id, next.hsm_id, std::move(why));
        if (!noted.ok()) LogError("noting why an HSM is not ready", noted.error());
      }
    }
  }
  auto release = [cluster_id, owner = context.owner](store::Transaction& t) {
    return ReleaseLease(t, cluster_id, owner);
  };
  SR_CO_CHECK(co_await context.database.Run(std::move(release)));
  co_return outcome;
}

}  // namespace

namespace {

Task<Status> ReconcileHost(JobContext& context, std::string host_id) {
  auto load = [host_id](store::Transaction& t) -> Result<std::vector<ClusterRow>> {
    SR_TRY(const store::Rows rows,
           t.Query("SELECT DISTINCT cluster_id FROM hsms WHERE host_id = $1 AND state IN ('ACTIVE', 'DEGRADED')",
                   {store::Text(host_id)}));
    std::vector<ClusterRow> clusters;
    for (const store::Row& row : rows) {
      SR_TRY(std::optional<ClusterRow> cluster, LoadClusterById(t, row.Text(0)));
      if (cluster) clusters.push_back(*std::move(cluster));
    }
    return clusters;
  };
  SR_CO_TRY(const std::vector<ClusterRow> clusters, co_await context.database.RunRead(std::move(load)));
  Status outcome;
  const auto note = [&outcome](const Status& status) {
    if (!status.ok() && outcome.ok()) outcome = status;
    return status.ok();
  };
  for (const ClusterRow& cluster : clusters) {
    for (const HsmRow& hsm : cluster.hsms) {
      if (hsm.host_id != host_id || (hsm.state != HsmState::kActive && hsm.state != HsmState::kDegraded)) continue;
      const Status started = co_await StartHsm(context, cluster, hsm);
      if (!note(started) || cluster.state != ClusterState::kInitialized) continue;
      const auto status = co_await StatusOfHsm(context, hsm);
      if (!status.ok()) {
        note(status.error());
      } else if (status->lifecycle() == proto::ACTIVE && status->cluster_id() == cluster.cluster_id) {
        note(co_await NoteActivation(context, cluster.cluster_id));
      }
    }
  }
  co_return outcome;
}

}  // namespace

struct Lifecycle::State {
  State(Loop& l, JobContext& c, Options o) : loop(l), context(c), options(o), timer(l.get_executor()) {}

  struct Backoff {
    std::chrono::milliseconds pause{0};
    SteadyClock::time_point until{};
  };

  Loop& loop;
  JobContext& context;
  Options options;
  Timer timer;
  bool stopped = false;
  bool woken = false;
  std::set<std::string> running;            // clusters and hosts that are worked on now
  std::map<std::string, Backoff> backoffs;  // by cluster or host id
  std::set<std::string> to_reconcile;       // hosts

  void LookAgain() {
    woken = true;
    timer.cancel();
  }

  void Ended(const std::string& id, const Status& status) {
    running.erase(id);
    if (status.ok()) {
      backoffs.erase(id);
      return;
    }
    Backoff& backoff = backoffs[id];
    backoff.pause = std::clamp(backoff.pause * 2, options.first_pause, options.longest_pause);
    backoff.until = SteadyClock::now() + backoff.pause;
    timer.cancel();
  }

  bool MayRun(const std::string& id) const {
    if (stopped || running.contains(id)) return false;
    const auto backoff = backoffs.find(id);
    return backoff == backoffs.end() || backoff->second.until <= SteadyClock::now();
  }

  /// Until the next look: a poll, or the end of somebody's pause.
  std::chrono::milliseconds Rest() const {
    if (woken) return std::chrono::milliseconds(0);
    auto rest = options.poll;
    const auto now = SteadyClock::now();
    for (const auto& [id, backoff] : backoffs) {
      if (running.contains(id) || backoff.until <= now) continue;
      rest = std::min(rest, std::chrono::duration_cast<std::chrono::milliseconds>(backoff.until - now) +
                                std::chrono::milliseconds(1));
    }
    return rest;
  }

  static Task<void> RunCluster(std::shared_ptr<State> state, std::string id) {
    const Status status = co_await WorkOn(state->context, id);
    state->Ended(id, status);
  }

  static Task<void> RunHost(std::shared_ptr<State> state, std::string id) {
    const Status status = co_await ReconcileHost(state->context, id);
    if (!status.ok()) {
      LogError("starting the HSMs of host " + id, status.error());
      state->to_reconcile.insert(id);
    }
    state->Ended(id, status);
  }

  /// A job may wait long for an HSM; as long as this front end lives, nobody else need take it over.
  static Task<void> KeepLeases(std::shared_ptr<State> state) {
    const std::set<std::string> running = state->running;
    if (running.empty()) co_return;
    auto renew = [running, owner = state->context.owner,
                  lease = state->context.lease](store::Transaction& t) -> Status {
      for (const std::string& id : running) SR_CHECK(RenewLease(t, id, owner, lease));
      return {};
    };
    const Status renewed = co_await state->context.database.Run(std::move(renew));
    if (!renewed.ok()) LogError("prolonging leases", renewed.error());
  }

  static Task<void> Drive(std::shared_ptr<State> state) {
    while (!state->stopped) {
      state->woken = false;
      const std::set<std::string> hosts = state->to_reconcile;
      for (const std::string& host : hosts) {
        if (!state->MayRun(host)) continue;
        state->to_reconcile.erase(host);
        state->running.insert(host);
        boost::asio::co_spawn(state->loop, RunHost(state, host), boost::asio::detached);
      }
      const Status expired = co_await state->context.database.Run(&ExpireBackups);
      if (!expired.ok()) LogError("looking for backups that have expired", expired.error());
      const auto work = co_await state->context.database.RunRead(&FindWork);
      if (!work.ok()) LogError("looking for clusters to work on", work.error());
      if (work.ok()) {
        for (const std::string& id : *work) {
          if (!state->MayRun(id)) continue;
          state->running.insert(id);
          boost::asio::co_spawn(state->loop, RunCluster(state, id), boost::asio::detached);
        }
      }
      co_await KeepLeases(state);
      if (state->stopped) break;
      state->timer.expires_after(state->Rest());
      boost::system::error_code ignored;
      co_await state->timer.async_wait(
          boost::asio::redirect_error(boost::asio::use_awaitable_t<LoopExecutor>{}, ignored));
    }
  }
};

Lifecycle::Lifecycle(Loop& loop, JobContext& context, Options options)
    : state_(std::make_shared<State>(loop, context, options)) {}

Lifecycle::~Lifecycle() { Stop(); }

void Lifecycle::Start() { boost::asio::co_spawn(state_->loop, State::Drive(state_), boost::asio::detached); }

void Lifecycle::Stop() {
  boost::asio::post(state_->loop, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
  });
}

void Lifecycle::Wake() {
  boost::asio::post(state_->loop, [state = state_] {
    // Who asks has reason to: what failed before is tried again at once.
    state->backoffs.clear();
    state->LookAgain();
  });
}

void Lifecycle::HostConnected(std::string host_id) {
  boost::asio::post(state_->loop, [state = state_, host_id = std::move(host_id)] {
    state->to_reconcile.insert(host_id);
    state->backoffs.clear();
    state->LookAgain();
  });
}

namespace {

// What an HSM says of itself is believed when the store houses it on the host that passes it on. An HSM that is gone,
// as far as the store knows, may still have a last word under way.
Result<bool> TakeReport(store::Transaction& t, const std::string& host_id, const std::string& hsm_id,
                        const proto::StatusChanged& changed) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT host_id, cluster_id, state FROM hsms WHERE hsm_id = $1", {store::Text(hsm_id)}));
  if (row && row->Text(2) == "DELETED") return false;
  const bool of_none = changed.cluster_id().empty() && changed.lifecycle() == proto::EMPTY;
  if (!row || row->Text(0) != host_id || (row->Text(1) != changed.cluster_id() && !of_none))
    return Error(Errc::kPermission, "An HSM reports for a cluster that it does not belong to.")
        .WithDetail("hsm " + hsm_id + " of host " + host_id + ", cluster " + changed.cluster_id() +
                    (row ? "; the store has host " + row->Text(0) + ", cluster " + row->Text(1)
                         : std::string("; the store does not know it")));
  if (row->Text(2) != "ACTIVE") return !of_none;
  SR_TRY(std::optional<ClusterRow> cluster, LoadClusterById(t, row->Text(1)));
  const HsmRow* known = cluster ? cluster->Hsm(hsm_id) : nullptr;
  if (known == nullptr || known->state_message == changed.message()) return !of_none;
  HsmRow noted = *known;
  noted.state_message = changed.message();
  SR_CHECK(UpdateHsm(t, noted));
  return !of_none;
}

Task<Status> NoteStatus(JobContext& context, std::string host_id, std::string hsm_id, proto::StatusChanged changed) {
  auto take = [host_id, hsm_id, changed](store::Transaction& t) { return TakeReport(t, host_id, hsm_id, changed); };
  SR_CO_TRY(const bool of_cluster, co_await context.database.Run(std::move(take)));
  if (!of_cluster || changed.lifecycle() != proto::ACTIVE) co_return Status();
  co_return co_await NoteActivation(context, changed.cluster_id());
}

Task<void> NoteAndLook(JobContext& context, std::string host_id, std::string hsm_id, proto::StatusChanged changed,
                       std::function<void()> look) {
  const Status noted = co_await NoteStatus(context, std::move(host_id), std::move(hsm_id), std::move(changed));
  if (!noted.ok()) LogError("noting an HSM's state", noted.error());
  look();
}

}  // namespace

void Lifecycle::StatusChanged(std::string host_id, std::string hsm_id, proto::StatusChanged changed) {
  std::function<void()> look = [state = state_] { state->LookAgain(); };
  boost::asio::co_spawn(
      state_->loop,
      NoteAndLook(state_->context, std::move(host_id), std::move(hsm_id), std::move(changed), std::move(look)),
      boost::asio::detached);
}

Task<Status> Lifecycle::RunOnce() {
  SR_CO_CHECK(co_await state_->context.database.Run(&ExpireBackups));
  SR_CO_TRY(const std::vector<std::string> work, co_await state_->context.database.RunRead(&FindWork));
  Status outcome;
  for (const std::string& id : work) {
    const Status done = co_await WorkOn(state_->context, id);
    if (!done.ok() && outcome.ok()) outcome = done;
  }
  co_return outcome;
}

Task<Status> Lifecycle::Reconcile(std::string host_id) {
  co_return co_await ReconcileHost(state_->context, std::move(host_id));
}

Task<Status> Lifecycle::Note(std::string host_id, std::string hsm_id, proto::StatusChanged changed) {
  co_return co_await NoteStatus(state_->context, std::move(host_id), std::move(hsm_id), std::move(changed));
}

}  // namespace strongroom::cloudhsm
