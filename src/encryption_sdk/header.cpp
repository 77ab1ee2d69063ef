#include "encryption_sdk/header.h"

#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/header_parser.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk {

Result<Header> PeekHeader(ByteView message, const HeaderLimits& limits) {
  internal::HeaderParser parser(limits);
  SR_CHECK(parser.Feed(message));
  if (!parser.done()) {
    return MakeError(ErrorCode::kTruncated, fmt::format("The message ends {}.", parser.Where()));
  }
  return parser.header();
}

Result<Bytes> SerializeBody(const Header& header) {
  const Suite& suite = header.suite_facts();
  SR_TRY(const Bytes context, Serialize(header.context));
  SR_TRY(const Bytes keys, Serialize(header.encrypted_data_keys));
  Bytes out;
  out.reserve(128 + context.size() + keys.size());
  out.push_back(suite.version());
  if (suite.version() == 1) out.push_back(0x80);
  internal::Put16(out, static_cast<std::uint16_t>(suite.id));
  Append(out, header.message_id);
  internal::Put16(out, context.size());
  Append(out, context);
  Append(out, keys);
  out.push_back(static_cast<std::uint8_t>(header.content_type));
  if (suite.version() == 1) {
    internal::Put32(out, 0);
    out.push_back(12);
  }
  internal::Put32(out, header.frame_length);
  Append(out, header.suite_data);
  return out;
}

}  // namespace strongroom::encryption_sdk
