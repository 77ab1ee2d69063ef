// Messages of 0478 and 0578 against what bounds them: AES-256-GCM by OpenSSL's own calls on the same buffers, and
// SHA-384.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <memory>

#include "crypto/random.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/encryptor.h"
#include "encryption_sdk/raw_aes_keyring.h"

namespace strongroom::encryption_sdk {
namespace {

constexpr std::size_t kFrame = std::size_t{1} << 20;
constexpr std::size_t kMessage = 64 * kFrame;

const Bytes& Plaintext() {
  static const Bytes text(kMessage, 7);
  return text;
}
Cmm& Keys() {
  static const CmmPtr cmm = MakeDefaultCmm(MakeRawAesKeyring("bench", "key", crypto::RandomSecret(32).value()).value());
  return *cmm;
}
const Sink kNowhere = [](ByteView piece) {
  benchmark::DoNotOptimize(piece.data());
  return Status();
};

void RawGcm(benchmark::State& state) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&::EVP_CIPHER_CTX_free)> context(::EVP_CIPHER_CTX_new(),
                                                                                  ::EVP_CIPHER_CTX_free);
  const Bytes key(32, 1), nonce(12, 2);
  Bytes out(kFrame + 16);
  const bool decrypts = state.range(0) == 1;
  ::EVP_CipherInit_ex2(context.get(), ::EVP_aes_256_gcm(), key.data(), nullptr, decrypts ? 0 : 1, nullptr);
  for (auto _ : state) {
    for (std::size_t at = 0; at < kMessage; at += kFrame) {
      int size = 0;
      ::EVP_CipherInit_ex2(context.get(), nullptr, nullptr, nonce.data(), -1, nullptr);
      ::EVP_CipherUpdate(context.get(), out.data(), &size, Plaintext().data() + at, kFrame);
      if (!decrypts) ::EVP_CipherFinal_ex(context.get(), out.data() + kFrame, &size);
      benchmark::DoNotOptimize(out.data());
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kMessage));
}
BENCHMARK(RawGcm)->Arg(0)->Arg(1)->ArgName("decrypts");

void RawSha384(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(crypto::Sha384(ByteView(Plaintext())));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kMessage));
}
BENCHMARK(RawSha384);

constexpr SuiteId kSuites[] = {SuiteId::k256Commit, SuiteId::k256CommitP384};

EncryptOptions OptionsOf(const benchmark::State& state) {
  return {.suite = kSuites[state.range(0)], .frame_length = kFrame, .threads = static_cast<unsigned>(state.range(1))};
}

void EncryptMessages(benchmark::State& state) {
  for (auto _ : state) {
    auto encryptor = Encryptor::Start(Keys(), {}, OptionsOf(state), kNowhere);
    if (!encryptor.ok() || !encryptor->Write(Plaintext()).ok() || !encryptor->Finish().ok()) {
      state.SkipWithError("cannot encrypt");
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kMessage));
}
BENCHMARK(EncryptMessages)->ArgsProduct({{0, 1}, {0, 1, 2}})->ArgNames({"signed", "threads"})->UseRealTime();

void DecryptMessages(benchmark::State& state) {
  const auto made = EncryptMessage(Keys(), {}, Plaintext(), OptionsOf(state));
  for (auto _ : state) {
    auto decryptor = Decryptor::Start(Keys(), {.threads = static_cast<unsigned>(state.range(1))}, kNowhere);
    if (!made.ok() || !decryptor.ok() || !decryptor->Write(made->message).ok() || !decryptor->Finish().ok()) {
      state.SkipWithError("cannot decrypt");
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kMessage));
}
BENCHMARK(DecryptMessages)->ArgsProduct({{0, 1}, {0, 1, 2}})->ArgNames({"signed", "threads"})->UseRealTime();

}  // namespace
}  // namespace strongroom::encryption_sdk

BENCHMARK_MAIN();
