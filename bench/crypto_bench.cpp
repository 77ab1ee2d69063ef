// What the pieces under every key operation cost, in nanoseconds per call.
#include <benchmark/benchmark.h>

#include <memory>

#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/key_pair.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "secret/secret_buffer.h"

namespace strongroom::crypto {
namespace {

const SecretBuffer& Key() {
  static const SecretBuffer* const key = new SecretBuffer(RandomSecret(32).value());
  return *key;
}
Bytes Text(const benchmark::State& state) { return Bytes(static_cast<std::size_t>(state.range(0)), 7); }

void SecretAllocation(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    auto buffer = SecretBuffer::Produce(size, [](std::span<std::uint8_t> room) { return room.size(); });
    benchmark::DoNotOptimize(buffer);
  }
}
BENCHMARK(SecretAllocation)->Arg(32)->Arg(4096)->ThreadRange(1, 2);

void RandomDraw(benchmark::State& state) {
  Bytes out(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Random(out).ok());
}
BENCHMARK(RandomDraw)->Arg(12)->Arg(32)->ThreadRange(1, 2);

void HashSha256(benchmark::State& state) {
  const Bytes text = Text(state);
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(ByteView(text)));
}
BENCHMARK(HashSha256)->Arg(32)->Arg(1024);

void MacSha256(benchmark::State& state) {
  const Bytes text = Text(state);
  for (auto _ : state) benchmark::DoNotOptimize(HmacSha256(Key(), {text}));
}
BENCHMARK(MacSha256)->Arg(32);

void Hkdf(benchmark::State& state) {
  const Bytes salt(32, 1), info(64, 2);
  for (auto _ : state) benchmark::DoNotOptimize(HkdfSha256(Key(), salt, info, 32).ok());
}
BENCHMARK(Hkdf);

void SealMessage(benchmark::State& state) {
  const Bytes text = Text(state), info(32, 2), aad(32, 3);
  Bytes out(SealedSize(text.size()));
  for (auto _ : state) benchmark::DoNotOptimize(SealInto(Key(), info, aad, text, out).ok());
}
BENCHMARK(SealMessage)->Arg(32)->Arg(4096)->ThreadRange(1, 2);

void OpenMessage(benchmark::State& state) {
  const Bytes text = Text(state), info(32, 2), aad(32, 3);
  const Bytes sealed = Seal(Key(), info, aad, text).value();
  for (auto _ : state) benchmark::DoNotOptimize(Open(Key(), info, aad, sealed).ok());
}
BENCHMARK(OpenMessage)->Arg(32)->Arg(4096)->ThreadRange(1, 2);

void SignMessage(benchmark::State& state, KeySpec spec, SignatureScheme scheme) {
  const PrivateKey key = PrivateKey::Generate(spec).value();
  const Bytes digest(32, 5);
  for (auto _ : state) benchmark::DoNotOptimize(key.Sign(scheme, MessageForm::kDigest, digest).ok());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(SignMessage, Rsa2048, KeySpec::kRsa2048, SignatureScheme::kPkcs1Sha256)
    ->ThreadRange(1, 2)
    ->UseRealTime();
BENCHMARK_CAPTURE(SignMessage, P256, KeySpec::kP256, SignatureScheme::kEcdsaSha256)->ThreadRange(1, 2)->UseRealTime();

}  // namespace
}  // namespace strongroom::crypto

BENCHMARK_MAIN();
