#include "trail/trail.h"

#include <fmt/format.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "trail/record/record.h"

namespace strongroom::trail {
namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace {

/// The writer is woken for that much at once; less waits for its time.
constexpr std::size_t kWakeBytes = 1 << 20;
constexpr std::chrono::milliseconds kRetry{200};

using Resume = std::function<void(Status)>;

/// Puts aside what follows the last whole entry of a segment that a crash has left, and gives the chain's head.
Result<ChainHead> TakeUp(const fs::path& directory, std::int64_t number) {
  const fs::path file = SegmentFile(directory, number);
  SR_TRY(const SegmentContent content, ReadSegment(file));
  if (content.torn) {
    fs::path aside = file;
    aside.replace_extension(".damaged");
    std::error_code failed;
    fs::copy_file(file, aside, fs::copy_options::overwrite_existing, failed);
    if (!failed) fs::resize_file(file, Encode(content.header).size() + content.entries.size(), failed);
    if (failed) return FileError("shorten", file, failed.value());
    log::Warn("audit: the end of {} is no whole record, as after a crash: {} has a copy of the file", file.string(),
              aside.string());
    if (!content.damage.empty()) log::Error("audit: {}", content.damage);
  }
  return ChainHead{content.header.number, content.header.first_record + content.records, content.last,
                   content.last_millis};
}

}  // namespace

struct Trail::State {
  explicit State(TrailOptions o) : options(std::move(o)) {}

  TrailOptions options;
  Shown shown;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable work, done;
  std::string waiting;  // records that the writer has not taken
  std::uint64_t recorded = 0, durable_records = 0, lost = 0, unreported = 0;
  std::size_t stuck_bytes = 0;  // taken by the writer, not written
  std::vector<std::pair<std::uint64_t, Resume>> waiters;
  std::string failure;
  bool stopping = false, close_wanted = false;
  Status close_result;
  DurableTo durable_to;
  std::atomic<bool> failing{false};

  // The writer thread's alone.
  SegmentWriter segment;
  Chain chain;
  std::int64_t last_segment = 0, next_record = 1;
  std::string stuck;  // records that are to be written first
  std::thread thread;

