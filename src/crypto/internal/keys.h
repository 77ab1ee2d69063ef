#pragma once

#include "crypto/internal/openssl.h"
#include "crypto/internal/prepared_contexts.h"
#include "crypto/key_pair.h"

namespace strongroom::crypto {

struct PublicKey::Impl {
  EvpKey key;
  KeySpec spec;
  Bytes spki;
  PreparedContexts verifying{};
};
struct PrivateKey::Impl {
  EvpKey key;
  KeySpec spec;
  PublicKey public_key;
  PreparedContexts signing{};
};

/// The KeySpec of an OpenSSL key, or kUnsupported.
Result<KeySpec> SpecOf(const EVP_PKEY* key);
/// "prime256v1" and so on; null when not a curve.
const char* GroupName(KeySpec spec) noexcept;
Result<PublicKey> MakePublicKey(EvpKey key);
/// Takes the public half out of the same key.
Result<PrivateKey> MakePrivateKey(EvpKey key);
/// Whether the text is one DER element of this tag (V_ASN1_...) from its first byte to its last.
bool IsOneElement(ByteView text, int tag);
/// Runs an i2d function into bytes.
template <typename T, typename Encode>
Result<Bytes> ToDerBytes(const T* object, Encode encode, std::string_view what) {
  const int size = encode(object, nullptr);
  if (size <= 0) return OpenSslError(what);
  Bytes out(static_cast<std::size_t>(size));
  unsigned char* cursor = out.data();
  if (encode(object, &cursor) != size) return OpenSslError(what);
  return out;
}

}  // namespace strongroom::crypto
