// What an import unwraps to: the first byte picks the spec, the rest is the material.
#include "crypto/key_import.h"
#include "fuzz/target.h"
#include "secret/peek_for_tests.h"

namespace strongroom {
namespace {
constexpr std::string_view kSpecs[] = {"SYMMETRIC_DEFAULT",     "HMAC_256",       "ECC_NIST_P256", "ECC_NIST_P384",
                                       "ECC_NIST_EDWARDS25519", "ECC_SECG_P256K1"};

Bytes PairOf(std::size_t spec, crypto::KeySpec pair) {
  Bytes out{static_cast<std::uint8_t>(spec)};
  const SecretBuffer pkcs8 = crypto::PrivateKey::Generate(pair).value().ToPkcs8().value();
  Append(out, secret::Peek::At(pkcs8));
  return out;
}
}  // namespace

std::vector<Bytes> fuzz::Seeds() {
  return {Bytes(33, 0),
          Bytes(33, 1),
          PairOf(2, crypto::KeySpec::kP256),
          PairOf(3, crypto::KeySpec::kP384),
          PairOf(4, crypto::KeySpec::kEd25519),
          PairOf(5, crypto::KeySpec::kSecp256k1)};
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  if (size < 2 || size > crypto::kMaxWrappedBytes) return 0;
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(kSpecs[data[0] % std::size(kSpecs)]);
  auto material = SecretBuffer::CopyOf(ByteView(data, size).subspan(1));
  fuzz::Require(material.ok());
  const auto read = crypto::ReadForeignMaterial(*spec, std::move(*material));
  if (!read.ok()) return 0;
  // What is taken is written as we write it, and is taken again.
  auto again = read->material.Clone();
  fuzz::Require(again.ok() && crypto::ReadForeignMaterial(*spec, std::move(*again)).ok());
  return 0;
}
