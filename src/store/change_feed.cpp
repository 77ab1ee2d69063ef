#include "store/change_feed.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.h"

namespace strongroom::store {
namespace {
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
constexpr std::int64_t kMaxEntriesPerPoll = 5000;
}  // namespace

class ChangeFeed::Impl {
 public:
  Impl(Database& database, Options options)
      // A commit is seen at most one transaction's limit, and the commit itself, after its number was drawn.
      : database_(database), options_(options), window_ms_(database.transaction_limit().count() * 2 + 5000) {}

  ~Impl() {
    database_.SetCommitHook({});
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void Subscribe(Subscriber subscriber) { subscribers_.push_back(std::move(subscriber)); }

  Status Start() {
    // What is in the window now is known; what commits later with a number among these is not, and is reported.
    SR_TRY(Batch batch, Fetch());
    Remember(batch);
    Succeeded();
    database_.SetCommitHook([this] {
      {
        const std::lock_guard lock(mutex_);
        woken_ = true;
      }
      wake_.notify_all();
    });
    thread_ = std::thread([this] { Loop(); });
    return {};
  }

  Clock::time_point last_success() const noexcept { return Clock::time_point(Clock::duration(last_success_.load())); }

 private:
  struct Batch {
    std::vector<FeedEntry> entries;
    std::map<std::int64_t, std::int64_t> times;  // number -> when it was written
    std::int64_t now = 0;
    std::int64_t head = 0;
    bool pruned_past_us = false;
  };

  /// Everything not yet seen that is new by number or young enough to have been committed late.
  Result<Batch> Fetch() {
    const std::int64_t newest = newest_;
    const std::int64_t since = polled_at_ - window_ms_;
    const bool first = polled_at_ == 0;
    const std::int64_t keep_ms = options_.keep.count();
    const std::int64_t window_ms = window_ms_;
    const auto& seen = seen_;
    return database_.Read([&seen, newest, since, first, keep_ms, window_ms](Transaction& transaction) -> Result<Batch> {
      Batch batch;
      SR_TRY(batch.now, transaction.NowMillis());
      const std::int64_t from = first ? batch.now - window_ms : since;
      batch.pruned_past_us = !first && from < batch.now - keep_ms;
      SR_TRY(const auto head, transaction.QueryOne("SELECT number FROM changes ORDER BY number DESC LIMIT 1"));
      batch.head = head ? head->Int(0) : 0;
      SR_TRY(const Rows rows,
             transaction.Query("SELECT number, at FROM changes WHERE number > $1 OR at >= $2 "
                               "ORDER BY number",
                               {first ? Value(std::int64_t{9223372036854775807}) : Value(newest), from}));
      for (const Row& row : rows) {
        if (seen.contains(row.Int(0))) continue;
        batch.times.emplace(row.Int(0), row.Int(1));
      }
      if (batch.times.empty() || batch.pruned_past_us) return batch;
      if (std::int64_t(batch.times.size()) > kMaxEntriesPerPoll) {
        // More than caches could look at one by one: let them drop all.
        batch.pruned_past_us = true;
        return batch;
      }
      SR_TRY(const Rows entries,
             transaction.Query("SELECT number, kind, account_id, region, id FROM changes WHERE number >= $1 AND "
                               "number <= $2 ORDER BY number",
                               {batch.times.begin()->first, batch.times.rbegin()->first}));
      for (const Row& row : entries) {
        if (!batch.times.contains(row.Int(0))) continue;
        batch.entries.push_back({row.Text(1), row.Text(2), row.Text(3), row.Text(4), row.Int(0)});
      }
      return batch;
    });
  }

  void Remember(const Batch& batch) {
    for (const auto& [number, at] : batch.times) seen_.emplace(number, at);
    newest_ = std::max(newest_, batch.head);
    polled_at_ = batch.now;
    // What the next poll's window cannot contain need not be remembered.
    const std::int64_t oldest = polled_at_ - window_ms_;
    std::erase_if(seen_, [oldest](const auto& entry) { return entry.second < oldest; });
  }

  void Succeeded() { last_success_.store(Clock::now().time_since_epoch().count()); }

  void Poll() {
    auto batch = Fetch();
    if (!batch.ok()) {
      if (!failing_) LogError("store: reading the change feed", batch.error());
      failing_ = true;
      return;
    }
    if (failing_) log::Info("store: the change feed is read again");
    failing_ = false;
    std::vector<FeedEntry> entries = std::move(batch->entries);
    if (batch->pruned_past_us) {
      entries.clear();
      entries.push_back(FeedEntry{std::string(kEverything), "", "", "", 0});
    }
    if (!entries.empty()) {
      for (const Subscriber& subscriber : subscribers_) subscriber(entries);
    }
    Remember(*batch);
    Succeeded();
  }

  void Prune() {
    const std::int64_t keep = options_.keep.count();
    const auto pruned = database_.Transact([keep](Transaction& transaction) -> Result<std::int64_t> {
      SR_TRY(const std::int64_t now, transaction.NowMillis());
      return transaction.Execute("DELETE FROM changes WHERE at < $1", {Value(now - keep)});
    });
    if (!pruned.ok()) LogError("store: deleting old entries of the change feed", pruned.error());
  }

  void Loop() {
    const auto prune_every = std::max<milliseconds>(options_.keep / 12, options_.interval);
    auto next_prune = Clock::now();
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      wake_.wait_for(lock, options_.interval, [this] { return stopping_ || woken_; });
      if (stopping_) return;
      woken_ = false;
      lock.unlock();
      Poll();
      if (!failing_ && Clock::now() >= next_prune) {
        Prune();
        next_prune = Clock::now() + prune_every;
      }
      lock.lock();
    }
  }

  Database& database_;
  const Options options_;
  const std::int64_t window_ms_;
  std::vector<Subscriber> subscribers_;

  // The thread's own, after Start().
  std::map<std::int64_t, std::int64_t> seen_;
  std::int64_t newest_ = 0;
  std::int64_t polled_at_ = 0;
  bool failing_ = false;

  std::atomic<Clock::rep> last_success_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

ChangeFeed::ChangeFeed(Database& database, Options options) : impl_(std::make_unique<Impl>(database, options)) {}
ChangeFeed::~ChangeFeed() = default;
void ChangeFeed::Subscribe(Subscriber subscriber) { impl_->Subscribe(std::move(subscriber)); }
Status ChangeFeed::Start() { return impl_->Start(); }
Clock::time_point ChangeFeed::last_success() const noexcept { return impl_->last_success(); }

}  // namespace strongroom::store
