#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "store/database.h"

namespace strongroom::store {

/// "This has changed, look again", never what it changed to. kind is the writer's word ("kms-key", "cluster" ...).
struct FeedEntry {
  std::string kind;
  std::string account;
  std::string region;
  std::string id;
  std::int64_t number = 0;
};

/// Tells caches of this process what any front end has committed, within a second.
///
/// Promise   each committed Transaction::Change() reaches every subscriber at least once. Commit order is not number
///           order, so each poll re-reads a window longer than a transaction may last and drops what it has seen.
///           After an outage longer than entries are kept, subscribers get one entry of kind kEverything instead.
///           Local commits wake the poller at once. (PostgreSQL's NOTIFY is not used: it serialises commits.)
/// Errors    a failed poll is logged once per outage and tried again; see last_success().
/// Threads   subscribers are called on the feed's own thread, one after another; they hand over and return.
/// Lifetime  the Database outlives the feed. After the destructor no subscriber is called.
class ChangeFeed {
 public:
  /// Everything may have changed: drop all.
  static constexpr std::string_view kEverything = "*";
  using Subscriber = std::function<void(std::span<const FeedEntry>)>;

  struct Options {
    std::chrono::milliseconds interval{250};
    std::chrono::milliseconds keep{3'600'000};  ///< older entries are deleted
  };

  explicit ChangeFeed(Database& database) : ChangeFeed(database, Options()) {}
  ChangeFeed(Database& database, Options options);
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  /// Before Start() only.
  void Subscribe(Subscriber subscriber);
  /// Remembers where the feed stands and starts the thread: everything committed after Start() returns is reported,
  /// so caches are filled after it. Errors: the store's.
  Status Start();
  /// With the database away, what caches know is served for so long, and no longer.
  static constexpr std::chrono::seconds kStaleLimit{300};
  /// When the last poll succeeded; the clock's epoch before Start().
  std::chrono::steady_clock::time_point last_success() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::store
