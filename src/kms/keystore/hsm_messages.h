#pragma once

#include <vector>

#include "keys.pb.h"
#include "kms/keys/key.h"
#include "secret/secret_buffer.h"

namespace strongroom::kms {

/// How an HSM is told which key: by handle in a customer's cluster, by its material's token in the domain's.
void SetKey(proto::KeyRef& ref, const Key& key, const KeyMaterial& material);
/// The one secret field of an answer. Errors: kInternal when there is another number of them.
Result<SecretBuffer> TakeSegment(std::vector<SecretBuffer>& segments);

}  // namespace strongroom::kms
