#include "store/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "store/connection.h"
#include "store/migrations.h"
#include "store/schema_files.h"

namespace strongroom::store {
namespace {

constexpr std::size_t kPageBytes = std::size_t{8} << 20;
constexpr std::int64_t kMostRowsPerPage = 1024;
constexpr std::string_view kFeed = "changes";
constexpr std::string_view kCreate = "CREATE TABLE ";

/// Our tables in the order in which the schema makes them, so that what is referred to comes first.
std::vector<std::string> OurTables() {
  std::vector<std::string> tables;
  for (const SchemaFile& file : kSchemaFiles) {
    for (std::size_t at = file.text.find(kCreate); at != std::string_view::npos; at = file.text.find(kCreate, at)) {
      if (at != 0 && file.text[at - 1] != '\n') {
        at += kCreate.size();
        continue;
      }
      at += kCreate.size();
      std::string name(file.text.substr(at, file.text.find_first_of(" (\n", at) - at));
      if (name != kFeed && std::find(tables.begin(), tables.end(), name) == tables.end())
        tables.push_back(std::move(name));
    }
  }
  return tables;
}

Result<std::unique_ptr<Connection>> Connect(const Config& config, Access access) {
  return config.engine == Config::Engine::kSqlite ? OpenSqlite(config, access) : OpenPostgres(config);
}

struct Columns {
  std::vector<std::string> all, key;
};

Result<std::vector<std::string>> Names(Connection& connection, std::string_view sql, const std::string& table) {
  const Value values[] = {Text(table)};
  SR_TRY(const Reply reply, connection.Run(sql, values));
  std::vector<std::string> names;
  for (const Row& row : reply.rows) names.push_back(row.Text(0));
  return names;
}

Result<Columns> ColumnsOf(Connection& connection, Config::Engine engine, const std::string& table) {
  Columns columns;
  if (engine == Config::Engine::kSqlite) {
    SR_TRY(columns.all, Names(connection, "SELECT name FROM pragma_table_info($1) ORDER BY cid", table));
    SR_TRY(columns.key, Names(connection, "SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk", table));
    return columns;
  }
  SR_TRY(columns.all, Names(connection,
                            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_schema = "
                            "current_schema() AND table_name = $1 ORDER BY ordinal_position",
                            table));
  SR_TRY(columns.key,
         Names(connection,
               "SELECT CAST(k.column_name AS TEXT) FROM information_schema.table_constraints c JOIN "
               "information_schema.key_column_usage k ON k.constraint_name = c.constraint_name AND k.table_schema = "
               "c.table_schema AND k.table_name = c.table_name WHERE c.constraint_type = 'PRIMARY KEY' AND "
               "c.table_schema = current_schema() AND c.table_name = $1 ORDER BY k.ordinal_position",
               table));
  return columns;
}

std::size_t SizeOf(const Row& row) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < row.size(); ++i) bytes += 16 + row.Text(i).size() + row.Blob(i).size();
  return bytes;
}

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// One table in pages by its primary key: first one row, then as many as fit into a page by the size of those before.
Status ExportTable(Connection& connection, Config::Engine engine, const std::string& table, BackupSink& sink) {
  SR_TRY(const Columns columns, ColumnsOf(connection, engine, table));
  if (columns.all.empty()) return {};  // a table of a later schema
  if (columns.key.empty()) return Error(Errc::kInternal, "").WithDetail("table " + table + " has no primary key");
  SR_CHECK(sink.BeginTable({table, columns.all}));
  std::vector<std::size_t> key_at;
  std::string places;
  for (const std::string& name : columns.key) {
    key_at.push_back(
        static_cast<std::size_t>(std::find(columns.all.begin(), columns.all.end(), name) - columns.all.begin()));
    places += fmt::format("{}${}", places.empty() ? "" : ", ", key_at.size());
  }
  const std::string select = "SELECT " + Listed(columns.all) + " FROM " + table,
                    order = " ORDER BY " + Listed(columns.key);
  std::vector<Value> last;
  for (std::int64_t limit = 1;;) {
    std::vector<Value> values = last;
    values.emplace_back(limit);
    const std::string where = last.empty() ? "" : fmt::format(" WHERE ({}) > ({})", Listed(columns.key), places);
    SR_TRY(const Reply page, connection.Run(select + where + order + fmt::format(" LIMIT ${}", values.size()), values));
    std::size_t bytes = 1;
    for (const Row& row : page.rows) {
      bytes += SizeOf(row);
      SR_CHECK(sink.PutRow(row));
    }
    if (page.rows.size() < static_cast<std::size_t>(limit)) return {};
    last.clear();
    for (const std::size_t at : key_at) last.push_back(page.rows.back().fields()[at]);
    const auto fitting = static_cast<std::int64_t>(kPageBytes * page.rows.size() / bytes);
    limit = std::clamp<std::int64_t>(std::min(fitting, limit * 4), 1, kMostRowsPerPage);
  }
}

