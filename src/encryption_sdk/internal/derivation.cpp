#include "encryption_sdk/internal/derivation.h"

#include "crypto/hkdf_steps.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk::internal {

Result<DerivedKeys> Derive(const Suite& suite, const SecretBuffer& data_key, ByteView message_id) {
  if (data_key.size() != suite.key_bytes) {
    return MakeError(ErrorCode::kInvalidArgument, fmt::format("The data key has {} bytes and the suite needs {}.",
                                                              data_key.size(), suite.key_bytes));
  }
  DerivedKeys keys;
  if (!suite.derives) {
    SR_TRY(keys.key, data_key.Clone());
    return keys;
  }
  Bytes info;
  Put16(info, static_cast<std::uint16_t>(suite.id));
  Append(info, suite.commits ? AsBytes("DERIVEKEY") : message_id);
  SR_TRY(const SecretBuffer prk,
         crypto::HkdfExtract(suite.kdf_digest, data_key, suite.commits ? message_id : ByteView()));
  SR_TRY(keys.key, crypto::HkdfExpand(suite.kdf_digest, prk, info, suite.key_bytes));
  if (suite.commits) {
    SR_TRY(keys.commitment,
           crypto::HkdfExpandPublic(suite.kdf_digest, prk, AsBytes("COMMITKEY"), suite.suite_data_bytes()));
  }
  return keys;
}

}  // namespace strongroom::encryption_sdk::internal
