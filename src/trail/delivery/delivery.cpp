#include "trail/delivery/delivery.h"

#include <fmt/format.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <boost/json.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "trail/delivery/log_files.h"
#include "trail/keeping/rows.h"

namespace strongroom::trail {
namespace {

namespace json = boost::json;

/// What has been delivered: all segments up to this one, and the digest of the last.
struct Position {
  std::int64_t segment = 0;
  std::string object, hash, signature;  // of the digest; empty before the first
};

std::string Write(const Position& position) {
  return json::serialize(json::object{{"segment", position.segment},
                                      {"digest", position.object},
                                      {"hash", position.hash},
                                      {"signature", position.signature}});
}

Result<Position> ParsePosition(std::string_view text) {
  boost::system::error_code failed;
  const json::value parsed = json::parse(text, failed);
  const json::object* in = failed ? nullptr : parsed.if_object();
  Position position;
  bool good = in != nullptr;
  if (good) {
    const json::value* segment = in->if_contains("segment");
    good = segment != nullptr && segment->is_int64();
    if (good) position.segment = segment->get_int64();
    for (const auto& [name, to] :
         {std::pair{"digest", &position.object}, {"hash", &position.hash}, {"signature", &position.signature}}) {
      const json::value* value = in->if_contains(name);
      good = good && value != nullptr && value->is_string();
      if (good) *to = std::string(value->get_string());
    }
  }
  if (!good) return Error(Errc::kCorrupted, "The store's note of how far the audit trail was delivered is damaged.");
  return position;
}

}  // namespace

std::string SignedText(const SignedDigest& digest) {
  return fmt::format("{}\n{}\n{}\n{}", digest.end_time, digest.place, digest.hash,
                     digest.previous_signature.empty() ? "null" : digest.previous_signature);
}

struct Delivery::State {
  State(store::Database& d, DeliveryOptions o) : database(d), options(std::move(o)) {}

  store::Database& database;
  DeliveryOptions options;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable_any wake;
  DeliveryHealth now;
  std::jthread thread;

  // The thread's alone.
  std::unique_ptr<aws_client::ObjectStore> bucket;
  std::pair<std::string, std::int64_t> sending;  // front end and segment
  std::map<std::string, json::object> sent;      // its files that are in the bucket, as the digest names them

  void Run(const std::stop_token& stop);
  Status Round(const std::stop_token& stop);
  Status DeliverAll(const std::string& front_end, const std::stop_token& stop);
  Status Segment(const SegmentRow& segment, Position& position, const std::stop_token& stop);
  Result<std::int64_t> Files(const SegmentRow& segment, json::array& files, const std::stop_token& stop);
  Status Send(const std::string& object, std::string_view bytes, const std::stop_token& stop);
  Status Claim(const std::string& front_end) const;
  Status Digest(const SegmentRow& segment, std::int64_t unreadable, json::array files, Position& position,
                const std::stop_token& stop);
  void Note(const Status& status);
  void Wait(const std::stop_token& stop, std::chrono::milliseconds time);
  std::string PositionName(const std::string& front_end) const {
    return fmt::format("audit-delivered {} {}/{}", front_end, options.bucket, options.prefix);
  }
  std::string Object(std::string_view name) const { return options.prefix + std::string(name); }
};

void Delivery::State::Wait(const std::stop_token& stop, std::chrono::milliseconds time) {
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [&stop] { return stop.stop_requested(); });
}

void Delivery::State::Note(const Status& status) {
  const std::string why = status.ok() ? "" : status.error().public_message();
  const std::lock_guard lock(mutex);
  if (why == now.failure) return;
  if (why.empty()) {
    log::Info("audit: delivery to bucket {} works again", options.bucket);
  } else {
    log::Error("audit: delivery to bucket {}: {}", options.bucket, status.error().ForLog());
  }
  now.failure = why;
}

