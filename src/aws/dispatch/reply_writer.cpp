#include "aws/dispatch/reply_writer.h"

#include <array>
#include <boost/json/serializer.hpp>
#include <charconv>

#include "aws/dispatch/time_text.h"
#include "aws/model/utf8.h"

namespace strongroom::aws {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

void Number(std::int64_t value, WipedBuffer& out) {
  char* to = out.Prepare(24);
  const auto end = std::to_chars(to, to + 24, value);
  out.Commit(static_cast<std::size_t>(end.ptr - to));
}

/// Seconds with three decimals.
void Seconds(ports::WallTime time, WipedBuffer& out) {
  auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  if (milliseconds < 0) {
    out.Append('-');
    milliseconds = -milliseconds;
  }
  Number(milliseconds / 1000, out);
  const auto rest = milliseconds % 1000;
  const char digits[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                         static_cast<char>('0' + rest % 10)};
  out.Append({digits, sizeof digits});
}

/// The length of the valid UTF-8 sequence that starts at `at`, or 0.
std::size_t SequenceAt(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  return size != 0 && at + size <= text.size() && model::IsValidUtf8(text.substr(at, size)) ? size : 0;
}

/// True for text that JSON takes as it is: sixteen characters at a time, which the compiler takes a vector for.
bool IsPlainJson(std::string_view text) {
  const auto needs_care = [](char character) {
    const auto c = static_cast<unsigned char>(character);
    return static_cast<unsigned char>((c < 0x20) | (c > 0x7e) | (c == '"') | (c == '\\'));
  };
  constexpr std::size_t kLane = 16;
  std::array<unsigned char, kLane> care{};
  const auto look = [&](const char* lane) {
    for (std::size_t i = 0; i < kLane; ++i) care[i] = static_cast<unsigned char>(care[i] | needs_care(lane[i]));
  };
  unsigned char any = 0;
  if (text.size() < kLane) {
    for (const char c : text) any = static_cast<unsigned char>(any | needs_care(c));
    return any == 0;
  }
  for (std::size_t at = 0; text.size() - at >= kLane; at += kLane) look(text.data() + at);
  look(text.data() + text.size() - kLane);  // some of it a second time
  for (const unsigned char one : care) any = static_cast<unsigned char>(any | one);
  return any == 0;
}

/// Copies runs that need no change at once; `special` handles a byte below 0x80 that does.
template <typename NeedsCare, typename Special>
void Escaped(std::string_view text, WipedBuffer& out, NeedsCare&& needs_care, Special&& special) {
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 0x80) {
      if (!needs_care(c)) {
        ++at;
        continue;
      }
      out.Append(text.substr(start, at - start));
      special(c);
      start = ++at;
    } else if (const std::size_t size = SequenceAt(text, at); size != 0) {
      at += size;
    } else {
      out.Append(text.substr(start, at - start));
      out.Append(kReplacement);
      start = ++at;
    }
  }
  out.Append(text.substr(start));
}

}  // namespace

void ReplyWriter::JsonText(std::string_view text, WipedBuffer& out) {
  static constexpr auto kNeedsCare = [] {
    std::array<bool, 128> care{};
    for (std::size_t c = 0; c < 0x20; ++c) care[c] = true;
    care['"'] = care['\\'] = care[0x7f] = true;
    return care;
  }();
  if (IsPlainJson(text)) {
    char* to = out.Prepare(text.size() + 2);
    *to++ = '"';
    to = std::copy(text.begin(), text.end(), to);
    *to = '"';
    out.Commit(text.size() + 2);
    return;
  }
  out.Append('"');
  Escaped(
      text, out, [](unsigned char c) { return kNeedsCare[c]; },
      [&](unsigned char c) {
        constexpr char kDigits[] = "0123456789abcdef";
        switch (c) {
          case '"': out.Append("\\\""); break;
          case '\\': out.Append("\\\\"); break;
          case '\n': out.Append("\\n"); break;
          case '\r': out.Append("\\r"); break;
          case '\t': out.Append("\\t"); break;
          default:
            out.Append("\\u00");
            out.Append(kDigits[c >> 4]);
            out.Append(kDigits[c & 15]);
        }
      });
  out.Append('"');
}

void ReplyWriter::XmlText(std::string_view text, WipedBuffer& out) {
  Escaped(
      text, out, [](unsigned char c) { return c < 0x20 || c == '&' || c == '<' || c == '>' || c == '"' || c == '\''; },
      [&](unsigned char c) {
        switch (c) {
          case '&': out.Append("&amp;"); break;
          case '<': out.Append("&lt;"); break;
          case '>': out.Append("&gt;"); break;
          case '"': out.Append("&quot;"); break;
          case '\'': out.Append("&#39;"); break;
          case '\t': out.Append("&#9;"); break;
          case '\n': out.Append("&#10;"); break;
          case '\r': out.Append("&#13;"); break;
          default: out.Append(kReplacement);
        }
      });
}

