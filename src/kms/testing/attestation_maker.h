#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "crypto/certificate.h"
#include "crypto/key_pair.h"

namespace strongroom::kms::testing {

/// What an attestation document says; a test changes the part it is about. Texts are CBOR as it stands in the payload,
/// so that a part can be wrong or (empty) absent.
using Payload = std::map<std::string, Bytes>;

namespace cbor {
Bytes Unsigned(std::uint64_t value);
Bytes Negative(std::uint64_t minus_one_minus);
Bytes Text(std::string_view text);
Bytes Blob(ByteView bytes);
Bytes Null();
Bytes Array(const std::vector<Bytes>& items);
Bytes Map(const std::vector<std::pair<Bytes, Bytes>>& pairs);
}  // namespace cbor

/// An enclave with certificates of its own: root, one between, leaf, all of P-384.
class AttestationMaker {
 public:
  AttestationMaker();
  const crypto::Certificate& root() const noexcept { return root_; }
  /// A good document's payload for this RSA key.
  Payload GoodPayload(const crypto::PublicKey& recipient, std::int64_t made_millis) const;
  /// Signed over whatever the payload is.
  Bytes Document(const Payload& payload) const;
  Bytes Document(const crypto::PublicKey& recipient) const;
  /// With a protected header, and with the four parts changed before they are put together.
  Bytes Document(const Payload& payload, const Bytes& protected_header,
                 const std::function<void(std::vector<Bytes>&)>& change) const;
  static Bytes Es384Header();

 private:
  crypto::PrivateKey key_;
  crypto::Certificate root_, middle_, leaf_;
};

/// Milliseconds since 1970 by the machine's clock.
std::int64_t NowMillis();

}  // namespace strongroom::kms::testing
