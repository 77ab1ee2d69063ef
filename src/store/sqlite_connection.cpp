#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/log.h"
#include "store/connection.h"

namespace strongroom::store {
namespace {
constexpr int kBusyMillis = 2000;
constexpr std::size_t kMaxCachedStatements = 256;
constexpr std::uintmax_t kMaxCheckedBytes = std::uintmax_t{512} << 20;
constexpr std::int64_t kApplicationId = 0x53747267;  // "Strg", in the file's header for file(1) and for us

bool IsFull(int system_errno) {
  return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG || system_errno == ENOMEM;
}

/// SQLite's result codes in our words. Source: https://www.sqlite.org/rescode.html
Error SqliteError(sqlite3* db, int code) {
  const int system_errno = db ? sqlite3_system_errno(db) : 0;
  std::string detail =
      fmt::format("sqlite {}, errno {}: {}", code, system_errno, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  const auto make = [&](Errc errc, const char* text) { return Error(errc, text).WithDetail(std::move(detail)); };
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return make(Errc::kConflict, "The store is busy with another change.");
    case SQLITE_CONSTRAINT:
      if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID)
        return make(Errc::kAlreadyExists, "That already exists.");
      return make(Errc::kInvalidArgument, "A value breaks a rule of the store.");
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return make(Errc::kInvalidArgument, "A value cannot be stored.");
    case SQLITE_FULL: return make(Errc::kResourceExhausted, "The store's disk is full.");
    case SQLITE_NOMEM: return make(Errc::kResourceExhausted, "The store is out of memory.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return make(Errc::kCorrupted, "The database file is damaged. It is left as it is; restore it from a backup.");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return make(Errc::kAccessDenied, "The database file may not be written.");
    case SQLITE_CANTOPEN:
      if (system_errno == EACCES || system_errno == EPERM)
        return make(Errc::kAccessDenied, "The database file may not be opened.");
      return make(IsFull(system_errno) ? Errc::kResourceExhausted : Errc::kUnavailable,
                  "The database file cannot be opened.");
    case SQLITE_IOERR:
      if (code == SQLITE_IOERR_CORRUPTFS || code == SQLITE_IOERR_DATA)
        return make(Errc::kCorrupted, "The database file is damaged. It is left as it is; restore it from a backup.");
      // A quota or size limit shows itself as a failed write, and SQLite has often lost the errno by then.
      if (code == SQLITE_IOERR_WRITE || IsFull(system_errno))
        return make(Errc::kResourceExhausted, "The store's disk cannot be written: it is full, over quota or failing.");
      return make(Errc::kUnavailable, "The store's disk cannot be read or written.");
    default: return make(Errc::kInternal, "");
  }
}

struct CloseDb {
  void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using DbHandle = std::unique_ptr<sqlite3, CloseDb>;
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

/// Resets at the end of a run, so that a kept statement holds no read transaction open.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(sqlite3_stmt* statement) : statement_(statement) {}
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;
  ~ResetAtEnd() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

int BindValue(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return sqlite3_bind_int64(statement, index, *number);
  if (const auto* text = std::get_if<std::string>(&value))
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
  if (const auto* blob = std::get_if<Bytes>(&value)) {
    // A null pointer would bind NULL, and an empty vector's data() may be one.
    static constexpr std::uint8_t kNothing = 0;
    return sqlite3_bind_blob64(statement, index, blob->empty() ? &kNothing : blob->data(), blob->size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

Result<Value> ColumnValue(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: return Value(std::int64_t{sqlite3_column_int64(statement, column)});
    case SQLITE_TEXT: {
      const auto* text = sqlite3_column_text(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return Value(std::string(AsText({text, size})));
    }
    case SQLITE_BLOB: {
      const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return Value(data ? Bytes(data, data + size) : Bytes());
    }
    case SQLITE_NULL: return Value(nullptr);
    default: return Error(Errc::kInternal, "").WithDetail("a statement returned a floating-point number");
  }
}

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(DbHandle db) : db_(std::move(db)) {}

  Status Begin(Access access) override {
    // IMMEDIATE takes the write lock now: a deferred transaction could fail at its first write, having read.
    return Kept(access == Access::kWrite ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED");
  }
  Status Commit() override { return Kept("COMMIT"); }
  void Rollback() noexcept override {
    if (in_transaction()) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }

  Status LockTable(std::string_view) override { return {}; }  // who writes is alone from BEGIN on

  Result<Reply> Run(std::string_view sql, std::span<const Value> values) override {
    SR_TRY(const Prepared* const prepared, Prepare(sql));
    sqlite3_stmt* const statement = prepared->statement.get();
    const ResetAtEnd reset(statement);
    const std::vector<int>& places = prepared->places;
    if (places.size() != values.size())
      return Error(Errc::kInternal, "").WithDetail("number of parameters differs from number of values");
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (places[i] == 0) return Error(Errc::kInternal, "").WithDetail(fmt::format("statement has no ${}", i + 1));
      if (const int code = BindValue(statement, places[i], values[i]); code != SQLITE_OK)
        return SqliteError(db_.get(), code);
    }
    const std::int64_t before = sqlite3_total_changes64(db_.get());
    Reply reply;
    const int columns = sqlite3_column_count(statement);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      std::vector<Value> fields;
      fields.reserve(std::size_t(columns));
      for (int column = 0; column < columns; ++column) {
        SR_TRY(Value value, ColumnValue(statement, column));
        fields.push_back(std::move(value));
      }
      reply.rows.emplace_back(std::move(fields));
    }
    if (code != SQLITE_DONE) return SqliteError(db_.get(), sqlite3_extended_errcode(db_.get()));
    if (!sqlite3_stmt_readonly(statement) && sqlite3_total_changes64(db_.get()) != before)
      reply.changed = sqlite3_changes64(db_.get());
    return reply;
  }

  Result<std::int64_t> NowMillis() override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  bool usable() const noexcept override { return true; }
  bool in_transaction() const noexcept override { return sqlite3_get_autocommit(db_.get()) == 0; }

  std::string_view TypeName(std::string_view word) const noexcept override {
    return word == "AUTO_NUMBER" ? "INTEGER PRIMARY KEY AUTOINCREMENT" : word;
  }

  Status Simple(const char* sql) {
    const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return SqliteError(db_.get(), sqlite3_extended_errcode(db_.get()));
    return {};
  }

 private:
  struct Prepared {
    StatementHandle statement;
    std::vector<int> places;  // of $1, $2 ... among SQLite's parameters, which it counts as they come; 0: not there
  };
  /// A statement without parameters or rows that comes again and again: it is parsed once.
  Status Kept(std::string_view sql) {
    SR_TRY(const Prepared* const prepared, Prepare(sql));
    const ResetAtEnd reset(prepared->statement.get());
    if (sqlite3_step(prepared->statement.get()) != SQLITE_DONE)
      return SqliteError(db_.get(), sqlite3_extended_errcode(db_.get()));
    return {};
  }

  Result<const Prepared*> Prepare(std::string_view sql) {
    if (const auto known = statements_.find(sql); known != statements_.end()) return &known->second;
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v3(db_.get(), sql.data(), int(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (code != SQLITE_OK) return SqliteError(db_.get(), sqlite3_extended_errcode(db_.get()));
    if (!raw) return Error(Errc::kInternal, "").WithDetail("empty statement");
    // Our statements are few and fixed; the bound is for callers who build theirs.
    if (statements_.size() >= kMaxCachedStatements) statements_.clear();
    Prepared prepared{StatementHandle(raw), {}};
    const int count = sqlite3_bind_parameter_count(raw);
    for (int i = 1; i <= count; ++i)
      prepared.places.push_back(sqlite3_bind_parameter_index(raw, fmt::format("${}", i).c_str()));
    return &statements_.emplace(std::string(sql), std::move(prepared)).first->second;
  }

  DbHandle db_;  // before the statements: they are finalised first
  std::map<std::string, Prepared, std::less<>> statements_;
};

Result<DbHandle> OpenFile(const std::filesystem::path& path) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &raw,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE, nullptr);
  DbHandle db(raw);
  if (code != SQLITE_OK) return SqliteError(raw, code);
  sqlite3_busy_timeout(raw, kBusyMillis);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return db;
}
}  // namespace

Result<std::unique_ptr<Connection>> OpenSqlite(const Config& config, Access access) {
  SR_TRY(DbHandle db, OpenFile(config.sqlite_path));
  auto connection = std::make_unique<SqliteConnection>(std::move(db));
  SR_TRY(const Reply mode, connection->Run("PRAGMA journal_mode=WAL", {}));
  if (mode.rows.empty() || mode.rows[0].Text(0) != "wal")
    return Error(Errc::kUnsupported, "The database's file system does not support SQLite's write-ahead log.");
  for (const char* pragma : {"PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA cell_size_check=ON",
                             "PRAGMA temp_store=MEMORY", "PRAGMA journal_size_limit=67108864"})
    SR_CHECK(connection->Simple(pragma));
  if (access == Access::kRead) SR_CHECK(connection->Simple("PRAGMA query_only=ON"));
  return std::unique_ptr<Connection>(std::move(connection));
}

Status CheckSqliteFile(const Config& config) {
  if (config.sqlite_path.empty()) return Error(Errc::kInvalidArgument, "No path for the database file is given.");
  // Only a file that is missing is opened here: closing one that SQLite has open would drop SQLite's locks.
  const int created = ::open(config.sqlite_path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (created >= 0) {
    ::close(created);
  } else if (errno != EEXIST) {
    const int why = errno;
    return Error(why == EACCES || why == EPERM || why == EROFS ? Errc::kAccessDenied
                 : IsFull(why)                                 ? Errc::kResourceExhausted
                                                               : Errc::kInvalidArgument,
                 "The database file cannot be created.")
        .WithDetail(fmt::format("{}: {}", config.sqlite_path.string(), std::strerror(why)));
  }
  SR_TRY(DbHandle db, OpenFile(config.sqlite_path));
  SqliteConnection connection(std::move(db));
  SR_TRY(const Reply id, connection.Run("PRAGMA application_id", {}));
  SR_TRY(const Reply tables, connection.Run("SELECT name FROM sqlite_master WHERE type = 'table'", {}));
  const std::int64_t application = id.rows.empty() ? 0 : id.rows[0].Int(0);
  if (application == 0 && tables.rows.empty()) {
    return connection.Simple(fmt::format("PRAGMA application_id={}", kApplicationId).c_str());
  }
  if (application != kApplicationId)
    return Error(Errc::kInvalidArgument, "The database file belongs to another program.")
        .WithDetail(config.sqlite_path.string());
  std::error_code ignored;
  const auto size = std::filesystem::file_size(config.sqlite_path, ignored);
  if (!ignored && size > kMaxCheckedBytes) {
    log::Info("store: {} is too large to be checked at start", config.sqlite_path.string());
    return {};
  }
  SR_TRY(const Reply check, connection.Run("PRAGMA quick_check(1)", {}));
  if (check.rows.size() == 1 && check.rows[0].Text(0) == "ok") return {};
  return Error(Errc::kCorrupted, "The database file is damaged. It is left as it is; restore it from a backup.")
      .WithDetail(check.rows.empty() ? "quick_check" : check.rows[0].Text(0));
}

}  // namespace strongroom::store
