#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <memory>
#include <optional>
#include <string>

#include "base/testing/temporary_directory.h"
#include "store/database.h"
#include "store/testing/postgres_fixture.h"

namespace strongroom::store::testing {

/// A contract test's store: the same promises for SQLite in a temporary directory and for a real PostgreSQL.
class EngineTest : public ::testing::TestWithParam<Config::Engine> {
 protected:
  void SetUp() override {
    config_.engine = GetParam();
    if (GetParam() == Config::Engine::kPostgres) {
      ASSERT_NE(SharedPostgres(), nullptr) << kNoPostgres;
      config_.conninfo = SharedPostgres()->NewDatabase();
    } else {
      config_.sqlite_path = dir_.path() / "strongroom.db";
    }
    database_ = Open();
  }
  /// Another program's view of the same store.
  std::unique_ptr<Database> Open() {
    auto opened = Database::Open(config_);
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error();
      return nullptr;
    }
    return *std::move(opened);
  }

  TemporaryDirectory dir_;
  Config config_;
  std::unique_ptr<Database> database_;
};

inline std::string EngineName(const ::testing::TestParamInfo<Config::Engine>& info) {
  return info.param == Config::Engine::kSqlite ? "Sqlite" : "Postgres";
}
inline auto BothEngines() { return ::testing::Values(Config::Engine::kSqlite, Config::Engine::kPostgres); }

/// Awaits a task and keeps its result. (Asio would want the result to be default-constructible.)
template <typename T>
Task<void> KeepResult(Task<T> task, std::optional<T>* result) {
  result->emplace(co_await std::move(task));
}

/// Runs a coroutine on a loop of its own and returns its result.
template <typename T>
T RunToEnd(Task<T> task) {
  Loop loop;
  std::optional<T> result;
  boost::asio::co_spawn(loop, KeepResult(std::move(task), &result), boost::asio::detached);
  loop.run();
  return std::move(result).value();
}

}  // namespace strongroom::store::testing