  bool strict() const noexcept { return options.mode == Mode::kStrict; }
  ports::WallTime Now() const { return options.clock->Now(); }
  void Take(std::string_view records);
  void Run();
  Status WriteStuck();
  Status Sync();
  Status CloseOpenSegment();
  void Settle(const Status& written, std::uint64_t taken, bool synced);
};

void Trail::State::Take(std::string_view records) {
  if (records.empty()) return;
  bool wake = false;
  {
    const std::lock_guard lock(mutex);
    if (waiting.size() + stuck_bytes + records.size() > options.most_waiting_bytes) {
      ++lost;
      ++unreported;
      return;
    }
    const bool was_small = waiting.size() < kWakeBytes;
    waiting += records;
    ++recorded;
    wake = strict() ? true : was_small && waiting.size() >= kWakeBytes;
  }
  if (wake) work.notify_one();
}

Status Trail::State::WriteStuck() {
  if (stuck.empty()) return {};
  if (segment.open() && segment.size() >= kSegmentBytes) SR_CHECK(CloseOpenSegment());
  if (!segment.open()) {
    const std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(Now().time_since_epoch()).count();
    SegmentHeader header{options.front_end, last_segment + 1, next_record, now, chain.last()};
    const ChainHash first = HashOf(header);
    SR_TRY(segment, SegmentWriter::Create(options.directory, std::move(header), *options.calls));
    ++last_segment;
    chain.Restart(first);
  }
  Chain next = chain;
  std::string entries;
  entries.reserve(stuck.size() + stuck.size() / 16);
  const std::size_t count = next.Append(stuck, entries);
  SR_CHECK(segment.Append(entries, count));
  chain = next;
  next_record += static_cast<std::int64_t>(count);
  stuck.clear();
  return {};
}

Status Trail::State::Sync() {
  if (!segment.open()) return {};
  SR_CHECK(segment.Sync());
  const std::lock_guard lock(mutex);
  durable_to = {segment.header().number, segment.size()};
  return {};
}

Status Trail::State::CloseOpenSegment() {
  if (!segment.open()) return {};
  SR_CHECK(Sync());
  segment = SegmentWriter();
  const std::lock_guard lock(mutex);
  durable_to = {last_segment + 1, 0};
  return {};
}

/// Tells what has come of one round: `taken` is how many records it had.
void Trail::State::Settle(const Status& written, std::uint64_t taken, bool synced) {
  std::vector<std::pair<Resume, Status>> resumed;
  std::string said;
  {
    const std::lock_guard lock(mutex);
    stuck_bytes = stuck.size();
    if (written.ok() && synced) durable_records = taken;
    const std::string why = written.ok() ? "" : written.error().public_message();
    if (why != failure)
      said = why.empty() ? "audit: records are written again" : "audit: records cannot be written: " + why;
    failure = why;
    failing = !written.ok();
    std::erase_if(waiters, [&](auto& waiter) {
      const bool settled = waiter.first <= durable_records;
      if (!settled && written.ok()) return false;
      resumed.emplace_back(
          std::move(waiter.second),
          settled ? Status() : Status(Error(Errc::kUnavailable, "The audit trail cannot be written.")));
      return true;
    });
  }
  if (!said.empty())
    log::Write(written.ok() ? log::Level::kWarn : log::Level::kError, "{}", fmt::make_format_args(said));
  for (auto& [resume, status] : resumed) resume(std::move(status));
}

void Trail::State::Run() {
  auto next_sync = std::chrono::steady_clock::now() + options.sync_every;
  std::uint64_t taken = 0;
  for (bool last = false; !last;) {
    bool close = false;
    std::uint64_t gone = 0;
    {
      std::unique_lock lock(mutex);
      const auto wanted = [this] {
        return stopping || close_wanted || waiting.size() >= kWakeBytes || (strict() && !waiting.empty());
      };
      // What could not be written is tried again after a while, not with each new record.
      if (failing) {
        work.wait_for(lock, kRetry, [this] { return stopping; });
      } else {
        work.wait_for(lock, options.write_every, wanted);
      }
      last = stopping;
      close = close_wanted;
      if (stuck.empty()) {
        stuck.swap(waiting);
      } else {
        stuck += waiting;
        waiting.clear();
      }
      stuck_bytes = stuck.size();
      taken = recorded;
      if (!failing) gone = std::exchange(unreported, 0);
    }
    if (gone > 0) {
      ports::AuditEvent event;
      event.account = "000000000000";
      event.event_source = "strongroom";
      event.event_name = "AuditRecordsLost";
      event.details = {{"count", std::to_string(gone)}};
      AppendEvent(event, Now(), stuck);
    }
    const bool had_any = !stuck.empty();
    Status written = WriteStuck();
    const auto now = std::chrono::steady_clock::now();
    const bool sync = strict() || close || last || now >= next_sync;
    if (written.ok() && sync) {
      written = Sync();
      next_sync = now + options.sync_every;
    }
    if (written.ok() && (close || last)) written = CloseOpenSegment();
    if (had_any || failing || sync || !written.ok()) Settle(written, taken, sync);
    if (close) {
      const std::lock_guard lock(mutex);
      close_wanted = false;
      close_result = written;
      done.notify_all();
    }
  }
}

Trail::Trail(std::shared_ptr<State> state) : state_(std::move(state)) {}
Trail::~Trail() { Stop(); }

Result<std::unique_ptr<Trail>> Trail::Open(TrailOptions options) {
  if (options.clock == nullptr) options.clock = &ports::SystemClock();
  if (options.calls == nullptr) options.calls = &SystemFileCalls();
  std::error_code failed;
  fs::create_directories(options.directory, failed);
  if (failed) return FileError("create", options.directory, failed.value());
  fs::permissions(options.directory, fs::perms::owner_all, failed);
  if (failed) return FileError("protect", options.directory, failed.value());
  auto state = std::make_shared<State>(std::move(options));
  SR_TRY(const auto numbers, ListSegments(state->options.directory));
  ChainHead head = state->options.stored;
  if (!numbers.empty()) {
    SR_TRY(const ChainHead local, TakeUp(state->options.directory, numbers.back()));
    if (local.next_record >= head.next_record) {
      head = local;
    } else {
      // The disk was set back: what the store has stays, and the chain goes on from there.
      for (const std::int64_t number : numbers) {
        const fs::path file = SegmentFile(state->options.directory, number);
        fs::path aside = file;
        fs::rename(file, aside.replace_extension(".behind"), failed);
        if (failed) return FileError("put aside", file, failed.value());
      }
      log::Error("audit: the segments in {} are behind those in the store; they are put aside as *.behind",
                 state->options.directory.string());
    }
    head.segment = std::max(head.segment, local.segment);
  }
  state->last_segment = head.segment;
  state->next_record = head.next_record;
  state->chain = Chain(head.last, head.last_millis);
  state->durable_to = {head.segment + 1, 0};
  state->thread = std::thread([raw = state.get()] { raw->Run(); });
  return std::unique_ptr<Trail>(new Trail(std::move(state)));
}

void Trail::Know(std::span<const aws::Service> services) { state_->shown = Shown(services); }

Status Trail::Admit() const {
  if (!state_->strict() || !state_->failing) return {};
  std::string why;
  {
    const std::lock_guard lock(state_->mutex);
    why = state_->failure;
  }
  return Error(Errc::kUnavailable,
               "The audit trail cannot be written, and nothing is done that is not recorded. The operator's log says "
               "why.")
      .WithDetail(std::move(why));
}

void Trail::Record(const aws::EndedCall& ended) {
  thread_local std::string record;
  record.clear();
  AppendCall(state_->shown, ended, record);
  state_->Take(record);
}

void Trail::Record(const ports::AuditEvent& event) {
  std::string record;
  AppendEvent(event, state_->Now(), record);
  state_->Take(record);
}

bool Trail::holds_answers() const noexcept { return state_->strict(); }

Task<Status> Trail::Durable() {
  using Token = asio::use_awaitable_t<LoopExecutor>;
  auto begin = [state = state_](auto handler) {
    using Handler = decltype(handler);
    const LoopExecutor loop = asio::get_associated_executor(handler, LoopExecutor(handler.get_executor()));
    auto waiting = std::make_shared<Handler>(std::move(handler));
    // Tracked, so that a loop with nothing else to do does not end before the record is durable.
    auto tracked = asio::prefer(loop, asio::execution::outstanding_work.tracked);
    Resume resume = [waiting, tracked](Status status) {
      asio::post(tracked, [waiting, settled = std::move(status)]() mutable { (*waiting)(std::move(settled)); });
    };
    bool now = false;
    {
      const std::lock_guard lock(state->mutex);
      now = state->durable_records >= state->recorded || state->stopping;
      if (!now) state->waiters.emplace_back(state->recorded, resume);
    }
    if (now) resume(Status());
  };
  Status status = co_await asio::async_initiate<const Token, void(Status)>(begin, Token());
  co_return status;
}

DurableTo Trail::durable() const {
  const std::lock_guard lock(state_->mutex);
  return state_->durable_to;
}

Status Trail::CloseSegment() {
  std::unique_lock lock(state_->mutex);
  if (state_->stopping) return {};
  state_->close_wanted = true;
  state_->work.notify_one();
  state_->done.wait(lock, [this] { return !state_->close_wanted || state_->stopping; });
  return state_->close_result;
}

TrailHealth Trail::health() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->recorded, state_->lost, state_->waiting.size() + state_->stuck_bytes, state_->failure};
}

