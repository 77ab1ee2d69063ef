#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"

namespace strongroom::store {

/// One parameter or one field. Both engines know four kinds: NULL, BIGINT, TEXT (UTF-8 without NUL) and BLOB.
using Value = std::variant<std::nullptr_t, std::int64_t, std::string, Bytes>;

/// Parameters from what callers hold.
inline Value Text(std::string_view text) { return std::string(text); }
inline Value Blob(ByteView bytes) { return ToBytes(bytes); }
inline Value OrNull(const std::optional<std::string>& text) { return text ? Value(*text) : Value(nullptr); }
inline Value OrNull(const std::optional<std::int64_t>& number) { return number ? Value(*number) : Value(nullptr); }
inline Value OrNull(const std::optional<Bytes>& bytes) { return bytes ? Value(*bytes) : Value(nullptr); }

/// One row of an answer; fields by position, from 0. Reading a NULL, a wrong kind or a missing field gives the kind's
/// empty value (0, "", no bytes): the statement and its reader stand next to each other, and tests cover both.
class Row {
 public:
  explicit Row(std::vector<Value> fields) : fields_(std::move(fields)) {}
  std::size_t size() const noexcept { return fields_.size(); }
  const std::vector<Value>& fields() const noexcept { return fields_; }
  bool IsNull(std::size_t i) const;
  std::int64_t Int(std::size_t i) const;
  const std::string& Text(std::size_t i) const;
  const Bytes& Blob(std::size_t i) const;
  std::optional<std::int64_t> OptionalInt(std::size_t i) const;
  std::optional<std::string> OptionalText(std::size_t i) const;
  std::optional<Bytes> OptionalBlob(std::size_t i) const;

 private:
  std::vector<Value> fields_;
};
using Rows = std::vector<Row>;

/// One serialisable transaction, as the function given to Transact() or Run() sees it.
///
/// SQL       written once for SQLite, PostgreSQL and what speaks PostgreSQL's language: $1, $2 ... as parameters (each
///           may occur more than once), ON CONFLICT, RETURNING, CAST(... AS BIGINT) around SUM(); no "::" casts, no
///           FOR UPDATE, no engine's own functions. TEXT compares by bytes on every engine.
/// Errors    kAlreadyExists      a unique or primary key is taken
///           kConflict           met another transaction (the whole function is run again by itself)
///           kInvalidArgument    a value breaks a constraint or is not storable text
///           kUnavailable        the database is away, or has too much to do
///           kResourceExhausted  disk or memory full
///           kCorrupted          the database contradicts itself
///           kInternal           the statement is wrong
///           After any failed statement the transaction is over: later statements fail alike and nothing is committed.
///           So "insert unless there" is INSERT ... ON CONFLICT DO NOTHING and a look at the count.
/// Threads   only inside the function, on the thread that runs it.
class Transaction {
 public:
  Transaction() = default;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  virtual ~Transaction() = default;

  /// All rows of a SELECT, or of a RETURNING clause.
  virtual Result<Rows> Query(std::string_view sql, std::span<const Value> values) = 0;
  Result<Rows> Query(std::string_view sql, std::initializer_list<Value> values = {}) {
    return Query(sql, std::span<const Value>(values.begin(), values.size()));
  }
  /// The first row, or none.
  Result<std::optional<Row>> QueryOne(std::string_view sql, std::initializer_list<Value> values = {});
  /// Runs one statement; the number of rows inserted, updated or deleted.
  virtual Result<std::int64_t> Execute(std::string_view sql, std::span<const Value> values) = 0;
  Result<std::int64_t> Execute(std::string_view sql, std::initializer_list<Value> values = {}) {
    return Execute(sql, std::span<const Value>(values.begin(), values.size()));
  }
  /// Tells every front end, once this commits, that (kind, account, region, id) has changed: see change_feed.h.
  virtual Status Change(std::string_view kind, std::string_view account, std::string_view region,
                        std::string_view id) = 0;
  /// The database's clock, in milliseconds since 1970-01-01 UTC. Deletion, expiry and leases go by it alone.
  virtual Result<std::int64_t> NowMillis() = 0;
};

/// What Open() connects to.
struct Config {
  enum class Engine : std::uint8_t { kSqlite, kPostgres };
  Engine engine = Engine::kSqlite;
  std::filesystem::path sqlite_path;  ///< the database file; created with mode 0600 where it is missing
  std::string conninfo;               ///< libpq connection string or URI
  unsigned postgres_connections = 4;  ///< 1 to 64 worker threads, each with a connection of its own
  std::size_t max_waiting = 8192;     ///< jobs that may wait for a worker; more are refused with kUnavailable
  /// A transaction that takes longer is rolled back with kTimeout: the change feed's window relies on it.
  std::chrono::milliseconds transaction_limit{10'000};
};

enum class Access : std::uint8_t { kRead, kWrite };

/// The metadata store: SQLite on one machine, PostgreSQL beyond it (DESIGN section 4).
///
/// Promise   every transaction is serialisable, and durable once reported. A function may run more than once (a
///           conflict runs it again, at most kMaxAttempts times, with a growing random pause): it must touch nothing
///           outside but its result. On SQLite, writers that wait at once share one commit; each still stands or falls
///           alone.
/// Errors    those of Transaction, and
///           kTimeout     the connection was lost while committing, so that nobody knows whether the change is in
///                        force (read, and decide), or transaction_limit has passed (nothing was changed)
///           kUnavailable the database is away; connections are made again by themselves
/// Threads   any.
/// Lifetime  outlives every loop that awaits Run(); the destructor finishes what is queued.
class Database {
 public:
  static constexpr int kMaxAttempts = 12;