Error NothingThere() {
  return Error(Errc::kNotFound, "There is nothing in the deployment yet: start `strongroom serve` once.");
}

Result<std::int64_t> SchemaOf(Connection& connection, Config::Engine engine) {
  SR_TRY(const Columns known, ColumnsOf(connection, engine, "schema_version"));
  if (known.all.empty()) return NothingThere();
  SR_TRY(const Reply versions, connection.Run("SELECT MAX(version) FROM schema_version", {}));
  const std::int64_t schema = versions.rows.empty() ? 0 : versions.rows[0].Int(0);
  if (schema < 1) return NothingThere();
  if (schema > NewestSchemaVersion())
    return Error(Errc::kUnsupported,
                 "The database was made by a newer version of this program, which has to back it up.");
  return schema;
}

/// Runs `look` in one read transaction of a database that is there.
template <typename F>
Status InOneView(const Config& config, F look) {
  std::error_code ignored;
  if (config.engine == Config::Engine::kSqlite && !std::filesystem::exists(config.sqlite_path, ignored))
    return NothingThere().WithDetail(config.sqlite_path.string());
  SR_TRY(const auto connection, Connect(config, Access::kRead));
  SR_CHECK(connection->Begin(Access::kRead));
  // A snapshot for reading never fails for another's write, as a serialisable one may, and nobody repeats it here.
  if (config.engine == Config::Engine::kPostgres)
    SR_CHECK(connection->Run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", {}));
  Status seen = look(*connection);
  connection->Rollback();
  return seen;
}

Status ExportAll(Connection& connection, Config::Engine engine, BackupSink& sink,
                 std::span<const std::string_view> left_out) {
  SR_TRY(const std::int64_t schema, SchemaOf(connection, engine));
  SR_CHECK(sink.Begin(schema));
  for (const std::string& table : OurTables())
    if (std::ranges::find(left_out, table) == left_out.end()) SR_CHECK(ExportTable(connection, engine, table, sink));
  return {};
}

Error NotOfThisSchema(std::string what) {
  return Error(Errc::kCorrupted, "The backup does not fit the schema that it names.").WithDetail(std::move(what));
}

Status ImportTable(Connection& connection, Config::Engine engine, const TableShape& table, BackupSource& source) {
  const auto ours = OurTables();
  if (std::find(ours.begin(), ours.end(), table.name) == ours.end()) return NotOfThisSchema("table " + table.name);
  SR_TRY(const Columns columns, ColumnsOf(connection, engine, table.name));
  auto sorted = table.columns, expected = columns.all;
  std::sort(sorted.begin(), sorted.end());
  std::sort(expected.begin(), expected.end());
  if (sorted != expected) return NotOfThisSchema("columns of " + table.name);
  std::string places;
  for (std::size_t i = 0; i < table.columns.size(); ++i) places += fmt::format("{}${}", i == 0 ? "" : ", ", i + 1);
  const std::string insert = "INSERT INTO " + table.name + " (" + Listed(table.columns) + ") VALUES (" + places + ")";
  for (;;) {
    SR_TRY(const auto row, source.NextRow());
    if (!row) return {};
    if (row->size() != table.columns.size()) return NotOfThisSchema("a row of " + table.name);
    SR_CHECK(connection.Run(insert, *row));
  }
}

Status ImportAll(Connection& connection, Config::Engine engine, BackupSource& source) {
  for (;;) {
    SR_TRY(const auto table, source.NextTable());
    if (!table) return {};
    SR_CHECK(ImportTable(connection, engine, *table, source));
  }
}

}  // namespace

