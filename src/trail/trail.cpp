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

#include "aws/http/loop_slot.h"
#include "base/file.h"
#include "base/log.h"
#include "trail/record/record.h"
#include "trail/record/refused.h"

namespace strongroom::trail {
namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace {

/// The writer is woken for that much of one thread at once; less waits for its time.
constexpr std::size_t kWakeBytes = 1 << 20;
constexpr std::chrono::milliseconds kRetry{200};

using Resume = std::function<void(Status)>;

/// Puts aside what follows the last whole group of a segment that a crash has left, and gives the chain's head.
Result<ChainHead> TakeUp(const fs::path& directory, std::int64_t number) {
  const fs::path file = SegmentFile(directory, number);
  SR_TRY(const SegmentContent content, ReadSegment(file));
  if (content.torn) {
    fs::path aside = file;
    aside.replace_extension(".damaged");
    std::error_code failed;
    fs::copy_file(file, aside, fs::copy_options::overwrite_existing, failed);
    if (!failed) fs::resize_file(file, Encode(content.header).size() + content.groups.size(), failed);
    if (failed) return FileError("shorten", file, failed.value());
    log::Warn("audit: the end of {} is no whole record, as after a crash: {} has a copy of the file", file.string(),
              aside.string());
    if (!content.damage.empty()) log::Error("audit: {}", content.damage);
  }
  return ChainHead{content.header.number, content.header.first_record + content.records, content.last};
}

}  // namespace

/// What one thread has recorded and the writer has not taken.
struct alignas(64) Trail::Lane {
  std::mutex mutex;
  Recorder recorder;
  std::uint64_t recorded = 0, lost = 0;
};

struct Trail::State {
  explicit State(TrailOptions o) : options(std::move(o)) {
    for (std::size_t i = 0; i <= options.loops; ++i) lanes.push_back(std::make_unique<Lane>());
  }

  TrailOptions options;
  Shown shown;
  std::vector<std::unique_ptr<Lane>> lanes;  // the last one is for other threads
  RefusedCalls refused;
  std::atomic<std::size_t> stuck_bytes{0};  // taken by the writer, not written
  std::atomic<bool> failing{false};

  mutable std::mutex mutex;  // of what follows
  std::condition_variable work, done;
  std::vector<Resume> waiters;
  std::string failure;
  bool stopping = false, close_wanted = false, much_waits = false;
  Status close_result;
  DurableTo durable_to;

  // The writer thread's alone.
  SegmentWriter segment;
  Chain chain;
  std::int64_t last_segment = 0, next_record = 1;
  std::string stuck, spare;  // groups that are to be written
  Recorder own;
  std::uint64_t told_lost = 0;
  std::thread thread;

