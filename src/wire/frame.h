#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "secret/secret_buffer.h"
#include "secret/secret_vector.h"
#include "wire/commands.h"

namespace google::protobuf {
class MessageLite;
}

namespace strongroom::wire {

/// Frames of the inner connection; docs/formats.md has them byte by byte. Integers are big-endian.
///   u32 length of what follows | u8 kind | u8 flags | u16 code | u64 id
///   [flags & 1: u8 n, n bytes of position token] [flags & 2: 16 bytes of client id]
///   u32 n, n bytes of protobuf | any number of segments: u32 n, n bytes
enum class FrameKind : std::uint8_t { kRequest = 1, kReply = 2, kEvent = 3 };

inline constexpr std::size_t kMaxFrameBytes = 128 * 1024;  // of `length`; a larger one ends the connection unread
inline constexpr std::size_t kMaxSegments = 8;
inline constexpr std::size_t kMaxPositionBytes = 96;
using ClientId = std::array<std::uint8_t, 16>;

/// One frame, decoded. Segments are the secret fields: they never pass through protobuf, whose strings are not wiped.
struct Frame {
  FrameKind kind = FrameKind::kRequest;
  std::uint16_t code = 0;  // command of a request, status of a reply, number of an event
  std::uint64_t id = 0;
  Bytes position;                     // empty: none
  std::optional<ClientId> client_id;  // requests that change something
  Bytes message;                      // serialised protobuf
  std::vector<secret::SecretBuffer> segments;
};

/// Encodes and decodes frames; the one place of this protocol that looks into SecretBuffers.
class FrameCodec {
 public:
  /// Appends the frame's bytes to `out` (the buffer that goes into the inner TLS, wiped when freed).
  /// Errors: kRequestTooLarge beyond kMaxFrameBytes, nothing appended.
  static Status Encode(const Frame& frame, secret::SecretBytes& out);
  /// As Encode, with the protobuf serialised in place instead of frame.message.
  static Status Encode(const Frame& frame, const google::protobuf::MessageLite& message, secret::SecretBytes& out);

  /// Looks for one whole frame at the start of `in`. Returns the bytes it used (0: more are needed) and fills `frame`.
  /// Errors: kSerialization for a frame that breaks the format (close the connection: there is no way to
  /// resynchronise), kRequestTooLarge as soon as the length says so, kResourceExhausted when secret memory is full.
  static Result<std::size_t> Decode(ByteView in, Frame& frame);
};

/// Parses `frame.message` as the given protobuf. Errors: kSerialization.
Status ParseMessage(const Frame& frame, google::protobuf::MessageLite& message);

/// Control link frames: u32 length | protobuf Control. A larger length than kMaxControlBytes ends the link unread.
inline constexpr std::size_t kMaxControlBytes = 48 * 1024 * 1024;
Status EncodeControl(const google::protobuf::MessageLite& message, Bytes& out);
/// Bytes used (0: more are needed). Errors: kRequestTooLarge, kSerialization.
Result<std::size_t> DecodeControl(ByteView in, google::protobuf::MessageLite& message);

}  // namespace strongroom::wire
