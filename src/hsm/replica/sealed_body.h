#pragma once

#include <string_view>

#include "hsm/replica/record.h"

namespace google::protobuf {
class MessageLite;
}

namespace strongroom::hsm::replica {

/// What log records and snapshots have in common: magic, version, place, clear part, sealed protobuf and segments.
struct EnvelopeHead {
  std::string_view magic;  // three characters
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  RecordHash link{};
};

/// `text` and a zero byte, the beginning of every sealing's info.
Bytes Purpose(std::string_view text);

Result<Envelope> ParseEnvelope(std::string_view magic, const char* what, ByteView bytes);
Status OpenBody(const SecretBuffer& secret, ByteView info, const Envelope& envelope, const char* what,
                google::protobuf::MessageLite& message, Segments& segments);
Result<Bytes> SealBody(const SecretBuffer& secret, ByteView info, const EnvelopeHead& head,
                       const proto::ClearPart& clear, const google::protobuf::MessageLite& message,
                       const Segments& segments);

}  // namespace strongroom::hsm::replica
