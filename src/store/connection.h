#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/database.h"

namespace strongroom::store {

struct Reply {
  Rows rows;
  std::int64_t changed = 0;
};

/// One connection to one engine; the seam between what is common to the engines and what is not.
///
/// Errors    those of Transaction. An error of kConflict, and no other, means that running the whole transaction again
///           may succeed. Commit() reports kTimeout when nobody knows whether the commit happened.
/// Threads   one.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  virtual Status Begin(Access access) = 0;
  virtual Status Commit() = 0;
  virtual void Rollback() noexcept = 0;
  /// To be the first of a transaction: who asks for the same waits until this transaction has ended, and then sees what
  /// it did. kConflict when that takes too long.
  virtual Status LockTable(std::string_view table) = 0;
  /// Runs one statement with $1, $2 ... inside or outside a transaction.
  virtual Result<Reply> Run(std::string_view sql, std::span<const Value> values) = 0;
  virtual Result<std::int64_t> NowMillis() = 0;
  /// False once the connection is of no more use and a new one has to be made.
  virtual bool usable() const noexcept = 0;
  /// False once the engine has dropped the open transaction by itself (SQLite does on a full disk).
  virtual bool in_transaction() const noexcept = 0;
  /// The engine's spelling of a schema file's word (TEXT, BLOB, BIGINT, AUTO_NUMBER).
  virtual std::string_view TypeName(std::string_view word) const noexcept = 0;
};

/// Opens a connection; each engine's own checks are made each time, since a server may have been configured anew.
Result<std::unique_ptr<Connection>> OpenSqlite(const Config& config, Access access);
Result<std::unique_ptr<Connection>> OpenPostgres(const Config& config);

/// Makes sure that there is a sound database file (or none yet). Errors: kCorrupted, kInvalidArgument, kAccessDenied.
Status CheckSqliteFile(const Config& config);

/// A Transaction over a Connection: what both engines have in common, such as that an error ends it.
class ConnectionTransaction final : public Transaction {
 public:
  ConnectionTransaction(Connection& connection, Access access) : connection_(connection), access_(access) {}

  Result<Rows> Query(std::string_view sql, std::span<const Value> values) override;
  Result<std::int64_t> Execute(std::string_view sql, std::span<const Value> values) override;
  Status Change(std::string_view kind, std::string_view account, std::string_view region, std::string_view id) override;
  Result<std::int64_t> NowMillis() override;

  /// The first failure of a statement, if there was one.
  const std::optional<Error>& failure() const noexcept { return failure_; }
  bool changed_feed() const noexcept { return changed_feed_; }

 private:
  Result<Reply> Run(std::string_view sql, std::span<const Value> values);

  Connection& connection_;
  Access access_;
  std::optional<Error> failure_;
  bool changed_feed_ = false;
};

/// True for what every engine can keep as TEXT: well-formed UTF-8 (RFC 3629) without NUL.
bool IsStorableText(std::string_view text) noexcept;

}  // namespace strongroom::store
