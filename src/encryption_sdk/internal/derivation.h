#pragma once

#include "base/bytes.h"
#include "encryption_sdk/suite.h"
#include "secret/secret_buffer.h"

namespace strongroom::encryption_sdk::internal {

struct DerivedKeys {
  SecretBuffer key;  // encrypts header tag and frames
  Bytes commitment;  // empty for suites without
};
/// Errors: InvalidArgument when the data key has not the suite's length.
Result<DerivedKeys> Derive(const Suite& suite, const SecretBuffer& data_key, ByteView message_id);

}  // namespace strongroom::encryption_sdk::internal
