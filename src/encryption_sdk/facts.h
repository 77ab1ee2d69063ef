#pragma once

#include <cstdint>
#include <functional>

#include "encryption_sdk/header.h"

namespace strongroom::encryption_sdk {

/// Where output goes, piece by piece, in order, on the thread that calls Write or Finish. An error stops the work and
/// is what the caller of Write or Finish gets.
using Sink = std::function<Status(ByteView)>;

/// What identifies a message. A signature does not (ECDSA's can be changed into another valid one); these do.
struct MessageFacts {
  Header header;
  std::uint64_t plaintext_bytes = 0;
  std::uint64_t message_bytes = 0;
  std::uint32_t frames = 0;          // 1 for non-framed content
  crypto::Sha256Digest tags_digest;  // SHA-256 over the tags of all frames in order, 16 bytes each
};

}  // namespace strongroom::encryption_sdk
