#include "hsm/session/engine.h"

namespace strongroom::hsm {

Task<Result<crypto::PrivateKey>> TakeKeyPair(Engine& engine, crypto::KeySpec spec) {
  if (auto stocked = engine.pairs.Take(spec)) co_return std::move(*stocked);
  auto make = [spec] { return crypto::PrivateKey::Generate(spec); };
  auto pair = co_await engine.crypto.Run(engine.loop, std::move(make));
  co_return pair;
}

}  // namespace strongroom::hsm
