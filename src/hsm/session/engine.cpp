#include "hsm/session/engine.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace strongroom::hsm {

Task<void> WaitUntil(Engine& engine, std::chrono::steady_clock::time_point until) {
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
  Timer timer(engine.loop.get_executor(), until);
  (void)co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<LoopExecutor>{}));
}

Task<Result<TokenKeyPtr>> OpenKey(Engine& engine, KeyUser user, const proto::KeyRef& ref, crypto::KmsUsage usage) {
  auto key = engine.vault.Key(engine.state(), user, ref, usage);
  if (key.ok() || key.error().code() != Errc::kNotFound) co_return key;
  (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
  co_return engine.vault.Key(engine.state(), user, ref, usage);
}

Task<Result<crypto::PrivateKey>> TakeKeyPair(Engine& engine, crypto::KeySpec spec) {
  if (auto stocked = engine.pairs.Take(spec)) co_return std::move(*stocked);
  auto make = [spec] { return crypto::PrivateKey::Generate(spec); };
  auto pair = co_await engine.crypto.Run(engine.loop, std::move(make));
  co_return pair;
}

}  // namespace strongroom::hsm
