#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace strongroom::store {

/// One table of a backup; its rows have the columns in this order.
struct TableShape {
  std::string name;
  std::vector<std::string> columns;
};

/// Where an export goes: the schema, then a table, then its rows, then the next table.
class BackupSink {
 public:
  virtual ~BackupSink() = default;
  virtual Status Begin(std::int64_t schema_version) = 0;
  virtual Status BeginTable(const TableShape& table) = 0;
  virtual Status PutRow(const Row& row) = 0;
};

/// Where an import comes from.
class BackupSource {
 public:
  virtual ~BackupSource() = default;
  /// None: there is no further table. What is left of the table before is skipped.
  virtual Result<std::optional<TableShape>> NextTable() = 0;
  /// None: the table has no further row.
  virtual Result<std::optional<std::vector<Value>>> NextRow() = 0;
};

/// The newest schema version that this program knows.
std::int64_t NewestSchemaVersion();

/// Whether there is a deployment to back up, so one that was started; makes nothing where there is none.
/// Errors    kNotFound  there is no database, no schema, or no domain cluster that was made; those of
///           Database.
Status RequireDeployment(const Config& config);

/// Whose a store is.
struct StoreView {
  bool has_deployment = false;  // somebody has served on it: it has a domain cluster, made or being made
  bool knows_host = false;      // as a machine, or as one where an HSM lives
  std::string account;          // the first; empty where there is none yet
};
/// Makes nothing: no database and no schema is a store without a deployment. Errors: those of Database.
Result<StoreView> LookAt(const Config& config, std::string_view host_id);

/// Hands out every table but the change feed (whose entries only invalidate caches) and those that are `left_out`, as
/// one transaction sees them, while others go on writing: SQLite's read transaction, PostgreSQL's repeatable read. Rows
/// come in bounded pages. Errors    kNotFound  there is no database; the sink's own; those of Database.
Status ExportTables(const Config& config, BackupSink& sink, std::span<const std::string_view> left_out = {});

/// Fills a new database: makes the schema of that version, inserts the rows in one transaction, and then brings the
/// schema up to date. The database file must not be there yet; a PostgreSQL database must have no tables of ours.
/// Errors    kAlreadyExists  the database is not empty; kUnsupported  a schema newer than this program's; kCorrupted  a
///           table, column or value that this schema does not have; those of Database and of the source.
Status ImportTables(const Config& config, std::int64_t schema_version, BackupSource& source);

}  // namespace strongroom::store
