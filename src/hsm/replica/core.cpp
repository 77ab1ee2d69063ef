#include "hsm/replica/core.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace strongroom::hsm::replica {

Replica::Core::Core(Loop& loop, StoreLink& store, ReplicaOptions options, Device device, LocalLog log)
    : loop_(loop),
      store_(store),
      options_(std::move(options)),
      device_(std::move(device)),
      log_(std::move(log)),
      state_(options_.feature_level),
      turns_(loop),
      answered_(loop),
      poll_timer_(loop) {}

Status Replica::Core::Usable() const {
  if (dropped_) return Error(Errc::kCancelled, "The HSM is stopping.");
  if (stopped_) return *stopped_;
  return {};
}

Status Replica::Core::InCluster() const {
  SR_CHECK(Usable());
  if (state_.lifecycle() == proto::EMPTY) return Error(Errc::kInvalidState, "This HSM belongs to no cluster.");
  return {};
}

bool Replica::Core::changes_possible() const noexcept {
  return serving() && !store_away_ && !contradiction_ && !log_.pending();
}

bool Replica::Core::serving() const noexcept {
  return !Gone() && state_.lifecycle() != proto::EMPTY && state_.members().contains(options_.hsm_id);
}

bool Replica::Core::Dies(Step step) {
  if (dropped_) return true;
  if (!options_.die_at || !options_.die_at(step)) return false;
  Drop();
  return true;
}

void Replica::Core::Drop() {
  if (dropped_) return;
  dropped_ = true;
  FailWaiting(Error(Errc::kCancelled, "The HSM is stopping."));
  poll_timer_.cancel();
}

void Replica::Core::Stop(Error why) {
  if (stopped_ || dropped_) return;
  LogError("this HSM stops serving", why);
  stopped_ = why;
  state_ = State(options_.feature_level);
  position_.clear();
  FailWaiting(why);
  if (options_.on_stopped) Later([self = shared_from_this()] { self->options_.on_stopped(*self->stopped_); });
}

void Replica::Core::Later(const std::function<void()>& callback) {
  if (!callback) return;
  boost::asio::post(loop_, [self = shared_from_this(), callback] {
    if (!self->dropped_) callback();
  });
}

void Replica::Core::FailWaiting(const Error& error) {
  for (const RequestPtr& request : std::exchange(waiting_, {})) request->outcome = error;
  answered_.NotifyAll();
}

void Replica::Core::Finish(const RequestPtr& request, Result<Bytes> outcome) {
  request->outcome = std::move(outcome);
  answered_.NotifyAll();
}

void Replica::Core::SetStoreAway(bool away, const std::string& why) {
  if (away && !store_away_) log::Warn("the cluster's log cannot be reached: {}", why);
  if (!away && store_away_) log::Info("the cluster's log can be reached again");
  store_away_ = away;
}

void Replica::Core::Start() {
  if (polling_) return;
  polling_ = true;
  boost::asio::co_spawn(
      loop_, [self = shared_from_this()] { return self->Poll(); }, boost::asio::detached);
}

Task<void> Replica::Core::Poll() {
  constexpr auto kToken = boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{});
  for (bool noticed = false; !Gone();) {
    if (!device_.cluster_id().empty()) {
      const Status caught_up = co_await CatchUp(noticed ? Reason::kNotice : Reason::kPoll);
      if (caught_up.ok()) co_await RaiseFeatureLevel();
    }
    if (Gone()) break;
    noticed = std::exchange(poll_now_, false);
    if (noticed) continue;
    poll_timer_.expires_after(options_.poll);
    co_await poll_timer_.async_wait(kToken);
    noticed = std::exchange(poll_now_, false);
  }
}

void Replica::Core::OnLogNotice(const proto::LogNotice& notice) {
  if (notice.cluster_id() != device_.cluster_id() || notice.head() <= head_.number) return;
  noticed_head_ = notice.head();
  poll_now_ = true;
  poll_timer_.cancel();
}

Status Replica::Core::BuildFromSnapshot() {
  if (log_.snapshot().empty()) return {};
  SR_TRY(const Envelope envelope, ParseSnapshot(log_.snapshot()));
  const SharedSecret secret = device_.SecretOf(envelope.epoch);
  if (!secret) return Error(Errc::kCorrupted, "The HSM's snapshot is of an epoch whose secret it does not have.");
  SR_TRY(const SnapshotContent content, OpenSnapshot(envelope, *secret, device_.cluster_id()));
  SR_TRY(state_, State::FromSnapshot(content.body, content.segments, options_.feature_level));
  head_ = Head{envelope.number, envelope.link};
  log_.ReleaseSnapshot();
  return {};
}

Status Replica::Core::Replay() {
  if (device_.cluster_id().empty()) {
    if (log_.last() == 0 && log_.snapshot().empty()) return {};
    if (!device_.left_cluster().empty()) {
      log::Warn("what was left of the log of {}, which this HSM has left, is removed", device_.left_cluster());
      return log_.Destroy();
    }
    return Error(Errc::kCorrupted,
                 "There is a cluster's log, but device.sealed is of no cluster. Nothing was overwritten.");
  }
  SR_CHECK(BuildFromSnapshot());
  const auto pending = log_.pending();
  while (head_.number < log_.last()) {
    const std::uint64_t number = head_.number + 1;
    SR_TRY(Bytes record, log_.Read(number));
    auto verified = Verify(record);
    if (pending && number == *pending) {
      if (verified.ok()) {
        pending_record_ = std::move(record);
        break;
      }
      // Its sync did not end before the crash, so it was never offered.
      log::Warn("record {} was not written whole and is cut off", number);
      SR_CHECK(log_.CutOff());
      break;
    }
    if (!verified.ok()) return std::move(verified).error();
    if (verified->starts_epoch && !verified->removes_me && !device_.SecretOf(verified->envelope.epoch + 1))
      SR_CHECK(Prepare(*verified));
    SR_CHECK(Apply(*verified));
    if (stopped_) return {};
  }
  RefreshPosition();
  if (state_.lifecycle() != proto::EMPTY) {
    if (const Status made = EnsureHsmCertificate(); !made.ok()) LogError("making the HSM certificate", made.error());
  }
  return {};
}

}  // namespace strongroom::hsm::replica
