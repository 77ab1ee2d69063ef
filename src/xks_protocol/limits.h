#pragma once

#include <cstddef>
#include <string_view>

namespace strongroom::xks {

// Bounds of the XKS proxy API. Source: XKS Proxy API Specification v0.9.7, "Data Types"; spec/kms.md 7.10.

inline constexpr std::size_t kMostPlaintextBytes = 4300;
inline constexpr std::size_t kMostAadBytes = 8192;
inline constexpr std::size_t kMostMetadataBytes = 20;  // ciphertextMetadata
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kShortIvBytes = 12, kLongIvBytes = 16;
inline constexpr std::size_t kMostKeyIdChars = 128;
inline constexpr std::size_t kMostKeyUsages = 10;
inline constexpr std::size_t kMostFleetMembers = 10;
inline constexpr std::size_t kMostErrorMessageChars = 512;
/// Of any other text (ours: ARNs stay far below).
inline constexpr std::size_t kMostTextChars = 2048;

/// A request or an answer with everything at its bound takes less (base64 of 4,300 and 8,192 bytes are 16.7 kB).
inline constexpr std::size_t kMostBodyBytes = 64 * 1024;

inline constexpr std::string_view kSigningService = "kms-xks-proxy";
inline constexpr std::string_view kAesGcm = "AES_GCM";
inline constexpr std::string_view kSha256Name = "SHA_256";

/// What an XksKeyId consists of: 1 to 128 of letters, digits, "-", "_" and ".".
bool IsKeyId(std::string_view text) noexcept;

}  // namespace strongroom::xks
