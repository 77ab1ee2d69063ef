#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"
#include "kms/keys/key.h"

namespace strongroom::kms {

class Kms;

// What is deleted goes out of the HSMs' memory, too. Every HSM of the domain cluster is told at once, and again two
// seconds later: a front end that had the key cached may have used it until it heard of the change. One that cannot be
// reached drops the material when nobody has used it for ten minutes, and when it starts again.

/// The bindings of the tokens that a key has.
std::vector<Bytes> BindingsOf(const KeyRow& row);
/// Of those with these ids.
std::vector<Bytes> BindingsOf(const KeyRow& row, const std::vector<std::string>& material_ids);

/// Tells the HSMs; returns when each has answered or is not there. The second time is the background's.
Task<void> ForgetInHsms(Kms& kms, std::vector<Bytes> bindings);

}  // namespace strongroom::kms