std::int64_t NewestSchemaVersion() { return static_cast<std::int64_t>(std::size(kSchemaFiles)); }

Status RequireDeployment(const Config& config) {
  return InOneView(config, [&](Connection& connection) -> Status {
    SR_CHECK(SchemaOf(connection, config.engine));
    SR_TRY(const Reply domain,
           connection.Run("SELECT COUNT(*) FROM clusters WHERE kind = 'domain' AND state = 'ACTIVE'", {}));
    if (domain.rows.empty() || domain.rows[0].Int(0) == 0) return NothingThere();
    return {};
  });
}

Result<StoreView> LookAt(const Config& config, std::string_view host_id) {
  StoreView view;
  const Status looked = InOneView(config, [&](Connection& connection) -> Status {
    // Of whatever version: a newer schema may let this program work, too.
    SR_TRY(const Columns clusters, ColumnsOf(connection, config.engine, "clusters"));
    if (clusters.all.empty()) return {};
    SR_TRY(const Reply domain, connection.Run("SELECT 1 FROM clusters WHERE kind = 'domain'", {}));
    view.has_deployment = !domain.rows.empty();
    SR_TRY(const Reply accounts,
           connection.Run("SELECT account_id FROM accounts ORDER BY created_at, account_id LIMIT 1", {}));
    if (!accounts.rows.empty()) view.account = accounts.rows[0].Text(0);
    const Value host[] = {Text(host_id)};
    SR_TRY(const Reply hsms, connection.Run("SELECT 1 FROM hsms WHERE host_id = $1 AND state <> 'DELETED'", host));
    view.knows_host = !hsms.rows.empty();
    SR_TRY(const Columns machines, ColumnsOf(connection, config.engine, "machines"));
    if (machines.all.empty()) return {};  // of a later schema
    SR_TRY(const Reply own, connection.Run("SELECT 1 FROM machines WHERE host_id = $1", host));
    view.knows_host = view.knows_host || !own.rows.empty();
    return {};
  });
  if (!looked.ok() && looked.error().code() != Errc::kNotFound) return looked.error();
  return view;
}

Status ExportTables(const Config& config, BackupSink& sink, std::span<const std::string_view> left_out) {
  return InOneView(config,
                   [&](Connection& connection) { return ExportAll(connection, config.engine, sink, left_out); });
}

Status ImportTables(const Config& config, std::int64_t schema_version, BackupSource& source) {
  if (schema_version < 1 || schema_version > NewestSchemaVersion())
    return Error(Errc::kUnsupported, "The backup was made by a newer version of this program, which has to restore it.")
        .WithDetail(fmt::format("schema {}, here {}", schema_version, NewestSchemaVersion()));
  if (config.engine == Config::Engine::kSqlite) {
    std::error_code ignored;
    if (std::filesystem::exists(config.sqlite_path, ignored))
      return Error(Errc::kAlreadyExists, "There is a database already: " + config.sqlite_path.string());
    SR_CHECK(CheckSqliteFile(config));
  }
  SR_TRY(const auto connection, Connect(config, Access::kWrite));
  SR_TRY(const Columns there, ColumnsOf(*connection, config.engine, "schema_version"));
  if (!there.all.empty()) return Error(Errc::kAlreadyExists, "The database has Strongroom's tables already.");
  SR_CHECK(Migrate(*connection, std::span(kSchemaFiles).first(static_cast<std::size_t>(schema_version))));
  SR_CHECK(connection->Begin(Access::kWrite));
  Status imported = ImportAll(*connection, config.engine, source);
  if (imported.ok()) imported = connection->Commit();
  if (!imported.ok()) {
    connection->Rollback();
    return imported;
  }
  return Migrate(*connection);
}

}  // namespace strongroom::store
