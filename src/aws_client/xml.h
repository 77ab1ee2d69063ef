#pragma once

#include <memory>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strongroom::aws_client {

/// An answer of S3 or STS; namespaces are left on no name (AWS's have no prefixes). pugixml expands no entities that a
/// document declares. All of its memory is wiped when it is given back, since STS answers with keys.
class XmlAnswer {
 public:
  /// Errors: kCorrupted when it is not well-formed or its root has another name.
  static Result<XmlAnswer> Parse(std::string_view text, std::string_view root);
  const pugi::xml_node& root() const noexcept { return root_; }

 private:
  XmlAnswer() = default;
  std::unique_ptr<pugi::xml_document> document_;
  pugi::xml_node root_;
};

/// The text of a child; empty when there is none.
inline std::string_view ChildText(const pugi::xml_node& node, const char* name) {
  return node.child(name).text().get();
}
/// Appends <name>text</name>, with the text escaped.
void AppendElement(std::string& to, std::string_view name, std::string_view text);

}  // namespace strongroom::aws_client