/// Before each object that is sent, so that two front ends never write one name.
Status Delivery::State::Claim(const std::string& front_end) const {
  if (front_end == options.front_end) return {};
  SR_TRY(const bool mine, options.gone.claim(front_end));
  if (!mine) return Error(Errc::kConflict, "Another front end delivers the records of " + front_end + " by now.");
  return {};
}

Status Delivery::State::Send(const std::string& object, std::string_view bytes, const std::stop_token& stop) {
  const auto put = bucket->Put(object, AsBytes(bytes), aws_client::PutIf::kAny);
  if (!put.ok()) return put.error();
  Wait(stop, std::chrono::milliseconds(bytes.size() * 1000 / std::max<std::size_t>(options.bytes_per_second, 1)));
  if (stop.stop_requested()) return Error(Errc::kCancelled, "The service is stopping.");
  return {};
}

/// Sends a segment's files; how many of its blocks do not read.
Result<std::int64_t> Delivery::State::Files(const SegmentRow& segment, json::array& files,
                                            const std::stop_token& stop) {
  const auto send = [&](LogFile file) -> Status {
    auto& told = sent[file.object];
    if (told.empty()) {
      SR_CHECK(Claim(segment.front_end));
      SR_TRY(const std::string packed, Gzip(file.json));
      SR_CHECK(Send(file.object, packed, stop));
      told = {{"s3Bucket", options.bucket},
              {"s3Object", Object(file.object)},
              {"hashValue", Hex(crypto::Sha256(AsBytes(file.json)))},
              {"hashAlgorithm", "SHA-256"},
              {"newestEventTime", IsoTime(file.last_millis)},
              {"oldestEventTime", IsoTime(file.first_millis)}};
      const std::lock_guard lock(mutex);
      ++now.files;
      now.records += static_cast<std::uint64_t>(file.records);
    }
    files.push_back(told);
    return {};
  };
  LogFiles made(segment, options.home, options.file_bytes, options.most_bytes, send);
  SR_TRY(const trail::Directory directory, ParseDirectory(segment.directory));
  std::int64_t unreadable = 0;
  for (std::size_t block = 0; block < directory.size(); ++block) {
    if (stop.stop_requested()) return Error(Errc::kCancelled, "The service is stopping.");
    struct Found {
      std::optional<Bytes> packed;
      bool closed = false;
    };
    SR_TRY(const Found found, database.Read([&](store::Transaction& t) -> Result<Found> {
      Found one;
      SR_TRY(one.packed, LoadBlock(t, segment.front_end, segment.number, static_cast<std::int64_t>(block)));
      SR_TRY(const auto row, LoadSegment(t, segment.front_end, segment.number));
      one.closed = row && row->closed;
      return one;
    }));
    if (!found.closed) return Error(Errc::kConflict, "A segment is brought to the store anew just now.");
    auto bytes = found.packed ? Unpacked(AsText(*found.packed), kMostUnpackedBlock)
                              : Result<std::string>(Error(Errc::kCorrupted, "It is not there."));
    Status fed = bytes.ok() ? made.Feed(*bytes) : Status(bytes.error());
    if (fed.ok()) continue;
    if (fed.error().code() != Errc::kCorrupted) return fed.error();
    ++unreadable;
    log::Error("audit: block {} of segment {} cannot be delivered as it does not read: {}", block, segment.number,
               fed.error().ForLog());
  }
  SR_CHECK(made.Finish());
  return unreadable;
}

