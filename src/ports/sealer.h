#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "secret/secret_buffer.h"

namespace strongroom::ports {

/// Seals the deployment's own small secrets (secret access keys, key store passwords) in the domain cluster, so that
/// the database holds nothing that it can be robbed of.
///
/// Promise   what was sealed for one (purpose, name) opens for that pair only: swapped rows are refused.
/// Units     plaintext 1..4096 bytes; sealed is 48 bytes longer. purpose and name: at most 255 bytes each.
/// Errors    kUnavailable  the domain cluster is not reachable (yet)
///           kBadCiphertext  sealed under another purpose or name, or damaged
///           kInvalidArgument  sizes
/// Secrets   plaintext travels in SecretBuffers and inside the inner TLS only.
/// Threads   any loop.
class Sealer {
 public:
  virtual ~Sealer() = default;
  /// `purpose` is the kind ("iam-access-key"), `name` the row ("AKIA…").
  virtual Task<Result<Bytes>> Seal(std::string purpose, std::string name, secret::SecretBuffer plaintext) = 0;
  virtual Task<Result<secret::SecretBuffer>> Open(std::string purpose, std::string name, Bytes sealed) = 0;
  /// Has the key that it seals with wrapped under generation `newest` of the domain key; what it sealed stays as it is.
  /// Whether that was not so already.
  virtual Task<Result<bool>> Renew(std::uint32_t newest) = 0;
};

}  // namespace strongroom::ports
