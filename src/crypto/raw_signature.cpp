#include "crypto/raw_signature.h"

#include <openssl/ec.h>

#include "crypto/internal/keys.h"

namespace strongroom::crypto {

Result<Bytes> EcdsaDerFromRaw(ByteView raw) {
  constexpr std::size_t kLongest = 132;  // P-521
  if (raw.empty() || raw.size() % 2 != 0 || raw.size() > kLongest)
    return Error(Errc::kInvalidArgument, "This is no ECDSA signature of two numbers.");
  const int half = static_cast<int>(raw.size() / 2);
  const std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>> signature(::ECDSA_SIG_new());
  BignumPtr r(::BN_bin2bn(raw.data(), half, nullptr)), s(::BN_bin2bn(raw.data() + half, half, nullptr));
  if (!signature || !r || !s || ::ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1)
    return OpenSslError("take an ECDSA signature apart");
  // The signature owns both now.
  (void)r.release();
  (void)s.release();
  return ToDerBytes(static_cast<const ECDSA_SIG*>(signature.get()), ::i2d_ECDSA_SIG, "encode an ECDSA signature");
}

}  // namespace strongroom::crypto
