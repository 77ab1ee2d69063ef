#include "aws_client/xml.h"

#include <fmt/format.h>
#include <malloc.h>

#include <cstdlib>

#include "aws_client/service_call.h"
#include "aws_client/wiping_json.h"
#include "secret/secret_vector.h"

namespace strongroom::aws_client {
namespace {

void WipeAndFree(void* memory) {
  if (memory == nullptr) return;
  secret::Wipe(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

Result<XmlAnswer> XmlAnswer::Parse(std::string_view text, std::string_view root) {
  static const bool set = [] {
    pugi::set_memory_management_functions(std::malloc, WipeAndFree);
    return true;
  }();
  XmlAnswer answer;
  answer.document_ = std::make_unique<pugi::xml_document>();
  const auto parsed = answer.document_->load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  answer.root_ = answer.document_->document_element();
  if (!set || !parsed || answer.root_.name() != root) {
    return Error(Errc::kCorrupted, fmt::format("The answer is not the XML document {} that it should be.", root));
  }
  return answer;
}

void AppendElement(std::string& to, std::string_view name, std::string_view text) {
  to.append("<").append(name).append(">");
  for (const char c : text) {
    switch (c) {
      case '&': to += "&amp;"; break;
      case '<': to += "&lt;"; break;
      case '>': to += "&gt;"; break;
      default: to += c;
    }
  }
  to.append("</").append(name).append(">");
}

ServiceError ReadXmlError(const HttpResponse& response) {
  for (const char* root : {"Error", "ErrorResponse"}) {
    const auto parsed = XmlAnswer::Parse(response.Text(), root);
    if (!parsed.ok()) continue;
    const pugi::xml_node error = std::string_view(root) == "Error" ? parsed->root() : parsed->root().child("Error");
    return {.code = std::string(ChildText(error, "Code")), .message = std::string(ChildText(error, "Message"))};
  }
  switch (response.status) {  // HEAD has no body
    case 400: return {.code = "BadRequest"};
    case 403: return {.code = "Forbidden"};
    case 404: return {.code = "NotFound"};
    case 412: return {.code = "PreconditionFailed"};
    case 501: return {.code = "NotImplemented"};
    default: return {};
  }
}

ServiceError ReadJsonError(const HttpResponse& response) {
  ServiceError error;
  if (const auto parsed = WipedJson::Parse(response.Text()); parsed.ok()) {
    error.code = parsed->Text("__type");
    if (error.code.empty()) error.code = parsed->Text("code");
    error.message = parsed->Text("message");
    if (error.message.empty()) error.message = parsed->Text("Message");
  }
  if (error.code.empty()) error.code = response.Header("x-amzn-errortype");
  error.code.erase(0, error.code.rfind('#') + 1);
  error.code.erase(std::min(error.code.find(':'), error.code.size()));
  return error;
}

}  // namespace strongroom::aws_client
