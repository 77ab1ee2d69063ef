#include "crypto/key_import.h"

#include <algorithm>
#include <array>

#include "crypto/aes_kw.h"
#include "crypto/foreign_key.h"
#include "crypto/internal/openssl.h"
#include "crypto/random.h"

namespace strongroom::crypto {
namespace {

constexpr auto kAlgorithms = std::to_array<WrappingAlgorithm>({
    {.name = "RSAES_OAEP_SHA_1", .oaep = OaepHash::kSha1},
    {.name = "RSAES_OAEP_SHA_256", .oaep = OaepHash::kSha256},
    {.name = "RSA_AES_KEY_WRAP_SHA_1", .oaep = OaepHash::kSha1, .aes_key_wrap = true},
    {.name = "RSA_AES_KEY_WRAP_SHA_256", .oaep = OaepHash::kSha256, .aes_key_wrap = true},
    {.name = "SM2PKE"},
});
constexpr std::size_t kAesKeyBytes = 32;
constexpr std::string_view kIdPurpose{"strongroom material id v1\0", 26};

Error Refused() { return Error(Errc::kBadCiphertext, "The wrapped key material cannot be unwrapped."); }
Error NotForTheKey() {
  return Error(Errc::kIncorrectKeyMaterial, "The key material is not of the kind that the key takes.");
}

/// What OAEP opened to, when that is an AES-256 key; otherwise a random one, under which nothing opens.
Result<SecretBuffer> KeyOrRandom(Result<SecretBuffer> opened) {
  if (opened.ok() && opened->size() == kAesKeyBytes) return opened;
  if (!opened.ok() && opened.error().code() != Errc::kBadCiphertext) return opened;
  return RandomSecret(kAesKeyBytes);
}

}  // namespace

const WrappingAlgorithm* FindWrappingAlgorithm(std::string_view name) noexcept {
  const auto found = std::ranges::find(kAlgorithms, name, &WrappingAlgorithm::name);
  return found == kAlgorithms.end() ? nullptr : &*found;
}

std::optional<KeySpec> FindWrappingSpec(std::string_view name) noexcept {
  const KmsSpec* spec = FindKmsSpec(name);
  if (spec == nullptr || !spec->pair || (!IsRsa(*spec->pair) && *spec->pair != KeySpec::kSm2)) return std::nullopt;
  return spec->pair;
}

bool CanWrap(const KmsSpec& material, const WrappingAlgorithm& algorithm, KeySpec wrapping_key) noexcept {
  if (material.pair && IsMlDsa(*material.pair)) return false;
  if (!algorithm.oaep) return wrapping_key == KeySpec::kSm2 && (!material.pair || !IsRsa(*material.pair));
  if (!IsRsa(wrapping_key)) return false;
  if (algorithm.aes_key_wrap || !material.pair) return true;
  // PKCS#8 texts of RSA keys are longer than any wrapping key; P-521's are than RSA_2048.
  if (IsRsa(*material.pair)) return false;
  return *material.pair != KeySpec::kP521 || wrapping_key != KeySpec::kRsa2048;
}

Result<SecretBuffer> Unwrap(const WrappingAlgorithm& algorithm, const PrivateKey& wrapping_key, ByteView wrapped) {
  if (wrapped.empty() || wrapped.size() > kMaxWrappedBytes) return Refused();
  const auto worded = [](Result<SecretBuffer> opened) -> Result<SecretBuffer> {
    if (!opened.ok() && opened.error().code() == Errc::kBadCiphertext) return Refused();
    return opened;
  };
  if (!algorithm.oaep) return worded(wrapping_key.DecryptSm2(wrapped));
  if (!algorithm.aes_key_wrap) return worded(wrapping_key.DecryptOaep(*algorithm.oaep, {}, wrapped));
  const std::size_t head = wrapping_key.public_key().RsaModulus().size();
  if (wrapped.size() <= head) return Refused();
  SR_TRY(const SecretBuffer key, KeyOrRandom(wrapping_key.DecryptOaep(*algorithm.oaep, {}, wrapped.first(head))));
  return worded(AesKeyUnwrapPadded(key, wrapped.subspan(head)));
}

Result<ForeignMaterial> ReadForeignMaterial(const KmsSpec& spec, SecretBuffer unwrapped) {
  ForeignMaterial read;
  if (!spec.pair) {
    if (unwrapped.size() != spec.secret_bytes) return NotForTheKey();
    read.material = std::move(unwrapped);
    return read;
  }
  auto pair = ReadForeignKey(*spec.pair, unwrapped);
  if (!pair.ok()) {
    if (pair.error().code() == Errc::kInvalidArgument) return NotForTheKey();
    return std::move(pair).error();
  }
  SR_TRY(read.material, pair->ToPkcs8());
  read.pair = std::move(*pair);
  return read;
}

std::string MaterialIdOf(const SecretBuffer& secret, std::string_view account, std::string_view key_id,
                         std::string_view spec, const ForeignMaterial& material) {
  Bytes head = ToBytes(AsBytes(kIdPurpose));
  for (const std::string_view field : {account, key_id, spec}) {
    head.push_back(static_cast<std::uint8_t>(field.size()));
    Append(head, AsBytes(field));
  }
  const ByteView counted =
      material.pair ? ByteView(material.pair->public_key().ToSpki()) : EvpKeyLoader::View(material.material);
  return Hex(HmacSha256(secret, {head, counted}));
}

}  // namespace strongroom::crypto