  bool strict() const noexcept { return options.mode == Mode::kStrict; }
  ports::WallTime Now() const { return options.clock->Now(); }
  template <class Make>
  void Record(Make make);
  TrailHealth Health() const;
  void Run();
  void Collect();
  void TellWhatIsMissing(bool last);
  Status WriteStuck();
  Status Sync();
  Status CloseOpenSegment();
  void Settle(const Status& written, bool synced, std::vector<Resume> waiting);
};

template <class Make>
void Trail::State::Record(Make make) {
  Lane& lane = *lanes[std::min(aws::CurrentLoopSlot(), lanes.size() - 1)];
  bool wake = false;
  {
    const std::lock_guard lock(lane.mutex);
    const std::size_t before = lane.recorder.groups().bytes();
    if (before + stuck_bytes.load(std::memory_order_relaxed) >= options.most_waiting_bytes) {
      ++lane.lost;
      return;
    }
    lane.recorded += make(lane.recorder);
    wake = before < kWakeBytes && lane.recorder.groups().bytes() >= kWakeBytes;
  }
  if (!wake) return;
  {
    const std::lock_guard lock(mutex);
    much_waits = true;
  }
  work.notify_one();
}

/// Takes what the threads have recorded, unless too much waits already.
void Trail::State::Collect() {
  if (stuck.size() < options.most_waiting_bytes) {
    for (const auto& lane : lanes) {
      {
        const std::lock_guard lock(lane->mutex);
        if (lane->recorder.groups().bytes() == 0) continue;
        spare = lane->recorder.groups().Take(std::move(spare));
      }
      if (stuck.empty()) {
        stuck.swap(spare);
      } else {
        stuck += spare;
      }
    }
  }
}

/// Records for what has none: records that were dropped, and refused calls that were only counted.
void Trail::State::TellWhatIsMissing(bool last) {
  ports::AuditEvent event;
  event.account = options.home.account;
  event.region = options.home.region;
  event.event_source = "strongroom";
  const std::uint64_t lost = Health().lost;
  if (lost > told_lost && !failing) {
    event.event_name = "AuditRecordsLost";
    event.details = {{"count", std::to_string(lost - std::exchange(told_lost, lost))}};
    own.Event(event, Now());
  }
  if (const auto left_out = refused.Take(std::chrono::steady_clock::now(), last)) {
    std::string sources;
    for (const auto& [address, count] : left_out->sources)
      sources += fmt::format("{}{}: {}", sources.empty() ? "" : ", ", address, count);
    event.event_name = "RefusedCallsNotRecorded";
    event.details = {{"count", std::to_string(left_out->count)}, {"sources", std::move(sources)}};
    own.Event(event, Now());
  }
  if (own.groups().bytes() > 0) stuck += own.groups().Take({});
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
    chain = Chain(first);
  }
  Chain next = chain;
  const std::int64_t count = next.Link(stuck);
  SR_CHECK(segment.Append(stuck, count));
  chain = next;
  next_record += count;
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

/// Tells what has come of one round to those who wait for it.
void Trail::State::Settle(const Status& written, bool synced, std::vector<Resume> waiting) {
  std::string said;
  stuck_bytes = stuck.size();
  {
    const std::lock_guard lock(mutex);
    const std::string why = written.ok() ? "" : written.error().public_message();
    if (why != failure)
      said = why.empty() ? "audit: records are written again" : "audit: records cannot be written: " + why;
    failure = why;
    failing = !written.ok();
  }
  if (!said.empty())
    log::Write(written.ok() ? log::Level::kWarn : log::Level::kError, "{}", fmt::make_format_args(said));
  for (Resume& resume : waiting) {
    resume(written.ok() && synced ? Status() : Status(Error(Errc::kUnavailable, "The audit trail cannot be written.")));
  }
}

void Trail::State::Run() {
  auto next_sync = std::chrono::steady_clock::now() + options.sync_every;
  for (bool last = false; !last;) {
    bool close = false;
    std::vector<Resume> waiting;
    {
      std::unique_lock lock(mutex);
      // What could not be written is tried again after a while, not with each new record.
      if (failing) {
        work.wait_for(lock, kRetry, [this] { return stopping; });
      } else {
        work.wait_for(lock, options.write_every,
                      [this] { return stopping || close_wanted || much_waits || !waiters.empty(); });
      }
      last = stopping;
      close = close_wanted;
      much_waits = false;
      waiting.swap(waiters);
    }
    // Who waits has recorded before: what that was is taken now.
    Collect();
    TellWhatIsMissing(last);
    stuck_bytes = stuck.size();
    Status written = WriteStuck();
    const auto now = std::chrono::steady_clock::now();
    const bool sync = !waiting.empty() || strict() || close || last || now >= next_sync;
    if (written.ok() && sync) {
      written = Sync();
      next_sync = now + options.sync_every;
    }
    if (written.ok() && (close || last)) written = CloseOpenSegment();
    Settle(written, sync, std::move(waiting));
    if (close) {
      const std::lock_guard lock(mutex);
      close_wanted = false;
      close_result = written;
      done.notify_all();
    }
  }
}

TrailHealth Trail::State::Health() const {
  TrailHealth health;
  health.waiting_bytes = stuck_bytes;
  for (const auto& lane : lanes) {
    const std::lock_guard lock(lane->mutex);
    health.records += lane->recorded;
    health.lost += lane->lost;
    health.waiting_bytes += lane->recorder.groups().bytes();
  }
  const std::lock_guard lock(mutex);
  health.failure = failure;
  return health;
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
  state->chain = Chain(head.last);
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
  if (Recorder::IsNobodys(ended) &&
      !state_->refused.Admit(ended.request.remote_address, std::chrono::steady_clock::now()))
    return;
  state_->Record([&](Recorder& to) { return to.Call(state_->shown, ended, state_->options.home); });
}

void Trail::Record(const ports::AuditEvent& event) {
  state_->Record([&](Recorder& to) {
    to.Event(event, state_->Now());
    return 1U;
  });
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
    bool stopping = false;
    {
      const std::lock_guard lock(state->mutex);
      stopping = state->stopping;
      if (!stopping) state->waiters.push_back(resume);
    }
    if (stopping) return resume(Error(Errc::kUnavailable, "The service is stopping."));
    state->work.notify_one();
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

TrailHealth Trail::health() const { return state_->Health(); }

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
  return std::make_shared<TrailMetrics>([state = state_] { return state->Health(); });
}

void Trail::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work.notify_all();
  state_->done.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace strongroom::trail
