#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/testing/temporary_directory.h"

namespace strongroom::store::testing {

/// A PostgreSQL server of the test's own: made by initdb in a temporary directory, run as an unprivileged user,
/// listening on a Unix socket only, gone with the object. Found as /usr/lib/postgresql/*/bin (the newest).
class PostgresFixture {
 public:
  /// A running server, or none with a line on standard error when PostgreSQL is not installed or does not start.
  static std::unique_ptr<PostgresFixture> Start();
  ~PostgresFixture();
  PostgresFixture(const PostgresFixture&) = delete;
  PostgresFixture& operator=(const PostgresFixture&) = delete;

  /// A libpq string for a new, empty database.
  std::string NewDatabase();
  /// A libpq string for `name`, which exists.
  std::string Conninfo(std::string_view name) const;
  /// Runs SQL; false when it fails.
  bool Sql(std::string_view database, std::string_view sql);

  /// Kills the server (and its children) as a crash would.
  void Kill();
  /// Starts it again over the same data; false when it does not come up.
  bool Restart();

 private:
  PostgresFixture(std::filesystem::path bin);
  bool Init();

  std::filesystem::path bin_;
  TemporaryDirectory temporary_;
  const std::filesystem::path& dir_ = temporary_.path();
  pid_t server_ = -1;
  int databases_ = 0;
};

/// What a test that needs a server fails with where there is none.
inline constexpr const char* kNoPostgres = "There is no PostgreSQL here: script/bootstrap installs it.";

/// The server that the tests of one process share, started at first use and stopped at exit.
PostgresFixture* SharedPostgres();

/// Runs a program and waits; its exit status, or -1. Under root as the user "postgres" (or "nobody").
int RunUnprivileged(const std::vector<std::string>& command, const std::filesystem::path& output);

}  // namespace strongroom::store::testing
