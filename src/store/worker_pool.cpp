#include "store/worker_pool.h"

#include <fmt/format.h>
#include <sched.h>

#include <random>

#include "base/log.h"

namespace strongroom::store {
namespace {
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kMostLost = 2;                  // connections that one job may lose
constexpr milliseconds kReconnectPause{200};  // after a failed connection, jobs fail at once for this long
thread_local const WorkerPool* t_pool = nullptr;

/// A thread of this kind never interrupts another when it wakes up.
void LetOthersFinish() noexcept {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_BATCH, &none);  // of this thread; without it only more work
}

/// An exception in a job is a bug, but one job's bug is not every job's end.
Status Guarded(const std::function<Status(Transaction&)>& work, Transaction& transaction) {
  try {
    return work(transaction);
  } catch (const std::bad_alloc&) {
    return Error(Errc::kResourceExhausted, "The store is out of memory.");
  } catch (const std::exception& bug) {
    return Error(Errc::kInternal, "").WithDetail(fmt::format("exception in a transaction: {}", bug.what()));
  }
}

bool IsOwnFault(Errc code) {
  return code == Errc::kAlreadyExists || code == Errc::kInvalidArgument || code == Errc::kInternal;
}

/// Grows with each attempt and is drawn at random, so that those who met do not meet again.
milliseconds Pause(int attempt) {
  thread_local std::minstd_rand random(std::random_device{}());
  const int most = std::min(1 << std::min(attempt, 8), 200);
  return milliseconds(std::uniform_int_distribution<int>(most / 2, most)(random) + 1);
}
}  // namespace

/// One thread's connection and the rules for running again.
class WorkerPool::Worker {
 public:
  Worker(WorkerPool& pool, Access access) : pool_(pool), access_(access) {}

  void RunOne(Job& job) { job.done(RunUntilSettled(job)); }

  void RunBatch(std::vector<Job>& jobs) {
    std::size_t settled = 0;
    if (jobs.size() > 1 && access_ == Access::kRead)
      settled = ReadTogether(jobs);
    else if (jobs.size() > 1 && TryBatch(jobs))
      return;
    for (; settled < jobs.size(); ++settled) RunOne(jobs[settled]);
  }

 private:
  struct Attempt {
    Status status;
    bool again = false;
    bool lost = false;
  };

  Status Connect() {
    if (connection_ && connection_->usable()) return {};
    connection_.reset();
    // Unless another worker has reached the database since: then it is back.
    const auto reached = pool_.reached_.load(std::memory_order_relaxed);
    if (Clock::now() < not_before_ && reached == reached_before_) return *connect_error_;
    auto opened = pool_.config_.engine == Config::Engine::kSqlite ? OpenSqlite(pool_.config_, access_)
                                                                  : OpenPostgres(pool_.config_);
    if (!opened.ok()) {
      if (!connect_error_) LogError("store: connecting", opened.error());
      connect_error_ = opened.error();
      not_before_ = Clock::now() + kReconnectPause;
      reached_before_ = reached;
      return *connect_error_;
    }
    if (connect_error_) log::Info("store: connected again");
    connect_error_.reset();
    pool_.reached_.fetch_add(1, std::memory_order_relaxed);
    connection_ = *std::move(opened);
    return {};
  }

  Status RunUntilSettled(const Job& job) {
    const auto begun = Clock::now();
    int lost = 0;
    for (int attempt = 1;; ++attempt) {
      SR_CHECK(Connect());
      Attempt outcome = TryOnce(job);
      // Nothing was committed: a server that was restarted shows itself this way at the next use, and one that recovers
      // from its crash may close the connection once more.
      if (outcome.lost && ++lost <= kMostLost) continue;
      if (!outcome.again || attempt == Database::kMaxAttempts || Clock::now() - begun > pool_.config_.transaction_limit)
        return std::move(outcome.status);
      std::this_thread::sleep_for(Pause(attempt));
    }
  }

  Attempt TryOnce(const Job& job) {
    const auto begun = Clock::now();
    if (Status status = connection_->Begin(job.access); !status.ok()) return Failed(std::move(status));
    ConnectionTransaction transaction(*connection_, job.access);
    Status status = Guarded(job.work, transaction);
    // A function that hides a failed statement must not commit half of what it meant to do.
    if (transaction.failure()) {
      Attempt outcome = Failed(*transaction.failure());
      // The function may have its own words for a failure, as for a name that is taken.
      if (!status.ok() && !outcome.again && !outcome.lost) outcome.status = std::move(status);
      return outcome;
    }
    if (!status.ok()) {
      connection_->Rollback();
      return {std::move(status), false, false};
    }
    if (Clock::now() - begun > pool_.config_.transaction_limit) {
      connection_->Rollback();
      return {Error(Errc::kTimeout, "The change took too long and was not made."), false, false};
    }
    if (Status committed = connection_->Commit(); !committed.ok()) {
      const bool unknown = committed.error().code() == Errc::kTimeout;
      Attempt outcome = Failed(std::move(committed));
      if (unknown) outcome.lost = false;
      return outcome;
    }
    if (transaction.changed_feed()) pool_.NotifyCommit();
    return {};
  }

  /// Rolls back, and says whether another attempt could do better.
  Attempt Failed(Status status) {
    connection_->Rollback();
    Attempt outcome{std::move(status), false, !connection_->usable()};
    outcome.again = !outcome.lost && outcome.status.error().code() == Errc::kConflict;
    return outcome;
  }