Status Delivery::State::Digest(const SegmentRow& segment, std::int64_t unreadable, json::array files,
                               Position& position, const std::stop_token& stop) {
  SR_TRY(const Bytes public_key, options.public_key());
  const auto& [account, region] = options.home;
  std::string stamp = IsoTime(segment.last_millis);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  const std::string name =
      fmt::format("AWSLogs/{0}/CloudTrail-Digest/{1}/{2}/{0}_CloudTrail-Digest_{1}_{3}-{4:012}_{1}_{5}.json.gz",
                  account, region, DayPath(segment.last_millis), segment.front_end, segment.number, stamp);
  const auto text = [](const std::string& value) { return value.empty() ? json::value() : json::value(value); };
  const json::object digest{
      {"awsAccountId", account},
      {"digestStartTime", IsoTime(segment.first_millis)},
      {"digestEndTime", IsoTime(segment.last_millis)},
      {"digestS3Bucket", options.bucket},
      {"digestS3Object", Object(name)},
      {"digestPublicKeyFingerprint", Hex(crypto::Sha256(public_key))},
      {"digestSignatureAlgorithm", "ECDSA_SHA_256"},
      {"newestEventTime", IsoTime(segment.last_millis)},
      {"oldestEventTime", IsoTime(segment.first_millis)},
      {"previousDigestS3Bucket", position.object.empty() ? json::value() : json::value(options.bucket)},
      {"previousDigestS3Object", text(position.object)},
      {"previousDigestHashValue", text(position.hash)},
      {"previousDigestHashAlgorithm", position.object.empty() ? json::value() : json::value("SHA-256")},
      {"previousDigestSignature", text(position.signature)},
      {"logFiles", std::move(files)},
      {"strongroom",
       {{"frontEnd", segment.front_end},
        {"segment", segment.number},
        {"firstRecord", segment.first_record},
        {"records", segment.records},
        {"lastHash", Hex(segment.last_hash)},
        {"unreadableBlocks", unreadable}}}};
  const std::string body = json::serialize(digest);
  const SignedDigest terms{IsoTime(segment.last_millis), options.bucket + "/" + Object(name),
                           Hex(crypto::Sha256(AsBytes(body))), position.signature};
  SR_TRY(const Bytes signature, options.sign(ToBytes(AsBytes(SignedText(terms)))));
  SR_TRY(const std::string packed, Gzip(body));
  SR_CHECK(Claim(segment.front_end));
  SR_CHECK(Send(name + ".sig", Hex(signature), stop));
  SR_CHECK(Send(name, packed, stop));
  position = {segment.number, Object(name), terms.hash, Hex(signature)};
  return {};
}

Status Delivery::State::Segment(const SegmentRow& segment, Position& position, const std::stop_token& stop) {
  const std::pair now_sending(segment.front_end, segment.number);
  if (std::exchange(sending, now_sending) != now_sending) sent.clear();
  json::array files;
  SR_TRY(const std::int64_t unreadable, Files(segment, files, stop));
  SR_CHECK(Digest(segment, unreadable, std::move(files), position, stop));
  const std::string written = Write(position);
  const Status kept = database.Transact([&](store::Transaction& t) -> Status {
    SR_CHECK(
        t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                  {store::Text(PositionName(segment.front_end)), store::Blob(AsBytes(written))}));
    return {};
  });
  SR_CHECK(kept);
  sending = {};
  sent.clear();
  return {};
}

/// Delivers what is there of one front end; of one that is gone, unless another front end does.
Status Delivery::State::DeliverAll(const std::string& front_end, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    struct Next {
      Position position;
      std::optional<SegmentRow> segment;
      std::int64_t waiting = 0;
    };
    SR_TRY(Next next, database.Read([&](store::Transaction& t) -> Result<Next> {
      Next found;
      SR_TRY(const auto row,
             t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(PositionName(front_end))}));
      if (row) {
        SR_TRY(found.position, ParsePosition(AsText(row->Blob(0))));
      }
      SR_TRY(const auto closed, t.QueryOne("SELECT COUNT(*), MIN(number) FROM audit_segments WHERE front_end = $1 AND "
                                           "number > $2 AND closed = 1",
                                           {store::Text(front_end), found.position.segment}));
      found.waiting = closed ? closed->Int(0) : 0;
      if (found.waiting > 0) {
        SR_TRY(found.segment, LoadSegment(t, front_end, closed->Int(1)));
      }
      return found;
    }));
    if (front_end == options.front_end) {
      const std::lock_guard lock(mutex);
      now.waiting_segments = next.waiting;
    }
    if (!next.segment) return {};
    if (front_end != options.front_end) {
      SR_TRY(const bool mine, options.gone.claim(front_end));
      if (!mine) return {};
      // With the claim: what it begins with may be what another one has just ended with.
      SR_TRY(const auto row, database.Read([&](store::Transaction& t) {
        return t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(PositionName(front_end))});
      }));
      if (row) {
        SR_TRY(const Position there, ParsePosition(AsText(row->Blob(0))));
        if (there.segment != next.position.segment) continue;
      }
    }
    if (next.position.segment > 0 && next.segment->number > next.position.segment + 1)
      log::Warn("audit: segments {} to {} of {} were removed before they were delivered to bucket {}",
                next.position.segment + 1, next.segment->number - 1, front_end, options.bucket);
    if (!bucket) {
      SR_TRY(bucket, options.open(stop));
    }
    SR_CHECK(Segment(*next.segment, next.position, stop));
    Note({});
  }
  return {};
}

