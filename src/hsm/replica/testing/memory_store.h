#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hsm/replica/record.h"
#include "hsm/replica/store_link.h"

namespace strongroom::hsm::replica::testing {

/// The logs and snapshots of a store, in memory. Copying it is a backup of it.
struct MemoryStore {
  struct Cluster {
    std::vector<Bytes> records;  // number n at n - 1
    StoredSnapshot snapshot;
    std::vector<Bytes> set_aside;
  };
  std::map<std::string, Cluster> clusters;
  std::size_t rows_per_answer = 7;
};

/// One HSM's way to a MemoryStore, with faults.
class MemoryLink final : public StoreLink {
 public:
  explicit MemoryLink(std::shared_ptr<MemoryStore> store) : store_(std::move(store)) {}

  bool away = false;     // every question fails; an offer certainly did not arrive
  bool silent = false;   // the same, but nobody can tell whether an offer arrived (it did not)
  int lose_answers = 0;  // offers that are taken, and whose answer is lost
  int offers = 0, reads = 0;
  std::string refusal;  // no plain append is taken, and this is why

  Task<Offer> Append(std::string cluster_id, std::uint64_t number, Bytes prev_hash, Bytes record) override {
    co_await Yield();
    ++offers;
    Offer offer;
    offer.why = "by order of the test";
    if (!refusal.empty()) {
      offer.outcome = Offer::Outcome::kNotOffered;
      offer.refusal = refusal;
      co_return offer;
    }
    if (away || silent) {
      offer.outcome = away ? Offer::Outcome::kNotOffered : Offer::Outcome::kUnknown;
      co_return offer;
    }
    auto& records = store_->clusters[cluster_id].records;
    if (number == records.size() + 1 && !records.empty() && ToBytes(HashOf(records.back())) != prev_hash) {
      offer.outcome = Offer::Outcome::kNotOffered;
      offer.refusal = "The store has another history.";
    } else if (number == records.size() + 1) {
      records.push_back(record);
      offer.outcome = Offer::Outcome::kAppended;
    } else if (number <= records.size()) {
      offer.outcome = records[number - 1] == record ? Offer::Outcome::kAppended : Offer::Outcome::kLost;
      if (offer.outcome == Offer::Outcome::kLost) offer.rows = RowsFrom(records, number);
    }
    co_await Yield();
    if (lose_answers > 0) {
      --lose_answers;
      offer = Offer{Offer::Outcome::kUnknown, {}, "the answer was lost"};
    }
    co_return offer;
  }

  Task<Result<Rows>> Read(std::string cluster_id, std::uint64_t from) override {
    ++reads;
    co_await Yield();
    if (away || silent) co_return Error(Errc::kUnavailable, "The store is away.");
    const auto& records = store_->clusters[cluster_id].records;
    Rows rows{RowsFrom(records, from), records.size()};
    co_return rows;
  }

  Task<Status> SetAside(std::string cluster_id, std::uint64_t from, Bytes row_hash) override {
    co_await Yield();
    if (away || silent) co_return Error(Errc::kUnavailable, "The store is away.");
    auto& cluster = store_->clusters[cluster_id];
    if (from < 1 || from > cluster.records.size() || ToBytes(HashOf(cluster.records[from - 1])) != row_hash)
      co_return Error(Errc::kConflict, "The row is another one.");
    const auto first = cluster.records.begin() + static_cast<std::ptrdiff_t>(from - 1);
    cluster.set_aside.assign(first, cluster.records.end());
    cluster.records.erase(first, cluster.records.end());
    if (cluster.snapshot.number >= from) cluster.snapshot = {};
    co_return Status{};
  }

  Task<Status> PutSnapshot(std::string cluster_id, std::uint64_t number, std::string, std::string,
                           Bytes data) override {
    co_await Yield();
    if (away || silent) co_return Error(Errc::kUnavailable, "The store is away.");
    auto& snapshot = store_->clusters[cluster_id].snapshot;
    if (number >= snapshot.number) snapshot = StoredSnapshot{number, std::move(data)};
    co_return Status{};
  }

  Task<Result<StoredSnapshot>> GetSnapshot(std::string cluster_id) override {
    co_await Yield();
    if (away || silent) co_return Error(Errc::kUnavailable, "The store is away.");
    co_return store_->clusters[cluster_id].snapshot;
  }

 private:
  static Task<void> Yield() {
    constexpr boost::asio::use_awaitable_t<LoopExecutor> kToken;
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, kToken);
  }
  std::vector<StoredRecord> RowsFrom(const std::vector<Bytes>& records, std::uint64_t from) const {
    std::vector<StoredRecord> rows;
    for (std::uint64_t n = from; n <= records.size() && rows.size() < store_->rows_per_answer; ++n)
      rows.push_back({n, records[n - 1]});
    return rows;
  }

  std::shared_ptr<MemoryStore> store_;
};

}  // namespace strongroom::hsm::replica::testing
