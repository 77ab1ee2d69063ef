#pragma once

#include <boost/json.hpp>
#include <string_view>

#include "base/result.h"
#include "secret/secret_vector.h"

namespace strongroom::aws_client {

/// A JSON document whose memory is wiped when it goes, since keys are in some of them.
class WipedJson {
 public:
  /// Errors: kInvalidArgument when it is no JSON object (32 levels at most).
  static Result<WipedJson> Parse(std::string_view text);
  /// An object without members, for a document with keys in it that is to be written.
  static WipedJson Make();
  const boost::json::object& object() const { return value_.get_object(); }
  boost::json::object& object() { return value_.get_object(); }
  SecretString Serialized() const;
  /// A member that is a text; empty when it is missing or something else.
  std::string_view Text(std::string_view name) const { return TextIn(object(), name); }
  static std::string_view TextIn(const boost::json::object& object, std::string_view name);

 private:
  explicit WipedJson(boost::json::value value) : value_(std::move(value)) {}
  boost::json::value value_;
};

}  // namespace strongroom::aws_client