Status Delivery::State::Round(const std::stop_token& stop) {
  SR_CHECK(DeliverAll(options.front_end, stop));
  if (!options.gone.names) return {};
  SR_TRY(const std::vector<std::string> names, options.gone.names());
  for (const std::string& name : names)
    if (name != options.front_end) SR_CHECK(DeliverAll(name, stop));
  return {};
}

void Delivery::State::Run(const std::stop_token& stop) {
  std::chrono::milliseconds pause = options.first_pause;
  while (!stop.stop_requested()) {
    const Status done = Round(stop);
    if (stop.stop_requested()) return;
    if (done.ok()) {
      Note(done);
      pause = options.first_pause;
      Wait(stop, options.look_every);
      continue;
    }
    Note(done);
    // Settings and credentials may be others by the next time.
    bucket.reset();
    Wait(stop, pause);
    pause = std::min(pause * 2, options.most_pause);
  }
}

Delivery::Delivery(store::Database& database, DeliveryOptions options)
    : state_(std::make_shared<State>(database, std::move(options))) {}
Delivery::~Delivery() { Stop(); }

void Delivery::Start() {
  state_->thread = std::jthread([state = state_.get()](const std::stop_token& stop) { state->Run(stop); });
}

void Delivery::Stop() {
  if (!state_->thread.joinable()) return;
  state_->thread.request_stop();
  state_->thread.join();
}

DeliveryHealth Delivery::health() const {
  const std::lock_guard lock(state_->mutex);
  return state_->now;
}

namespace {

class DeliveryMetrics final : public prometheus::Collectable {
 public:
  explicit DeliveryMetrics(std::function<DeliveryHealth()> look) : look_(std::move(look)) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    const DeliveryHealth health = look_();
    const auto family = [](std::string name, std::string help, prometheus::MetricType type, double value) {
      prometheus::ClientMetric metric;
      (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
      return prometheus::MetricFamily{std::move(name), std::move(help), type, {metric}};
    };
    return {family("strongroom_audit_delivered_records_total", "Audit records delivered to the bucket",
                   prometheus::MetricType::Counter, static_cast<double>(health.records)),
            family("strongroom_audit_delivered_files_total", "Files of audit records delivered to the bucket",
                   prometheus::MetricType::Counter, static_cast<double>(health.files)),
            family("strongroom_audit_delivery_waiting_segments", "Closed segments that are not in the bucket",
                   prometheus::MetricType::Gauge, static_cast<double>(health.waiting_segments)),
            family("strongroom_audit_delivery_failing", "1 while audit records cannot be delivered to the bucket",
                   prometheus::MetricType::Gauge, health.failure.empty() ? 0 : 1)};
  }

 private:
  std::function<DeliveryHealth()> look_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> Delivery::metrics() const {
  return std::make_shared<DeliveryMetrics>([state = state_] {
    const std::lock_guard lock(state->mutex);
    return state->now;
  });
}

}  // namespace strongroom::trail
