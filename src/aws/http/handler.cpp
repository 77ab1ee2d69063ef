#include "aws/http/handler.h"

#include "aws/http/text.h"

namespace strongroom::aws {

const HttpHeader* HttpRequest::Find(std::string_view name) const noexcept {
  for (const HttpHeader& header : headers) {
    if (EqualsIgnoringCase(header.name, name)) return &header;
  }
  return nullptr;
}

std::string_view HttpRequest::Get(std::string_view name) const noexcept {
  const HttpHeader* header = Find(name);
  return header == nullptr ? std::string_view() : header->value;
}

}  // namespace strongroom::aws