  Status Mark(const char* sql) {
    auto reply = connection_->Run(sql, {});
    return reply.ok() ? Status() : Status(std::move(reply).error());
  }

  /// All jobs in one transaction. False when that came to nothing: no job was told anything, and each is to be run by
  /// itself, so that the one at fault gets the error.
  bool TryBatch(std::vector<Job>& jobs) {
    if (!Connect().ok()) return false;
    const auto begun = Clock::now();
    if (!connection_->Begin(Access::kWrite).ok()) return false;
    bool changed_feed = false;
    std::vector<Status> outcomes;
    outcomes.reserve(jobs.size());
    for (const Job& job : jobs) {
      ConnectionTransaction transaction(*connection_, Access::kWrite);
      bool sound = Mark("SAVEPOINT job").ok();
      Status status = sound ? Guarded(job.work, transaction) : Status();
      if (transaction.failure()) {
        // Only what is this job's own doing is settled here; a full disk or a busy file concerns all.
        sound = sound && IsOwnFault(transaction.failure()->code());
        if (status.ok()) status = *transaction.failure();
      }
      if (!status.ok()) sound = sound && connection_->in_transaction() && Mark("ROLLBACK TO job").ok();
      sound = sound && Mark("RELEASE job").ok();
      if (!sound || Clock::now() - begun > pool_.config_.transaction_limit / 2) {
        connection_->Rollback();
        return false;
      }
      changed_feed = changed_feed || (status.ok() && transaction.changed_feed());
      outcomes.push_back(std::move(status));
    }
    if (!connection_->Commit().ok()) {
      connection_->Rollback();
      return false;
    }
    if (changed_feed) pool_.NotifyCommit();
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].done(std::move(outcomes[i]));
    return true;
  }

  /// Jobs that only read, in one transaction. How many were settled: the others are to be run by themselves, the first
  /// of them because its statement failed.
  std::size_t ReadTogether(std::vector<Job>& jobs) {
    if (!Connect().ok() || !connection_->Begin(Access::kRead).ok()) return 0;
    std::size_t settled = 0;
    for (Job& job : jobs) {
      const auto begun = Clock::now();
      ConnectionTransaction transaction(*connection_, Access::kRead);
      Status status = Guarded(job.work, transaction);
      if (transaction.failure() || Clock::now() - begun > pool_.config_.transaction_limit) break;
      job.done(std::move(status));
      ++settled;
    }
    if (settled < jobs.size() || !connection_->Commit().ok()) connection_->Rollback();
    return settled;
  }

  WorkerPool& pool_;
  const Access access_;
  std::unique_ptr<Connection> connection_;
  Clock::time_point not_before_{};
  std::uint64_t reached_before_ = 0;  // the pool's count at the failure
  std::optional<Error> connect_error_;
};

WorkerPool::WorkerPool(const Config& config) : config_(config) {
  if (config_.engine == Config::Engine::kSqlite) {
    threads_.emplace_back([this] { Serve(queues_[0], Access::kWrite); });
    for (int reader = 0; reader < 2; ++reader) threads_.emplace_back([this] { Serve(queues_[1], Access::kRead); });
  } else {
    for (unsigned worker = 0; worker < config_.postgres_connections; ++worker)
      threads_.emplace_back([this] { Serve(queues_[0], Access::kWrite); });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (Queue& queue : queues_) queue.ready.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

WorkerPool::Queue& WorkerPool::QueueFor(Access access) noexcept {
  return queues_[access == Access::kRead && config_.engine == Config::Engine::kSqlite ? 1 : 0];
}

Status WorkerPool::Submit(Job job) {
  Queue& queue = QueueFor(job.access);
  {
    const std::lock_guard lock(mutex_);
    if (queue.jobs.size() >= config_.max_waiting)
      return Error(Errc::kUnavailable, "The store is not available.").WithDetail("too many transactions wait");
    queue.jobs.push_back(std::move(job));
  }
  queue.ready.notify_one();
  return {};
}

bool WorkerPool::OnWorker() const noexcept { return t_pool == this; }

void WorkerPool::SetCommitHook(std::function<void()> hook) {
  const std::lock_guard lock(hook_mutex_);
  hook_ = std::move(hook);
}

void WorkerPool::NotifyCommit() {
  const std::lock_guard lock(hook_mutex_);
  if (hook_) hook_();
}

std::size_t WorkerPool::Most(Access access) const noexcept {
  if (config_.engine != Config::Engine::kSqlite) return 1;
  return access == Access::kWrite ? kMaxBatch : kMaxReads;
}

void WorkerPool::Serve(Queue& queue, Access access) {
  t_pool = this;
  LetOthersFinish();
  Worker worker(*this, access);
  std::vector<Job> jobs;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      queue.ready.wait(lock, [&] { return stopping_ || !queue.jobs.empty(); });
      if (queue.jobs.empty()) return;
      const std::size_t take = std::min(queue.jobs.size(), Most(access));
      for (std::size_t i = 0; i < take; ++i) {
        jobs.push_back(std::move(queue.jobs.front()));
        queue.jobs.pop_front();
      }
    }
    worker.RunBatch(jobs);
    jobs.clear();
  }
}

}  // namespace strongroom::store