void ReplyWriter::Base64(ByteView bytes, WipedBuffer& out) {
  const std::size_t size = Base64Size(bytes.size());
  Base64Into(bytes, out.Prepare(size));
  out.Commit(size);
}

void ReplyWriter::Secret(const SecretValue& secret, WipedBuffer& out) {
  const ByteView bytes = secret.value.Reveal(KeyAccess());
  if (secret.form == SecretValue::Form::kText) {
    out.Append(AsText(bytes));
  } else {
    Base64(bytes, out);
  }
}

struct ReplyWriter::JsonVisitor {
  WipedBuffer& out;

  void operator()(const std::string& value) const { JsonText(value, out); }
  void operator()(std::int64_t value) const { Number(value, out); }
  void operator()(bool value) const { out.Append(value ? "true" : "false"); }
  void operator()(ports::WallTime value) const { Seconds(value, out); }
  void operator()(const Bytes& value) const {
    out.Append('"');
    Base64(value, out);
    out.Append('"');
  }
  void operator()(const SecretValue& value) const {
    out.Append('"');
    Secret(value, out);
    out.Append('"');
  }
  void operator()(const Reply& value) const { Json(value, out); }
  template <typename T>
  void operator()(const std::vector<T>& values) const {
    out.Append('[');
    bool first = true;
    for (const T& value : values) {
      if (!std::exchange(first, false)) out.Append(',');
      (*this)(value);
    }
    out.Append(']');
  }
  void operator()(const std::vector<std::pair<std::string, std::string>>& values) const {
    out.Append('{');
    bool first = true;
    for (const auto& [name, value] : values) {
      if (!std::exchange(first, false)) out.Append(',');
      JsonText(name, out);
      out.Append(':');
      JsonText(value, out);
    }
    out.Append('}');
  }
  void operator()(const boost::json::value& value) const {
    boost::json::serializer serializer;
    serializer.reset(&value);
    while (!serializer.done()) {
      const auto part = serializer.read(out.Prepare(512), 512);
      out.Commit(part.size());
    }
  }
};

void ReplyWriter::Json(const Reply& reply, WipedBuffer& out) {
  out.Append('{');
  bool first = true;
  const JsonVisitor visitor{out};
  for (const Reply::Member& member : reply.members()) {
    if (!std::exchange(first, false)) out.Append(',');
    out.Append('"');
    out.Append(member.name);
    out.Append("\":");
    std::visit(visitor, member.value);
  }
  out.Append('}');
}

struct ReplyWriter::XmlVisitor {
  WipedBuffer& out;

  void operator()(const std::string& value) const { XmlText(value, out); }
  void operator()(std::int64_t value) const { Number(value, out); }
  void operator()(bool value) const { out.Append(value ? "true" : "false"); }
  void operator()(ports::WallTime value) const { out.Append(FormatIsoTime(value)); }
  void operator()(const Bytes& value) const { Base64(value, out); }
  void operator()(const SecretValue& value) const {
    if (value.form == SecretValue::Form::kBytes) {
      Secret(value, out);
    } else {
      XmlText(AsText(value.value.Reveal(KeyAccess())), out);
    }
  }
  void operator()(const Reply& value) const { Xml(value, out); }
  template <typename T>
  void operator()(const std::vector<T>& values) const {
    for (const T& value : values) {
      out.Append("<member>");
      (*this)(value);
      out.Append("</member>");
    }
  }
  void operator()(const std::vector<std::pair<std::string, std::string>>& values) const {
    for (const auto& [name, value] : values) {
      out.Append("<entry><key>");
      XmlText(name, out);
      out.Append("</key><value>");
      XmlText(value, out);
      out.Append("</value></entry>");
    }
  }
  void operator()(const boost::json::value& value) const {
    if (value.is_object()) {
      for (const auto& [name, one] : value.get_object()) {
        const std::string_view element(name.data(), name.size());
        Element(element, [&] { (*this)(one); });
      }
    } else if (value.is_array()) {
      for (const auto& one : value.get_array()) Element("member", [&] { (*this)(one); });
    } else if (value.is_string()) {
      XmlText({value.get_string().data(), value.get_string().size()}, out);
    } else if (!value.is_null()) {
      JsonVisitor{out}(value);  // numbers and booleans look alike in both
    }
  }
  template <typename Content>
  void Element(std::string_view name, Content&& content) const {
    out.Append('<');
    out.Append(name);
    out.Append('>');
    content();
    out.Append("</");
    out.Append(name);
    out.Append('>');
  }
};

void ReplyWriter::Xml(const Reply& reply, WipedBuffer& out) {
  const XmlVisitor visitor{out};
  for (const Reply::Member& member : reply.members()) {
    visitor.Element(member.name, [&] { std::visit(visitor, member.value); });
  }
}

}  // namespace strongroom::aws
