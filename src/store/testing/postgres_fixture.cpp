#include "store/testing/postgres_fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

namespace strongroom::store::testing {
namespace fs = std::filesystem;
namespace {
struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Whom PostgreSQL runs as: it refuses root.
User Unprivileged() {
  if (::geteuid() != 0) return {::geteuid(), ::getegid()};
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = ::getpwnam(name)) return {entry->pw_uid, entry->pw_gid};
  }
  return {65534, 65534};
}

/// Only what may be called between fork and exec.
[[noreturn]] void BecomeAndExec(const User& user, const char* output, char* const* argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = ::open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out >= 0) {
    ::dup2(out, 1);
    ::dup2(out, 2);
  }
  if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(user.gid) != 0 || ::setuid(user.uid) != 0))
    ::_exit(126);
  // Changing the user clears it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::chdir("/") != 0) ::_exit(126);
  ::execv(argv[0], argv);
  ::_exit(127);
}

pid_t Spawn(const std::vector<std::string>& command, const fs::path& output) {
  std::vector<char*> argv;
  for (const std::string& part : command) argv.push_back(const_cast<char*>(part.c_str()));
  argv.push_back(nullptr);
  const User user = Unprivileged();
  const std::string log = output.string();
  const pid_t child = ::fork();
  if (child == 0) BecomeAndExec(user, log.c_str(), argv.data());
  return child;
}

std::optional<fs::path> NewestBin() {
  std::error_code ignored;
  std::vector<std::pair<int, fs::path>> found;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    if (fs::exists(entry.path() / "bin/initdb", ignored))
      found.emplace_back(std::atoi(entry.path().filename().c_str()), entry.path() / "bin");
  }
  if (found.empty()) return std::nullopt;
  return std::max_element(found.begin(), found.end())->second;
}

}  // namespace

int RunUnprivileged(const std::vector<std::string>& command, const fs::path& output) {
  const pid_t child = Spawn(command, output);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

PostgresFixture::PostgresFixture(fs::path bin) : bin_(std::move(bin)) {}

PostgresFixture::~PostgresFixture() { Kill(); }

std::unique_ptr<PostgresFixture> PostgresFixture::Start() {
  const auto bin = NewestBin();
  if (!bin) {
    std::cerr << "PostgreSQL is not installed under /usr/lib/postgresql\n";
    return nullptr;
  }
  std::unique_ptr<PostgresFixture> server(new PostgresFixture(*bin));
  if (server->Init() && server->Restart()) return server;
  std::cerr << "PostgreSQL did not start:\n" << std::ifstream(server->dir_ / "log").rdbuf() << "\n";
  return nullptr;
}

bool PostgresFixture::Init() {
  const User user = Unprivileged();
  if (::chown(dir_.c_str(), user.uid, user.gid) != 0) return false;
  // Not "C" as locale: texts must compare by bytes whatever the server's locale is.
  for (const char* locale : {"en_US.UTF-8", "C.UTF-8"}) {
    std::error_code ignored;
    fs::remove_all(dir_ / "data", ignored);
    if (RunUnprivileged({bin_ / "initdb", "-D", dir_ / "data", "-U", "strongroom", "-A", "trust", "-E", "UTF8",
                         std::string("--locale=") + locale, "-N"},
                        dir_ / "log") == 0)
      return true;
  }
  return false;
}

bool PostgresFixture::Restart() {
  Kill();
  server_ = Spawn({bin_ / "postgres", "-D", dir_ / "data", "-k", dir_, "-c", "listen_addresses=", "-c",
                   "max_connections=60", "-c", "shared_buffers=16MB"},
                  dir_ / "log");
  for (int i = 0; i < 2400; ++i) {
    if (PQping(Conninfo("postgres").c_str()) == PQPING_OK) return true;
    if (::waitpid(server_, nullptr, WNOHANG) == server_) {
      server_ = -1;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

void PostgresFixture::Kill() {
  if (server_ <= 0) return;
  // SIGQUIT is "immediate": children end at once and the next start recovers from the log, as after a crash.
  ::kill(server_, SIGQUIT);
  ::waitpid(server_, nullptr, 0);
  server_ = -1;
}

std::string PostgresFixture::Conninfo(std::string_view name) const {
  return "host=" + dir_.string() + " user=strongroom dbname=" + std::string(name);
}

bool PostgresFixture::Sql(std::string_view database, std::string_view sql) {
  PGconn* connection = PQconnectdb(Conninfo(database).c_str());
  PGresult* result = PQexec(connection, std::string(sql).c_str());
  const auto status = PQresultStatus(result);
  const bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  if (!ok) std::cerr << PQerrorMessage(connection);
  PQclear(result);
  PQfinish(connection);
  return ok;
}

std::string PostgresFixture::NewDatabase() {
  const std::string name = "test" + std::to_string(++databases_);
  if (!Sql("postgres", "CREATE DATABASE " + name)) return "";
  return Conninfo(name);
}

PostgresFixture* SharedPostgres() {
  static const std::unique_ptr<PostgresFixture> kServer = PostgresFixture::Start();
  return kServer.get();
}

}  // namespace strongroom::store::testing
