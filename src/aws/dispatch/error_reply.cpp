#include "aws/dispatch/error_reply.h"

#include "aws/dispatch/reply_writer.h"
#include "base/log.h"

namespace strongroom::aws {
namespace {

constexpr auto kEverythingElse = [] {
  std::array<Errc, kErrcCount> all{};
  for (std::size_t i = 0; i < kErrcCount; ++i) all[i] = static_cast<Errc>(i);
  return all;
}();
constexpr WireErrors kCommon = CompleteTable(std::array<WireError, 0>{}, kCommonJsonErrors,
                                             {Errc::kInternal, "InternalFailure", 500}, kEverythingElse);

bool SpeltCapital(std::string_view type) { return type == "AccessDeniedException" || type == "SerializationException"; }

void Members(std::string_view type, std::string_view message, MessageMember spelling, WipedBuffer& out) {
  out.Append("{\"__type\":");
  ReplyWriter::JsonText(type, out);
  if (!message.empty()) {
    const bool capital = spelling == MessageMember::kBoth || SpeltCapital(type);
    if (capital) {
      out.Append(",\"Message\":");
      ReplyWriter::JsonText(message, out);
    }
    if (!capital || spelling == MessageMember::kBoth) {
      out.Append(",\"message\":");
      ReplyWriter::JsonText(message, out);
    }
  }
  out.Append('}');
}

void Xml(const Service& service, const WireError& wire, std::string_view message, HttpResponse& response) {
  WipedBuffer& out = response.body;
  out.Append("<ErrorResponse xmlns=\"");
  ReplyWriter::XmlText(service.xml_namespace, out);
  out.Append("\"><Error><Type>");
  out.Append(wire.http_status >= 500 ? "Receiver" : "Sender");
  out.Append("</Type><Code>");
  ReplyWriter::XmlText(wire.type, out);
  out.Append("</Code>");
  if (!message.empty()) {
    out.Append("<Message>");
    ReplyWriter::XmlText(message, out);
    out.Append("</Message>");
  }
  out.Append("</Error><RequestId>");
  ReplyWriter::XmlText(response.request_id, out);
  out.Append("</RequestId></ErrorResponse>");
}

}  // namespace

const WireErrors& CommonErrors() noexcept { return kCommon; }

void WriteJsonError(std::string_view type, unsigned status, std::string_view message, MessageMember spelling,
                    HttpResponse& response) {
  response.status = status;
  response.content_type = kJsonType;
  Members(type, message, spelling, response.body);
}

void WriteError(const Service* service, const Error& error, HttpResponse& response) {
  const WireErrors& table = service == nullptr ? kCommon : *service->errors;
  const WireError& wire = table[static_cast<std::size_t>(error.code())];
  std::string message = error.public_message();
  if (wire.http_status >= 500) {
    log::Error("request {}: {}", response.request_id, error.ForLog());
    // What our own parts say to each other is for the log; a dependency that is away may say so in its own words.
    const bool own_fault = error.code() != Errc::kUnavailable && error.code() != Errc::kKeyUnavailable;
    if (own_fault)
      message = "The request could not be processed because of an internal error. Request: " + response.request_id;
  }
  if (service != nullptr && service->protocol == Protocol::kQuery) {
    response.status = wire.http_status;
    response.content_type = kXmlType;
    Xml(*service, wire, message, response);
    return;
  }
  WriteJsonError(wire.type, wire.http_status, message,
                 service == nullptr ? MessageMember::kAsKms : service->message_member, response);
}

}  // namespace strongroom::aws
