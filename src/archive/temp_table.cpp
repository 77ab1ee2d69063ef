#include "archive/temp_table.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace strongroom::archive {
namespace {

struct CloseDatabase {
  void operator()(sqlite3* database) const noexcept { ::sqlite3_close(database); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const noexcept { ::sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Error Failed(int code) {
  const bool disk = code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_CANTOPEN || code == SQLITE_NOMEM;
  return Error(disk ? Errc::kResourceExhausted : Errc::kInternal,
               fmt::format("A temporary table (TMPDIR): {}.", ::sqlite3_errstr(code)));
}

/// A pointer even for nothing: a null one would be NULL and no blob.
int Bind(const Statement& statement, int index, ByteView bytes) {
  return ::sqlite3_bind_blob64(statement.get(), index, bytes.empty() ? static_cast<const void*>("") : bytes.data(),
                               bytes.size(), SQLITE_STATIC);
}

ByteView Column(const Statement& statement, int index) {
  const auto* data = static_cast<const std::uint8_t*>(::sqlite3_column_blob(statement.get(), index));
  return {data, static_cast<std::size_t>(::sqlite3_column_bytes(statement.get(), index))};
}

/// Ends a statement's run, whatever it came to.
class Running {
 public:
  explicit Running(const Statement& statement) : statement_(statement.get()) {}
  ~Running() {
    ::sqlite3_reset(statement_);
    ::sqlite3_clear_bindings(statement_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  int Step() { return ::sqlite3_step(statement_); }

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

struct TempTable::Impl {
  std::unique_ptr<sqlite3, CloseDatabase> database;
  Statement put, find, erase, all;
  std::uint64_t size = 0;

  int Prepare(Statement& statement, const char* text) {
    sqlite3_stmt* made = nullptr;
    const int code = ::sqlite3_prepare_v3(database.get(), text, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    statement.reset(made);
    return code;
  }
};

TempTable::TempTable(std::size_t cache_bytes) : cache_bytes_(cache_bytes) {}
TempTable::TempTable(TempTable&&) noexcept = default;
TempTable& TempTable::operator=(TempTable&&) noexcept = default;
TempTable::~TempTable() = default;

Status TempTable::Open() {
  auto impl = std::make_unique<Impl>();
  sqlite3* database = nullptr;
  int code =
      ::sqlite3_open_v2("", &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  impl->database.reset(database);
  if (code != SQLITE_OK) return Failed(code);
  // One transaction without a journal that never ends: nothing of it outlives the process. What the cache does not hold
  // goes to the file.
  const std::string setup = fmt::format(
      "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE; PRAGMA cache_size = -{};"
      "CREATE TABLE t (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID; BEGIN",
      cache_bytes_ >> 10);
  code = ::sqlite3_exec(impl->database.get(), setup.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) code = impl->Prepare(impl->put, "INSERT OR REPLACE INTO t VALUES (?, ?)");
  if (code == SQLITE_OK) code = impl->Prepare(impl->find, "SELECT v FROM t WHERE k = ?");
  if (code == SQLITE_OK) code = impl->Prepare(impl->erase, "DELETE FROM t WHERE k = ?");
  if (code == SQLITE_OK) code = impl->Prepare(impl->all, "SELECT k, v FROM t ORDER BY k");
  if (code != SQLITE_OK) return Failed(code);
  impl_ = std::move(impl);
  return {};
}

Status TempTable::Put(ByteView key, ByteView value) {
  if (!impl_) SR_CHECK(Open());
  SR_TRY(const auto before, Find(key));
  Running running(impl_->put);
  int code = Bind(impl_->put, 1, key);
  if (code == SQLITE_OK) code = Bind(impl_->put, 2, value);
  if (code == SQLITE_OK) code = running.Step();
  if (code != SQLITE_DONE) return Failed(code);
  if (!before) ++impl_->size;
  return {};
}

Result<std::optional<Bytes>> TempTable::Find(ByteView key) const {
  if (!impl_) return std::optional<Bytes>();
  Running running(impl_->find);
  int code = Bind(impl_->find, 1, key);
  if (code == SQLITE_OK) code = running.Step();
  if (code == SQLITE_DONE) return std::optional<Bytes>();
  if (code != SQLITE_ROW) return Failed(code);
  return std::optional(ToBytes(Column(impl_->find, 0)));
}

Status TempTable::Erase(ByteView key) {
  if (!impl_) return {};
  Running running(impl_->erase);
  int code = Bind(impl_->erase, 1, key);
  if (code == SQLITE_OK) code = running.Step();
  if (code != SQLITE_DONE) return Failed(code);
  impl_->size -= static_cast<std::uint64_t>(::sqlite3_changes(impl_->database.get()));
  return {};
}

void TempTable::Clear() noexcept { impl_.reset(); }

std::uint64_t TempTable::size() const noexcept { return impl_ ? impl_->size : 0; }

Status TempTable::ForEach(const std::function<Status(ByteView, ByteView)>& visit) const {
  if (!impl_) return {};
  Running running(impl_->all);
  for (;;) {
    const int code = running.Step();
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return Failed(code);
    SR_CHECK(visit(Column(impl_->all, 0), Column(impl_->all, 1)));
  }
}

}  // namespace strongroom::archive
