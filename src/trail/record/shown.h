#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "aws/dispatch/reply.h"
#include "aws/dispatch/service.h"
#include "aws/http/wiped_buffer.h"
#include "aws/model/service_model.h"

namespace strongroom::trail {

/// What a record may show of one service's requests and answers: members by name, wherever in a shape they stand.
///
/// Promise   what is not listed is left out, and so is every blob and every member that the service's model calls
///           sensitive, listed or not: a member that a newer model brings is elided until somebody has thought about
///           it.
struct ShownNames {
  std::string_view service;
  std::span<const std::string_view> requests;
  std::span<const std::string_view> replies;  // of operations that change something
  /// Members of the answer that go to additionalEventData, whatever the operation.
  std::span<const std::string_view> additional = {};
};
/// A value that AWS shows although the caller did not send it.
struct DefaultValue {
  std::string_view service, operation, member;  // member in lowerCamelCase
  std::string_view json;
  std::string_view same_as = {};  // another member, in UpperCamelCase, whose value is shown instead if that was sent
};
/// A member of a request that a record calls otherwise than the service's model does.
struct RenamedMember {
  std::string_view service, operation, member;
  std::string_view shown;  // in lowerCamelCase
};

/// The tables of all services (record/tables.cpp).
std::span<const ShownNames> AllShownNames() noexcept;
std::span<const RenamedMember> AllRenamedMembers() noexcept;
std::span<const DefaultValue> AllDefaultValues() noexcept;
/// Operations that change nothing although they are called neither Get, List nor Describe.
bool IsReadOnly(std::string_view service, std::string_view operation) noexcept;
/// "KeyId" -> "keyId".
std::string LowerCamel(std::string_view name);

/// The tables, joined with the models for one set of services.
/// Threads   immutable once made.
class Shown {
 public:
  /// One member of a request that may be shown, with what may be shown of its value.
  struct Node {
    std::string name, label;  // label: as a record has it, `"keyId":`
    aws::model::Type type = aws::model::Type::kString;
    std::unique_ptr<const Node> element;  // of a list of structures
    std::vector<Node> members;            // of a structure
  };
  /// What is shown when a request leaves a member out.
  struct Default {
    std::string name;     // the member's; empty when it is always shown
    std::string label;    // `"encryptionAlgorithm":`
    std::string value;    // `"SYMMETRIC_DEFAULT"`
    std::string same_as;  // a text member whose value is shown instead; may be empty
  };
  struct Plan {
    std::vector<Node> parameters;
    std::vector<Default> defaults;
    const ShownNames* names = nullptr;
    bool read_only = false;
  };

  Shown() = default;
  /// Prepares the operations of these services. Services without a table show nothing.
  explicit Shown(std::span<const aws::Service> services);

  /// Null for an operation that was not prepared.
  const Plan* Find(const aws::Operation& operation) const;

  /// The parameters as one JSON object.
  static void WriteParameters(const Plan& plan, const boost::json::object& body, aws::WipedBuffer& out);
  /// The members of an answer that may be shown, as a JSON object; nothing, and false, when there are none.
  static bool WriteReply(const Plan& plan, const aws::Reply& reply, aws::WipedBuffer& out);
  /// `"name":value` of the members for additionalEventData, each followed by a comma.
  static void WriteAdditional(const Plan& plan, const aws::Reply& reply, aws::WipedBuffer& out);

 private:
  std::unordered_map<const aws::Operation*, Plan> plans_;
};

}  // namespace strongroom::trail
