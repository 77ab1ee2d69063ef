#include "store/migrations.h"

#include <fmt/format.h>

#include <charconv>
#include <thread>

#include "base/log.h"
#include "store/connection.h"
#include "store/schema_files.h"

namespace strongroom::store {
namespace {
constexpr int kAttempts = 8;

bool IsWordCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/// Replaces each whole word by the engine's spelling.
std::string Translate(std::string_view sql, const Connection& connection) {
  std::string out;
  for (std::size_t i = 0; i < sql.size();) {
    if (!IsWordCharacter(sql[i])) {
      out += sql[i++];
      continue;
    }
    std::size_t end = i;
    while (end < sql.size() && IsWordCharacter(sql[end])) ++end;
    out += connection.TypeName(sql.substr(i, end - i));
    i = end;
  }
  return out;
}

std::int64_t LeadingNumber(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<Migration> ParseOne(const SchemaFile& file, const Connection& connection) {
  constexpr std::string_view kCompatible = "compatible-from:";
  Migration migration;
  migration.version = LeadingNumber(file.stem);
  migration.name = file.stem;
  std::string statement;
  for (std::string_view rest = file.text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.starts_with("--")) {
      const std::size_t at = line.find(kCompatible);
      if (at != std::string_view::npos && migration.compatible_from == 0) {
        line.remove_prefix(at + kCompatible.size());
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        migration.compatible_from = LeadingNumber(line);
      }
      continue;
    }
    const bool last = line.ends_with(';');
    statement += line.substr(0, line.size() - (last ? 1 : 0));
    statement += '\n';
    if (last) migration.statements.push_back(Translate(std::exchange(statement, {}), connection));
  }
  if (migration.version <= 0 || migration.compatible_from <= 0 || migration.compatible_from > migration.version ||
      statement.find_first_not_of(" \n") != std::string::npos)
    return Error(Errc::kInternal, "").WithDetail(fmt::format("schema file {} is malformed", file.stem));
  return migration;
}

struct Applied {
  std::int64_t version = 0;
  std::int64_t compatible_from = 0;
};

Result<std::vector<Applied>> ReadApplied(Connection& connection) {
  SR_TRY(const Reply reply, connection.Run("SELECT version, compatible_from FROM schema_version ORDER BY version", {}));
  std::vector<Applied> applied;
  for (const Row& row : reply.rows) applied.push_back({row.Int(0), row.Int(1)});
  return applied;
}

Status CheckKnown(const std::vector<Applied>& applied, std::int64_t ours) {
  for (const Applied& row : applied) {
    if (row.version > ours && row.compatible_from > ours)
      return Error(Errc::kUnsupported, "The database was made by a newer version of this program.")
          .WithDetail(fmt::format("schema {} needs a program of at least schema {}; this one has {}", row.version,
                                  row.compatible_from, ours));
  }
  return {};
}

/// Makes the next missing version. True when nothing is missing.
Result<bool> Step(Connection& connection, const std::vector<Migration>& migrations) {
  SR_CHECK(connection.LockTable("schema_version"));
  SR_TRY(const auto applied, ReadApplied(connection));
  SR_CHECK(CheckKnown(applied, migrations.empty() ? 0 : migrations.back().version));
  const std::int64_t current = applied.empty() ? 0 : applied.back().version;
  for (const Migration& migration : migrations) {
    if (migration.version <= current) continue;
    for (const std::string& statement : migration.statements) SR_CHECK(connection.Run(statement, {}));
    SR_TRY(const std::int64_t now, connection.NowMillis());
    const Value values[] = {migration.version, Text(migration.name), now, migration.compatible_from};
    SR_CHECK(connection.Run(
        "INSERT INTO schema_version (version, name, applied_at, compatible_from) VALUES ($1, $2, $3, $4)", values));
    log::Info("store: schema {} is in place", migration.name);
    return false;
  }
  return true;
}

Status CreateVersionTable(Connection& connection) {
  std::string sql =
      "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, "
      "applied_at BIGINT NOT NULL, compatible_from BIGINT NOT NULL)";
  SR_CHECK(connection.Run(Translate(sql, connection), {}));
  return {};
}

template <typename F>
auto InTransaction(Connection& connection, F&& body) -> decltype(body()) {
  SR_CHECK(connection.Begin(Access::kWrite));
  auto outcome = body();
  if (outcome.ok()) {
    if (Status committed = connection.Commit(); !committed.ok()) {
      connection.Rollback();
      return std::move(committed).error();
    }
    return outcome;
  }
  connection.Rollback();
  return outcome;
}
}  // namespace

Result<std::vector<Migration>> ParseMigrations(std::span<const SchemaFile> files, const Connection& connection) {
  std::vector<Migration> migrations;
  for (const SchemaFile& file : files) {
    SR_TRY(Migration migration, ParseOne(file, connection));
    if (!migrations.empty() && migration.version != migrations.back().version + 1)
      return Error(Errc::kInternal, "").WithDetail(fmt::format("schema file {} is out of order", file.stem));
    migrations.push_back(std::move(migration));
  }
  return migrations;
}

Status Migrate(Connection& connection, std::span<const SchemaFile> files) {
  SR_TRY(const auto migrations, ParseMigrations(files, connection));
  Status last;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // Programs that start together meet here. Two that create the first table find it in the catalogue, which is no
    // serialisation failure; so the loser looks again.
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20 << attempt));
    last = InTransaction(connection, [&] { return CreateVersionTable(connection); });
    while (last.ok()) {
      auto done = InTransaction(connection, [&] { return Step(connection, migrations); });
      if (done.ok() && *done) return {};
      if (!done.ok()) last = std::move(done).error();
    }
    const Errc code = last.error().code();
    if (code != Errc::kConflict && code != Errc::kAlreadyExists) return last;
  }
  return last;
}

Status Migrate(Connection& connection) { return Migrate(connection, kSchemaFiles); }

}  // namespace strongroom::store
