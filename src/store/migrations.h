#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strongroom::store {

class Connection;

/// One file of src/store/schema: "0001_initial" and its text.
struct SchemaFile {
  std::string_view stem;
  std::string_view text;
};

struct Migration {
  std::int64_t version = 0;
  std::string_view name;
  std::int64_t compatible_from = 0;  ///< the oldest program's version that can run on this schema
  std::vector<std::string> statements;
};

/// Reads the version from the name and the statements from the text, with the connection's names for types.
/// Errors: kInternal when a file breaks the rules that 0001_initial.sql states.
Result<std::vector<Migration>> ParseMigrations(std::span<const SchemaFile> files, const Connection& connection);

/// Brings the schema up to date, one transaction for each version; several programs may do so at once.
/// Errors: kUnsupported when the database has a version that this program does not know and that does not say that
/// it is compatible with it.
Status Migrate(Connection& connection, std::span<const SchemaFile> files);
/// The same with the files built in.
Status Migrate(Connection& connection);

}  // namespace strongroom::store
