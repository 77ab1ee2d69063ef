#include "store/database.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

#include "store/connection.h"
#include "store/migrations.h"
#include "store/worker_pool.h"

namespace strongroom::store {
namespace asio = boost::asio;

class Database::Impl {
 public:
  explicit Impl(const Config& config) : pool(config) {}
  WorkerPool pool;
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::Open(const Config& config) {
  if (config.postgres_connections < 1 || config.postgres_connections > 64 || config.max_waiting == 0 ||
      config.transaction_limit <= std::chrono::milliseconds(0))
    return Error(Errc::kInvalidArgument, "The store's configuration is out of range.");
  if (config.engine == Config::Engine::kSqlite) SR_CHECK(CheckSqliteFile(config));
  SR_TRY(std::unique_ptr<Connection> connection,
         config.engine == Config::Engine::kSqlite ? OpenSqlite(config, Access::kWrite) : OpenPostgres(config));
  SR_CHECK(Migrate(*connection));
  connection.reset();
  return std::unique_ptr<Database>(new Database(std::make_unique<Impl>(config)));
}

Config::Engine Database::engine() const noexcept { return impl_->pool.config().engine; }

std::chrono::milliseconds Database::transaction_limit() const noexcept {
  return impl_->pool.config().transaction_limit;
}

void Database::SetCommitHook(std::function<void()> hook) { impl_->pool.SetCommitHook(std::move(hook)); }

Status Database::RunAndWait(Access access, Work work) {
  if (impl_->pool.OnWorker())
    return Error(Errc::kInternal, "").WithDetail("a transaction waits for another on the same thread");
  auto promise = std::make_shared<std::promise<Status>>();
  std::future<Status> settled = promise->get_future();
  SR_CHECK(impl_->pool.Submit(
      Job{access, std::move(work), [promise](Status status) { promise->set_value(std::move(status)); }}));
  return settled.get();
}

Task<Status> Database::RunAndResume(Access access, Work work) {
  using Token = asio::use_awaitable_t<LoopExecutor>;
  auto begin = [this](auto handler, Access wanted, Work what) {
    using Handler = decltype(handler);
    const LoopExecutor loop = asio::get_associated_executor(handler, LoopExecutor(handler.get_executor()));
    auto waiting = std::make_shared<Handler>(std::move(handler));
    // Tracked, so that a loop with nothing else to do does not end before the answer comes.
    auto tracked = asio::prefer(loop, asio::execution::outstanding_work.tracked);
    auto resume = [waiting, tracked](Status status) {
      asio::post(tracked, [waiting, settled = std::move(status)]() mutable { (*waiting)(std::move(settled)); });
    };
    Status accepted = impl_->pool.Submit(Job{wanted, std::move(what), resume});
    if (!accepted.ok()) resume(std::move(accepted));
  };
  Status status = co_await asio::async_initiate<const Token, void(Status)>(begin, Token(), access, std::move(work));
  co_return status;
}

}  // namespace strongroom::store
