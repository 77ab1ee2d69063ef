#include "encryption_sdk/suite.h"

namespace strongroom::encryption_sdk {
namespace {

using crypto::Digest;

// Signatures are written in the most frequent DER length, so that a message's length is known beforehand.
constexpr std::size_t kP256Bytes = 71, kP384Bytes = 103;

constexpr Suite kSuites[] = {
    {SuiteId::k128NoKdf, "128_GCM_IV12_TAG16_NO_KDF", 16, false, Digest::kSha256, SuiteCurve::kNone, false},
    {SuiteId::k192NoKdf, "192_GCM_IV12_TAG16_NO_KDF", 24, false, Digest::kSha256, SuiteCurve::kNone, false},
    {SuiteId::k256NoKdf, "256_GCM_IV12_TAG16_NO_KDF", 32, false, Digest::kSha256, SuiteCurve::kNone, false},
    {SuiteId::k128Sha256, "128_GCM_IV12_TAG16_HKDF_SHA256", 16, true, Digest::kSha256, SuiteCurve::kNone, false},
    {SuiteId::k192Sha256, "192_GCM_IV12_TAG16_HKDF_SHA256", 24, true, Digest::kSha256, SuiteCurve::kNone, false},
    {SuiteId::k256Sha256, "256_GCM_IV12_TAG16_HKDF_SHA256", 32, true, Digest::kSha256, SuiteCurve::kNone, false},
    {SuiteId::k128Sha256P256, "128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256", 16, true, Digest::kSha256, SuiteCurve::kP256,
     false, kP256Bytes},
    {SuiteId::k192Sha384P384, "192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384", 24, true, Digest::kSha384, SuiteCurve::kP384,
     false, kP384Bytes},
    {SuiteId::k256Sha384P384, "256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384", 32, true, Digest::kSha384, SuiteCurve::kP384,
     false, kP384Bytes},
    {SuiteId::k256Commit, "256_GCM_HKDF_SHA512_COMMIT_KEY", 32, true, Digest::kSha512, SuiteCurve::kNone, true},
    {SuiteId::k256CommitP384, "256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384", 32, true, Digest::kSha512, SuiteCurve::kP384,
     true, kP384Bytes},
};

}  // namespace

std::span<const Suite> AllSuites() noexcept { return kSuites; }

const Suite* FindSuite(std::uint16_t id) noexcept {
  for (const Suite& suite : kSuites) {
    if (suite.id == static_cast<SuiteId>(id)) return &suite;
  }
  return nullptr;
}

const Suite& SuiteOf(SuiteId id) noexcept { return *FindSuite(static_cast<std::uint16_t>(id)); }

bool MayEncrypt(CommitmentPolicy policy, const Suite& suite) noexcept {
  return suite.commits == (policy != CommitmentPolicy::kForbidEncryptAllowDecrypt);
}
bool MayDecrypt(CommitmentPolicy policy, const Suite& suite) noexcept {
  return suite.commits || policy != CommitmentPolicy::kRequireEncryptRequireDecrypt;
}
SuiteId DefaultSuite(CommitmentPolicy policy) noexcept {
  return policy == CommitmentPolicy::kForbidEncryptAllowDecrypt ? SuiteId::k256Sha384P384 : SuiteId::k256CommitP384;
}

}  // namespace strongroom::encryption_sdk
