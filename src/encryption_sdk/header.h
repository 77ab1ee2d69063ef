#pragma once

#include <optional>

#include "encryption_sdk/materials.h"

namespace strongroom::encryption_sdk {

enum class ContentType : std::uint8_t { kNonFramed = 1, kFramed = 2 };

/// A message's header, taken apart.
struct Header {
  SuiteId suite = SuiteId::k256Commit;
  Bytes message_id;           // 32 bytes in version 2, 16 in version 1
  EncryptionContext context;  // as stored
  EncryptedDataKeys encrypted_data_keys;
  ContentType content_type = ContentType::kFramed;
  std::uint32_t frame_length = 0;  // 0 when not framed
  Bytes suite_data;                // the commitment; empty in version 1
  Bytes iv, tag;                   // header authentication; iv is empty in version 2
  std::size_t body_bytes = 0;      // up to the header authentication
  std::size_t total_bytes = 0;     // with it: where the body begins

  const Suite& suite_facts() const noexcept { return SuiteOf(suite); }
};

struct HeaderLimits {
  std::optional<std::size_t> max_encrypted_data_keys = 16;
  std::size_t max_header_bytes = std::size_t{1} << 20;
};

/// Reads a header without checking its tag: nobody vouches for what it says. For looking at messages, and for finding
/// frames of a message whose header has been verified elsewhere.
/// Errors: Truncated when `message` ends within the header; the parser's others.
Result<Header> PeekHeader(ByteView message, const HeaderLimits& limits = {});

/// The header body as bytes, canonical. Errors: LimitExceeded, TooManyEncryptedDataKeys, InvalidArgument.
Result<Bytes> SerializeBody(const Header& header);

}  // namespace strongroom::encryption_sdk
