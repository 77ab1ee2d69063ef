#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::kms {

enum class StoreKind : std::uint8_t { kDomain = 1, kCloudHsm = 2, kExternal = 3 };
using MaterialId = std::array<std::uint8_t, 32>;

/// The header of a ciphertext blob: which key, of which account, made it. Authenticated, not secret (docs/formats.md
/// 6).
struct BlobHeader {
  StoreKind store = StoreKind::kDomain;
  std::string account;  // 12 digits
  std::string key_id;   // at most 64 characters
  MaterialId material{};
};

/// The header's bytes, from the magic on.
Bytes EncodeHeader(const BlobHeader& header);

/// A blob taken apart; views into it.
struct ParsedBlob {
  BlobHeader header;
  ByteView header_bytes;
  ByteView sealed;
};
/// Errors: kBadCiphertext without text for anything that we have not made.
Result<ParsedBlob> ParseBlob(ByteView blob);

}  // namespace strongroom::kms
