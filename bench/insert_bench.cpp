// What the database engines themselves can do on this machine: rows of a given size made durable per second, by SQLite
// and libpq alone. For SQLite a number of rows share a commit; for PostgreSQL each row is a commit of its own, and a
// number of connections commit at once, as its group commit wants it.
#include <libpq-fe.h>
#include <sqlite3.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string sqlite, postgresql;
  std::size_t bytes = 400, together = 1;
  double seconds = 3;
};

void Require(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "insert_bench: %s\n", what.c_str());
  std::exit(1);
}

void Print(std::size_t rows, Clock::time_point start) {
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("{\"rows\": %zu, \"rate\": %.1f}\n", rows, static_cast<double>(rows) / took);
}

void WithSqlite(const Options& options) {
  sqlite3* db = nullptr;
  Require(sqlite3_open(options.sqlite.c_str(), &db) == SQLITE_OK, "cannot open " + options.sqlite);
  const auto run = [&](const char* sql) {
    Require(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK,
            std::string(sql) + ": " + sqlite3_errmsg(db));
  };
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  run("CREATE TABLE log (cluster TEXT, number BIGINT, hash BLOB, record BLOB, at BIGINT, PRIMARY KEY (cluster, "
      "number))");
  sqlite3_stmt* insert = nullptr;
  Require(sqlite3_prepare_v2(db, "INSERT INTO log VALUES ('cluster-bench', ?1, zeroblob(32), ?2, 1)", -1, &insert,
                             nullptr) == SQLITE_OK,
          sqlite3_errmsg(db));
  const std::string row(options.bytes, 'x');
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(options.seconds);
  std::size_t rows = 0;
  while (Clock::now() < end) {
    run("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < options.together; ++i) {
      sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(++rows));
      sqlite3_bind_blob64(insert, 2, row.data(), row.size(), SQLITE_STATIC);
      Require(sqlite3_step(insert) == SQLITE_DONE, sqlite3_errmsg(db));
      sqlite3_reset(insert);
    }
    run("COMMIT");
  }
  Print(rows, start);
  sqlite3_finalize(insert);
  sqlite3_close(db);
}

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

Connection Connect(const Options& options) {
  Connection connection(PQconnectdb(options.postgresql.c_str()), &PQfinish);
  Require(PQstatus(connection.get()) == CONNECTION_OK, PQerrorMessage(connection.get()));
  return connection;
}

void Run(const Connection& connection, const char* sql) {
  const Answer answer(PQexec(connection.get(), sql), &PQclear);
  const auto status = PQresultStatus(answer.get());
  Require(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, PQerrorMessage(connection.get()));
}

void Insert(const Options& options, Clock::time_point end, std::atomic<std::size_t>& rows) {
  const Connection connection = Connect(options);
  Answer(PQprepare(connection.get(), "i", "INSERT INTO insert_bench VALUES ('c', $1::bigint, $2::bytea)", 2, nullptr),
         &PQclear);
  const std::string row(options.bytes, 'x');
  const int formats[] = {0, 1};
  while (Clock::now() < end) {
    const std::string number = std::to_string(++rows);
    const char* values[] = {number.c_str(), row.data()};
    const int lengths[] = {0, static_cast<int>(row.size())};
    const Answer done(PQexecPrepared(connection.get(), "i", 2, values, lengths, formats, 0), &PQclear);
    Require(PQresultStatus(done.get()) == PGRES_COMMAND_OK, PQerrorMessage(connection.get()));
  }
}

void WithPostgresql(const Options& options) {
  const Connection connection = Connect(options);
  Run(connection, "SET client_min_messages = warning");
  Run(connection, "DROP TABLE IF EXISTS insert_bench");
  Run(connection,
      "CREATE TABLE insert_bench (cluster TEXT, number BIGINT, record BYTEA, PRIMARY KEY (cluster, number))");
  std::atomic<std::size_t> rows = 0;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < options.together; ++i) threads.emplace_back([&] { Insert(options, end, rows); });
  for (std::thread& thread : threads) thread.join();
  Print(rows, start);
  Run(connection, "DROP TABLE insert_bench");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Durable inserts per second of a database engine by itself.");
  auto* sqlite = app.add_option("--sqlite", options.sqlite, "A file that does not exist yet");
  app.add_option("--postgresql", options.postgresql, "A libpq connection string")->excludes(sqlite);
  app.add_option("--bytes", options.bytes, "Of a row");
  app.add_option("--together", options.together, "Rows of a commit (SQLite), or connections (PostgreSQL)");
  app.add_option("--seconds", options.seconds);
  CLI11_PARSE(app, argc, argv);
  options.postgresql.empty() ? WithSqlite(options) : WithPostgresql(options);
  return 0;
}