  /// Opens, checks and migrates. SQLite: refuses a damaged file with kCorrupted and never resets it. PostgreSQL:
  /// refuses servers before 15, databases that are not UTF-8, and commits that are not durable (synchronous_commit or
  /// fsync off). Errors: kCorrupted, kUnavailable, kUnsupported (server or schema too new or too old),
  /// kInvalidArgument (configuration), kAccessDenied (file rights), kResourceExhausted.
  static Result<std::unique_ptr<Database>> Open(const Config& config);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs `fn` in a transaction and waits. Commits if it returns success, else rolls back and returns its error.
  /// For start-up, tools and threads of one's own; a loop uses Run().
  template <typename F>
  requires std::invocable<F&, Transaction&> std::invoke_result_t<F&, Transaction&> Transact(F fn) {
    return Wait(Access::kWrite, std::move(fn));
  }
  /// As Transact, read-only, possibly beside a writer.
  template <typename F>
  requires std::invocable<F&, Transaction&> std::invoke_result_t<F&, Transaction&> Read(F fn) {
    return Wait(Access::kRead, std::move(fn));
  }

  /// Runs `fn` (returning Status or Result<T>) in a transaction on one of the store's threads and resumes on the
  /// caller's loop. `fn` owns what it uses: it may run while the awaiting coroutine is being destroyed.
  template <typename F>
  requires std::invocable<F&, Transaction&> Task<std::invoke_result_t<F&, Transaction&>> Run(F fn) {
    return Await(Access::kWrite, std::move(fn));
  }
  template <typename F>
  requires std::invocable<F&, Transaction&> Task<std::invoke_result_t<F&, Transaction&>> RunRead(F fn) {
    return Await(Access::kRead, std::move(fn));
  }

  Config::Engine engine() const noexcept;
  std::chrono::milliseconds transaction_limit() const noexcept;

  /// Calls `hook` after each local commit that changed something for the feed, on a store thread; empty for none.
  void SetCommitHook(std::function<void()> hook);

 private:
  using Work = std::function<Status(Transaction&)>;

  /// `fn` and its answer, kept alive by whoever needs them last.
  template <typename F>
  struct Pending {
    using Answer = std::invoke_result_t<F&, Transaction&>;
    explicit Pending(F f) : fn(std::move(f)) {}
    Status operator()(Transaction& transaction) {
      answer.emplace(fn(transaction));
      return answer->ok() ? Status() : Status(answer->error());
    }
    Answer Take(Status status) {
      if (!status.ok()) return std::move(status).error();
      return *std::move(answer);
    }
    F fn;
    std::optional<Answer> answer;
  };

  template <typename F>
  std::invoke_result_t<F&, Transaction&> Wait(Access access, F fn) {
    auto job = std::make_shared<Pending<F>>(std::move(fn));
    Status status = RunAndWait(access, [job](Transaction& transaction) { return (*job)(transaction); });
    return job->Take(std::move(status));
  }
  template <typename F>
  Task<std::invoke_result_t<F&, Transaction&>> Await(Access access, F fn) {
    auto job = std::make_shared<Pending<F>>(std::move(fn));
    Work work = [job](Transaction& transaction) { return (*job)(transaction); };
    Status status = co_await RunAndResume(access, std::move(work));
    co_return job->Take(std::move(status));
  }

  Status RunAndWait(Access access, Work work);
  Task<Status> RunAndResume(Access access, Work work);

  class Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::store
