#include "crypto/sigv4_key.h"

#include "crypto/hash.h"
#include "secret/secret_vector.h"

namespace strongroom::crypto {
namespace {
Result<SecretBuffer> HmacStep(const SecretBuffer& key, std::string_view text) {
  Sha256Digest digest = HmacSha256(key, {AsBytes(text)});
  auto next = SecretBuffer::CopyOf(digest);
  secret::Wipe(digest.data(), digest.size());
  return next;
}
}  // namespace

Result<SecretBuffer> DeriveSigningKey(const SecretBuffer& start, const SigningScope& scope) {
  SR_TRY(const SecretBuffer day, HmacStep(start, scope.date));
  SR_TRY(const SecretBuffer in_region, HmacStep(day, scope.region));
  SR_TRY(const SecretBuffer for_service, HmacStep(in_region, scope.service));
  return HmacStep(for_service, "aws4_request");
}

}  // namespace strongroom::crypto
