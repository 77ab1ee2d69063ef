#pragma once

#include <string_view>

#include "aws/dispatch/reply.h"
#include "aws/http/wiped_buffer.h"

namespace strongroom::aws {

/// Writes replies straight into a connection's wiped output buffer; base64 in constant time (libsodium).
class ReplyWriter {
 public:
  /// {"Name":value,…}
  static void Json(const Reply& reply, WipedBuffer& out);
  /// <Name>value</Name>… without an enclosing element; lists as <member> elements.
  static void Xml(const Reply& reply, WipedBuffer& out);

  /// `text` with quotes, escaped. Invalid UTF-8 becomes U+FFFD.
  static void JsonText(std::string_view text, WipedBuffer& out);
  /// `text` escaped for XML content; characters that XML 1.0 cannot carry become U+FFFD.
  static void XmlText(std::string_view text, WipedBuffer& out);

 private:
  struct JsonVisitor;
  struct XmlVisitor;
  static void Base64(ByteView bytes, WipedBuffer& out);
  static void Secret(const SecretValue& secret, WipedBuffer& out);
};

}  // namespace strongroom::aws
