#include "crypto/kms_algorithms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace strongroom::crypto {
namespace {

constexpr KmsAlgorithm Signs(std::string_view name, SignatureScheme scheme, std::size_t digest_bytes) {
  return {.name = name,
          .usage = KmsUsage::kSignVerify,
          .scheme = scheme,
          .raw = true,
          .is_digest = true,
          .digest_bytes = digest_bytes};
}
constexpr KmsAlgorithm Macs(std::string_view name, Digest digest) {
  return {.name = name, .usage = KmsUsage::kGenerateVerifyMac, .digest = digest};
}

constexpr auto kAlgorithms = std::to_array<KmsAlgorithm>({
    {.name = "SYMMETRIC_DEFAULT"},
    {.name = "RSAES_OAEP_SHA_1", .oaep = OaepHash::kSha1},
    {.name = "RSAES_OAEP_SHA_256", .oaep = OaepHash::kSha256},
    Signs("RSASSA_PKCS1_V1_5_SHA_256", SignatureScheme::kPkcs1Sha256, 32),
    Signs("RSASSA_PKCS1_V1_5_SHA_384", SignatureScheme::kPkcs1Sha384, 48),
    Signs("RSASSA_PKCS1_V1_5_SHA_512", SignatureScheme::kPkcs1Sha512, 64),
    Signs("RSASSA_PSS_SHA_256", SignatureScheme::kPssSha256, 32),
    Signs("RSASSA_PSS_SHA_384", SignatureScheme::kPssSha384, 48),
    Signs("RSASSA_PSS_SHA_512", SignatureScheme::kPssSha512, 64),
    Signs("ECDSA_SHA_256", SignatureScheme::kEcdsaSha256, 32),
    Signs("ECDSA_SHA_384", SignatureScheme::kEcdsaSha384, 48),
    Signs("ECDSA_SHA_512", SignatureScheme::kEcdsaSha512, 64),
    {.name = "ED25519_SHA_512", .usage = KmsUsage::kSignVerify, .scheme = SignatureScheme::kEd25519, .raw = true},
    {.name = "ED25519_PH_SHA_512",
     .usage = KmsUsage::kSignVerify,
     .scheme = SignatureScheme::kEd25519Ph,
     .is_digest = true,
     .digest_bytes = 64},
    Macs("HMAC_SHA_224", Digest::kSha224),
    Macs("HMAC_SHA_256", Digest::kSha256),
    Macs("HMAC_SHA_384", Digest::kSha384),
    Macs("HMAC_SHA_512", Digest::kSha512),
    {.name = "ML_DSA_SHAKE_256",
     .usage = KmsUsage::kSignVerify,
     .scheme = SignatureScheme::kMlDsa,
     .raw = true,
     .external_mu = true,
     .digest_bytes = 64},
    {.name = "SM2PKE"},
    Signs("SM2DSA", SignatureScheme::kSm2Dsa, 32),
    {.name = "ECDH", .usage = KmsUsage::kKeyAgreement},
});
static_assert(kAlgorithms.size() <= 32);

/// Bits of the algorithms named; a name that is not in the table does not compile.
template <std::size_t N>
consteval std::uint32_t Bits(const std::string_view (&names)[N]) {
  std::uint32_t bits = 0;
  for (const std::string_view name : names) {
    std::size_t at = 0;
    while (kAlgorithms.at(at).name != name) ++at;
    bits |= std::uint32_t{1} << at;
  }
  return bits;
}
constexpr std::uint32_t kRsa =
    Bits({"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384",
          "RSASSA_PKCS1_V1_5_SHA_512", "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512"});

constexpr auto kSpecs = std::to_array<KmsSpec>({
    {.name = "SYMMETRIC_DEFAULT", .secret_bytes = 32, .algorithms = Bits({"SYMMETRIC_DEFAULT"})},
    {.name = "RSA_2048", .pair = KeySpec::kRsa2048, .algorithms = kRsa},
    {.name = "RSA_3072", .pair = KeySpec::kRsa3072, .algorithms = kRsa},
    {.name = "RSA_4096", .pair = KeySpec::kRsa4096, .algorithms = kRsa},
    {.name = "ECC_NIST_P256", .pair = KeySpec::kP256, .algorithms = Bits({"ECDSA_SHA_256", "ECDH"})},
    {.name = "ECC_NIST_P384", .pair = KeySpec::kP384, .algorithms = Bits({"ECDSA_SHA_384", "ECDH"})},
    {.name = "ECC_NIST_P521", .pair = KeySpec::kP521, .algorithms = Bits({"ECDSA_SHA_512", "ECDH"})},
    {.name = "ECC_SECG_P256K1", .pair = KeySpec::kSecp256k1, .algorithms = Bits({"ECDSA_SHA_256"})},
    {.name = "ECC_NIST_EDWARDS25519",
     .pair = KeySpec::kEd25519,
     .algorithms = Bits({"ED25519_SHA_512", "ED25519_PH_SHA_512"})},
    // An HMAC key is as long as its hash.
    {.name = "HMAC_224", .secret_bytes = 28, .algorithms = Bits({"HMAC_SHA_224"})},
    {.name = "HMAC_256", .secret_bytes = 32, .algorithms = Bits({"HMAC_SHA_256"})},
    {.name = "HMAC_384", .secret_bytes = 48, .algorithms = Bits({"HMAC_SHA_384"})},
    {.name = "HMAC_512", .secret_bytes = 64, .algorithms = Bits({"HMAC_SHA_512"})},
    {.name = "ML_DSA_44", .pair = KeySpec::kMlDsa44, .algorithms = Bits({"ML_DSA_SHAKE_256"})},
    {.name = "ML_DSA_65", .pair = KeySpec::kMlDsa65, .algorithms = Bits({"ML_DSA_SHAKE_256"})},
    {.name = "ML_DSA_87", .pair = KeySpec::kMlDsa87, .algorithms = Bits({"ML_DSA_SHAKE_256"})},
    {.name = "SM2", .pair = KeySpec::kSm2, .algorithms = Bits({"SM2PKE", "SM2DSA", "ECDH"})},
});

constexpr auto kUsages = std::to_array<std::string_view>(
    {"ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"});            // in the order of KmsUsage
constexpr auto kForms = std::to_array<std::string_view>({"RAW", "DIGEST", "EXTERNAL_MU"});  // as MessageForm

template <typename Row, std::size_t N>
const Row* FindIn(const std::array<Row, N>& table, std::string_view name) noexcept {
  const auto found = std::ranges::find(table, name, &Row::name);
  return found == table.end() ? nullptr : &*found;
}
template <typename Enum, std::size_t N>
std::optional<Enum> FindName(const std::array<std::string_view, N>& names, std::string_view name) noexcept {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

std::size_t RsaBytes(KeySpec spec) noexcept {
  return spec == KeySpec::kRsa2048 ? 256 : spec == KeySpec::kRsa3072 ? 384 : 512;
}

}  // namespace

std::string_view Name(KmsUsage usage) noexcept { return kUsages[static_cast<std::size_t>(usage)]; }
std::optional<KmsUsage> FindKmsUsage(std::string_view name) noexcept { return FindName<KmsUsage>(kUsages, name); }
std::string_view Name(MessageForm form) noexcept { return kForms[static_cast<std::size_t>(form)]; }
std::optional<MessageForm> FindMessageForm(std::string_view name) noexcept {
  return FindName<MessageForm>(kForms, name);
}

const KmsAlgorithm* FindKmsAlgorithm(std::string_view name) noexcept { return FindIn(kAlgorithms, name); }
const KmsSpec* FindKmsSpec(std::string_view name) noexcept { return FindIn(kSpecs, name); }
std::span<const KmsSpec> AllKmsSpecs() noexcept { return kSpecs; }

bool KmsSpec::Has(const KmsAlgorithm& algorithm) const noexcept {
  return (algorithms >> (&algorithm - kAlgorithms.data()) & 1) != 0;
}

std::vector<std::string> KmsSpec::AlgorithmsFor(KmsUsage usage) const {
  std::vector<std::string> names;
  for (const KmsAlgorithm& algorithm : kAlgorithms) {
    if (algorithm.usage == usage && Has(algorithm)) names.emplace_back(algorithm.name);
  }
  return names;
}

bool KmsSpec::Allows(KmsUsage usage) const noexcept {
  return std::ranges::any_of(kAlgorithms, [&](const KmsAlgorithm& a) { return a.usage == usage && Has(a); });
}

Result<MessageForm> FormFor(const KmsAlgorithm& algorithm, MessageForm form, std::size_t message_bytes) {
  const bool taken = form == MessageForm::kRaw      ? algorithm.raw
                     : form == MessageForm::kDigest ? algorithm.is_digest
                                                    : algorithm.external_mu;
  if (!taken) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("MessageType {} is not valid for algorithm {}.", Name(form), algorithm.name));
  }
  if (form != MessageForm::kRaw && message_bytes != algorithm.digest_bytes) {
    return Error(Errc::kInvalidArgument, fmt::format("Digest is invalid length for algorithm {}.", algorithm.name));
  }
  return algorithm.scheme == SignatureScheme::kEd25519Ph ? MessageForm::kRaw : form;
}

std::size_t MaxPlaintextBytes(const KmsSpec& spec, const KmsAlgorithm& algorithm) noexcept {
  if (!algorithm.oaep || !spec.pair || !IsRsa(*spec.pair)) return kMaxSm2Bytes;
  return RsaBytes(*spec.pair) - 2 * DigestSize(*algorithm.oaep == OaepHash::kSha1 ? Digest::kSha1 : Digest::kSha256) -
         2;
}

Status RequirePlaintextSize(const KmsSpec& spec, const KmsAlgorithm& algorithm, std::size_t bytes) {
  const std::size_t most = MaxPlaintextBytes(spec, algorithm);
  if (bytes <= most) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("Algorithm {} and key spec {} cannot encrypt data larger than {} bytes.", algorithm.name,
                           spec.name, most));
}

}  // namespace strongroom::crypto
