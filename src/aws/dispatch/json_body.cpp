#include <boost/json.hpp>

#include "aws/dispatch/body.h"

namespace strongroom::aws {
namespace json = boost::json;

Result<json::value> ParseJsonBody(std::string_view body, Arena& arena) {
  const json::storage_ptr storage(&arena);
  if (body.empty()) return json::value(json::object_kind, storage);
  json::parse_options options;
  options.max_depth = kDeepestJson;
  // The parser's own stack lives in the arena as well: it holds pieces of the body.
  json::parser parser(storage, options);
  parser.reset(storage);
  json::error_code ec;
  parser.write(body.data(), body.size(), ec);
  if (ec == json::error::too_deep) {
    return Error(Errc::kSerialization, fmt::format("The request body nests deeper than {} levels.", kDeepestJson));
  }
  if (ec) return Error(Errc::kSerialization, "The request body is not valid JSON.");
  json::value value = parser.release();
  if (!value.is_object()) return Error(Errc::kSerialization, "$: expected an object.");
  return value;
}

}  // namespace strongroom::aws
