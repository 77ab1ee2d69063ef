#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "trail/record/record.h"
#include "trail/segment/entry.h"
#include "trail/segment/indexer.h"

namespace strongroom::trail::testing {

/// One record to make; what is not said is the same in all.
struct Made {
  std::int64_t millis = 0;
  std::string name = "Decrypt";
  std::string key = "k1";  // of the resource's ARN
  std::string account = "111122223333", region = "eu-central-1";
  std::string access_key = "AKIAIOSFODNN7EXAMPLE";
  bool read_only = true;
};

inline std::string KeyArn(const Made& made) {
  return "arn:aws:kms:" + made.region + ":" + made.account + ":key/" + made.key;
}

/// Records it as one of a trail.
inline void Record(const Made& made, Recorder& to) {
  ports::AuditEvent event;
  event.kind = ports::AuditEvent::Kind::kForeignCall;
  event.account = made.account;
  event.region = made.region;
  event.event_name = made.name;
  event.resources = {KeyArn(made)};
  event.access_key_id = made.access_key;
  event.read_only = made.read_only;
  event.request_id = "5f3c0a9e-1f0a-4c7e-9a55-1d2c3b4a5968";
  event.source_ip = "192.0.2.7";
  event.user_agent = "aws-cli/2.9.19";
  event.details = {{"keyId", KeyArn(made)}, {"encryptionAlgorithm", "SYMMETRIC_DEFAULT"}};
  to.Event(event, ports::WallTime(std::chrono::milliseconds(made.millis)));
}

/// Every record of these groups as JSON, in their order.
inline std::vector<std::string> JsonOfAll(std::string_view bytes) {
  std::vector<std::string> all;
  GroupReader groups(bytes);
  Group group;
  Entry entry;
  for (auto there = groups.Next(group); there.ok() && *there; there = groups.Next(group)) {
    EntryReader reader(group);
    for (auto more = reader.Next(entry); more.ok() && *more; more = reader.Next(entry)) {
      auto json = reader.JsonOf(entry);
      all.push_back(json.ok() ? std::move(*json) : json.error().ForLog());
    }
  }
  return all;
}

/// Puts closed segments of made records straight into a store, as a front end's shipper does.
class StoreFiller {
 public:
  StoreFiller(store::Database& database, std::string front_end)
      : database_(database), header_{.front_end = std::move(front_end)} {}

  void Add(const Made& made) {
    Record(made, recorder_);
    newest_ = made.millis;
  }
  /// What follows is in another group.
  void EndGroup() { groups_ += recorder_.groups().Take({}); }
  /// Ends the segment with what was added. Errors: the store's.
  Status Close() {
    header_.opened_millis = newest_;
    Indexer indexer(header_);
    Chain chain(HashOf(header_));
    EndGroup();
    const std::int64_t count = chain.Link(groups_);
    SR_CHECK(indexer.Feed(groups_));
    groups_.clear();
    Indexer::Changes changes = indexer.Take();
    changes.segment.closed = true;
    const Status put = database_.Transact([&](store::Transaction& t) -> Status {
      for (const auto& block : changes.blocks)
        SR_CHECK(PutBlock(t, header_.front_end, header_.number, block.number, block.packed));
      for (const IndexRow& row : changes.index) SR_CHECK(PutIndex(t, row));
      return PutSegment(t, changes.segment);
    });
    SR_CHECK(put);
    ++header_.number;
    header_.first_record += count;
    header_.previous = chain.last();
    return {};
  }
  std::size_t waiting_bytes() { return groups_.size() + recorder_.groups().bytes(); }

 private:
  store::Database& database_;
  SegmentHeader header_;
  Recorder recorder_;
  std::string groups_;
  std::int64_t newest_ = 0;
};

}  // namespace strongroom::trail::testing
