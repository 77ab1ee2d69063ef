#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>

#include "base/testing/temporary_directory.h"
#include "store/cluster_log.h"
#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
namespace fs = std::filesystem;

class SqliteFile : public ::testing::Test {
 protected:
  SqliteFile() { config_.sqlite_path = dir_.path() / "strongroom.db"; }
  Errc OpenError() {
    auto opened = Database::Open(config_);
    return opened.ok() ? Errc::kCount_ : opened.error().code();
  }
  void Fill(int rows) {
    auto database = Database::Open(config_);
    ASSERT_TRUE(database.ok()) << database.error();
    ASSERT_TRUE((*database)
                    ->Transact([&](Transaction& tx) -> Status {
                      for (int i = 0; i < rows; ++i)
                        SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2)",
                                            {Text(std::to_string(i)), Bytes(500, 7)}));
                      return {};
                    })
                    .ok());
  }
  void Overwrite(std::int64_t at, std::string_view bytes) {
    std::fstream file(config_.sqlite_path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.write(bytes.data(), std::streamsize(bytes.size()));
  }
  std::string Content() {
    std::ifstream file(config_.sqlite_path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryDirectory dir_;
  Config config_;
};

TEST_F(SqliteFile, IsMadeForItsOwnerOnlyAndOpensAgain) {
  Fill(3);
  struct stat info {};
  ASSERT_EQ(::stat(config_.sqlite_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  auto again = Database::Open(config_);
  ASSERT_TRUE(again.ok()) << again.error();
  auto rows = (*again)->Read([](Transaction& tx) { return tx.Query("SELECT name FROM deployment"); });
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->size(), 3U);
}

TEST_F(SqliteFile, CommitsAreDurableAndParentsEnforced) {
  auto database = Database::Open(config_);
  ASSERT_TRUE(database.ok());
  const auto pragma = [&](const char* sql) {
    auto rows = (*database)->Transact([&](Transaction& tx) { return tx.Query(sql); });
    return rows.ok() && !rows->empty() ? rows->at(0).Int(0) : -1;
  };
  EXPECT_EQ(pragma("PRAGMA synchronous"), 2);  // FULL
  EXPECT_EQ(pragma("PRAGMA foreign_keys"), 1);
}

struct Damage {
  std::string name;
  std::int64_t at;
  std::size_t size;
};
class DamagedFile : public SqliteFile, public ::testing::WithParamInterface<Damage> {};
TEST_P(DamagedFile, IsRefusedAndLeftAsItIs) {
  Fill(400);
  Overwrite(GetParam().at, std::string(GetParam().size, '\x5A'));
  const std::string before = Content();
  auto opened = Database::Open(config_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Errc::kCorrupted) << opened.error();
  EXPECT_NE(opened.error().public_message().find("damaged"), std::string::npos);
  EXPECT_EQ(Content(), before);
}
INSTANTIATE_TEST_SUITE_P(Store, DamagedFile,
                         ::testing::Values(Damage{"Header", 0, 16}, Damage{"SchemaPage", 100, 3000},
                                           Damage{"DataPages", 60000, 40000}),
                         [](const auto& info) { return info.param.name; });

TEST_F(SqliteFile, CutShortIsRefused) {
  Fill(400);
  fs::resize_file(config_.sqlite_path, fs::file_size(config_.sqlite_path) / 2);
  EXPECT_EQ(OpenError(), Errc::kCorrupted);
}

TEST_F(SqliteFile, OfAnotherProgramIsRefused) {
  Fill(1);
  Overwrite(68, std::string("\x00\x00\x00\x2A", 4));  // application_id in the header
  EXPECT_EQ(OpenError(), Errc::kInvalidArgument);
}

TEST_F(SqliteFile, WithoutAPlaceIsRefused) {
  config_.sqlite_path = dir_.path() / "missing" / "x.db";
  EXPECT_EQ(OpenError(), Errc::kInvalidArgument);
  config_.sqlite_path.clear();
  EXPECT_EQ(OpenError(), Errc::kInvalidArgument);
  config_.sqlite_path = dir_.path();
  EXPECT_NE(OpenError(), Errc::kCount_);
}

/// A disk that runs full: a file system of 2 MiB, or a limit on the size of any file.
struct FullDisk {
  std::string name;
  bool (*limit)(const fs::path& dir);
  bool (*lift)(const fs::path& dir);
};
bool MountSmall(const fs::path& dir) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", dir.c_str(), "tmpfs", 0, "size=2m") == 0;
}
bool MountLarge(const fs::path& dir) { return ::mount("none", dir.c_str(), "tmpfs", MS_REMOUNT, "size=32m") == 0; }
bool LimitFiles(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
  limit.rlim_cur = bytes;
  return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

constexpr int kNotPossibleHere = 77;

Result<std::pair<std::int64_t, std::int64_t>> Counts(Database& database) {
  return database.Read([](Transaction& tx) -> Result<std::pair<std::int64_t, std::int64_t>> {
    SR_TRY(const auto row, tx.QueryOne("SELECT (SELECT COUNT(*) FROM deployment), (SELECT COUNT(*) FROM changes)"));
    return std::pair(row->Int(0), row->Int(1));
  });
}

/// Runs in a child, whose mounts and limits are its own. 0, or which step went wrong.
int FillUntilFull(const FullDisk& disk, const Config& config) {
  const fs::path dir = config.sqlite_path.parent_path();
  if (!disk.limit(dir)) return kNotPossibleHere;
  std::int64_t stored = 0;
  {
    auto database = Database::Open(config);
    if (!database.ok()) return 10;
    for (;; ++stored) {
      const Status status = (*database)->Transact([&](Transaction& tx) -> Status {
        SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2)",
                            {Text("row-" + std::to_string(stored)), Bytes(20'000, 1)}));
        return tx.Change("row", "", "", std::to_string(stored));
      });
      if (status.ok() && stored < 1000) continue;
      if (status.ok()) return 11;
      if (status.error().code() != Errc::kResourceExhausted) {
        std::cerr << status.error() << "\n";
        return 12;
      }
      break;
    }
    auto counts = Counts(**database);
    if (!counts.ok() || *counts != std::pair(stored, stored) || stored == 0) return 13;
  }
  if (!disk.lift(dir)) return 14;
  auto database = Database::Open(config);
  if (!database.ok()) return 15;
  auto counts = Counts(**database);
  if (!counts.ok() || *counts != std::pair(stored, stored)) return 16;
  const Status after =
      (*database)->Transact([](Transaction& tx) -> Status { return tx.Change("row", "", "", "after"); });
  return after.ok() ? 0 : 17;
}

class SqliteOnAFullDisk : public SqliteFile, public ::testing::WithParamInterface<FullDisk> {};
TEST_P(SqliteOnAFullDisk, RefusesAndLeavesNothingHalfDone) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(FillUntilFull(GetParam(), config_));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotPossibleHere) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
INSTANTIATE_TEST_SUITE_P(Store, SqliteOnAFullDisk,
                         ::testing::Values(FullDisk{"SmallFileSystem", &MountSmall, &MountLarge},
                                           FullDisk{"LimitedFiles", [](const fs::path&) { return LimitFiles(1 << 20); },
                                                    [](const fs::path&) { return LimitFiles(RLIM_INFINITY); }}),
                         [](const auto& info) { return info.param.name; });

TEST_F(SqliteFile, AcknowledgedCommitsSurviveAKilledProgram) {
  int acknowledged[2];
  ASSERT_EQ(::pipe2(acknowledged, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto database = Database::Open(config_);
    for (std::uint8_t i = 0; database.ok(); ++i) {
      auto put = testing::RunToEnd(ClusterLog(**database).Append("c", i, {}, {i}));
      if (!put.ok() || !put->appended || ::write(acknowledged[1], &i, 1) != 1) break;
    }
    ::_exit(1);
  }
  ::close(acknowledged[1]);
  std::uint8_t last = 0;
  while (last < 40 && ::read(acknowledged[0], &last, 1) == 1) {
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  while (::read(acknowledged[0], &last, 1) == 1) {
  }
  ::close(acknowledged[0]);
  auto database = Database::Open(config_);
  ASSERT_TRUE(database.ok()) << database.error();
  EXPECT_GE(testing::RunToEnd(ClusterLog(**database).Head("c"))->number, std::int64_t{last});
}
}  // namespace
}  // namespace strongroom::store
