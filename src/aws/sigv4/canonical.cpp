#include "aws/sigv4/canonical.h"

#include <utility>

#include "aws/http/text.h"

namespace strongroom::aws {

void AppendCanonicalHeaders(const HttpRequest& request, std::span<const std::string_view> signed_names,
                            std::string& out) {
  for (const std::string_view name : signed_names) {
    out.append(name).append(":");
    bool first = true;
    for (const HttpHeader& header : request.headers) {
      if (!EqualsIgnoringCase(header.name, name)) continue;
      if (!std::exchange(first, false)) out += ',';
      sigv4::AppendCanonicalValue(header.value, out);
    }
    out += '\n';
  }
}

}  // namespace strongroom::aws