namespace {

class TrailMetrics final : public prometheus::Collectable {
 public:
  explicit TrailMetrics(std::function<TrailHealth()> look) : look_(std::move(look)) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    const TrailHealth health = look_();
    const auto family = [](std::string name, std::string help, prometheus::MetricType type, double value) {
      prometheus::ClientMetric metric;
      (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
      return prometheus::MetricFamily{std::move(name), std::move(help), type, {metric}};
    };
    return {family("strongroom_audit_records_total", "Audit records made", prometheus::MetricType::Counter,
                   static_cast<double>(health.records)),
            family("strongroom_audit_records_lost_total", "Audit records dropped because the disk took none",
                   prometheus::MetricType::Counter, static_cast<double>(health.lost)),
            family("strongroom_audit_waiting_bytes", "Audit records not yet written", prometheus::MetricType::Gauge,
                   static_cast<double>(health.waiting_bytes)),
            family("strongroom_audit_failing", "1 while audit records cannot be written", prometheus::MetricType::Gauge,
                   health.failure.empty() ? 0 : 1)};
  }

 private:
  std::function<TrailHealth()> look_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> Trail::metrics() const {
  return std::make_shared<TrailMetrics>([state = state_] {
    const std::lock_guard lock(state->mutex);
    return TrailHealth{state->recorded, state->lost, state->waiting.size() + state->stuck_bytes, state->failure};
  });
}

void Trail::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work.notify_all();
  state_->done.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  std::vector<std::pair<std::uint64_t, Resume>> left;
  {
    const std::lock_guard lock(state_->mutex);
    left.swap(state_->waiters);
  }
  for (auto& [number, resume] : left) resume(Error(Errc::kUnavailable, "The service is stopping."));
}

}  // namespace strongroom::trail
