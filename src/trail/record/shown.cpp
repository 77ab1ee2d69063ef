#include "trail/record/shown.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "aws/dispatch/reply_writer.h"
#include "aws/dispatch/time_text.h"

namespace strongroom::trail {
namespace {

namespace json = boost::json;
using aws::ReplyWriter;
using aws::WipedBuffer;
using aws::model::Shape;
using aws::model::Type;

bool Lists(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

/// True when nothing inside may be shown, whatever a table says.
bool IsSecret(const Shape& shape) {
  if (shape.sensitive || shape.type == Type::kBlob) return true;
  for (const Shape* inner : {shape.member, shape.key, shape.value})
    if (inner != nullptr && IsSecret(*inner)) return true;
  return false;
}

std::string Label(std::string_view lower_name) { return '"' + std::string(lower_name) + "\":"; }

std::vector<Shown::Node> NodesOf(const Shape& structure, std::span<const std::string_view> names, int depth) {
  constexpr int kDeepest = 8;
  std::vector<Shown::Node> nodes;
  if (depth > kDeepest) return nodes;
  for (const aws::model::Member& member : structure.members) {
    if (!Lists(names, member.name) || IsSecret(*member.shape)) continue;
    Shown::Node node{member.name, Label(LowerCamel(member.name)), member.shape->type, nullptr, {}};
    if (member.shape->type == Type::kStructure) node.members = NodesOf(*member.shape, names, depth + 1);
    if (member.shape->type == Type::kList && member.shape->member->type == Type::kStructure) {
      Shown::Node element{{}, {}, Type::kStructure, nullptr, NodesOf(*member.shape->member, names, depth + 1)};
      node.element = std::make_unique<const Shown::Node>(std::move(element));
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

/// "Aug 10, 2022, 10:38:27 PM", in UTC, as AWS writes times inside of parameters.
void Time(ports::WallTime time, WipedBuffer& out) {
  out.Append(fmt::format("\"{:%b %e, %Y, %I:%M:%S %p}\"", fmt::gmtime(std::chrono::system_clock::to_time_t(time))));
}

void TimeOf(const json::value& value, WipedBuffer& out) {
  if (value.is_string()) {
    const auto parsed = aws::ParseIsoTime(View(value.get_string()));
    if (parsed) return Time(*parsed, out);
  } else if (value.is_number()) {
    boost::system::error_code failed;
    const double seconds = value.to_number<double>(failed);
    if (!failed && seconds > -6e10 && seconds < 2.5e11)
      return Time(ports::WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds))), out);
  }
  out.Append("null");
}

void Any(const json::value& value, WipedBuffer& out) {
  if (value.is_string()) return ReplyWriter::JsonText(View(value.get_string()), out);
  if (value.is_object()) {
    out.Append('{');
    bool first = true;
    for (const auto& [name, one] : value.get_object()) {
      if (!std::exchange(first, false)) out.Append(',');
      ReplyWriter::JsonText({name.data(), name.size()}, out);
      out.Append(':');
      Any(one, out);
    }
    return out.Append('}');
  }
  if (value.is_array()) {
    out.Append('[');
    bool first = true;
    for (const json::value& one : value.get_array()) {
      if (!std::exchange(first, false)) out.Append(',');
      Any(one, out);
    }
    return out.Append(']');
  }
  if (value.is_bool()) return out.Append(value.get_bool() ? "true" : "false");
  if (value.is_int64()) return out.Append(fmt::format("{}", value.get_int64()));
  if (value.is_uint64()) return out.Append(fmt::format("{}", value.get_uint64()));
  out.Append(json::serialize(value));  // null and fractions
}

void Members(const std::vector<Shown::Node>& nodes, const json::object& object, bool& first, WipedBuffer& out);

void ValueOf(const Shown::Node& node, const json::value& value, WipedBuffer& out) {
  if (node.type == Type::kTimestamp) return TimeOf(value, out);
  if (node.type == Type::kStructure) {
    bool first = true;
    out.Append('{');
    if (value.is_object()) Members(node.members, value.get_object(), first, out);
    return out.Append('}');
  }
  if (node.type == Type::kList && node.element) {
    out.Append('[');
    bool first = true;
    if (value.is_array()) {
      for (const json::value& one : value.get_array()) {
        if (!std::exchange(first, false)) out.Append(',');
        ValueOf(*node.element, one, out);
      }
    }
    return out.Append(']');
  }
  Any(value, out);
}

void Members(const std::vector<Shown::Node>& nodes, const json::object& object, bool& first, WipedBuffer& out) {
  for (const Shown::Node& node : nodes) {
    const json::value* value = object.if_contains(node.name);
    if (value == nullptr || value->is_null()) continue;
    if (!std::exchange(first, false)) out.Append(',');
    out.Append(node.label);
    ValueOf(node, *value, out);
  }
}

/// Writes what may be shown of an answer. Bytes and secrets have no way out of here: they are of types that it drops.
class ReplyView {
 public:
  ReplyView(std::span<const std::string_view> names, WipedBuffer& out) : names_(names), out_(out) {}

  bool Members(const aws::Reply& reply) {
    bool any = false;
    for (const aws::Reply::Member& member : reply.members()) {
      if (!Lists(names_, member.name) || IsBytes(member)) continue;
      if (std::exchange(any, true)) out_.Append(',');
      Name(member.name);
      std::visit(*this, member.value);
    }
    return any;
  }
  void Name(std::string_view name) {
    out_.Append('"');
    out_.Append(LowerCamel(name));
    out_.Append("\":");
  }
  static bool IsBytes(const aws::Reply::Member& member) {
    return std::holds_alternative<Bytes>(member.value) || std::holds_alternative<aws::SecretValue>(member.value);
  }

  void operator()(const std::string& value) { ReplyWriter::JsonText(value, out_); }
  void operator()(std::int64_t value) { out_.Append(fmt::format("{}", value)); }
  void operator()(bool value) { out_.Append(value ? "true" : "false"); }
  void operator()(ports::WallTime value) { Time(value, out_); }
  void operator()(const Bytes&) { out_.Append("null"); }
  void operator()(const aws::SecretValue&) { out_.Append("null"); }
  void operator()(const aws::Reply& value) {
    out_.Append('{');
    Members(value);
    out_.Append('}');
  }
  template <typename T>
  void operator()(const std::vector<T>& values) {
    out_.Append('[');
    bool first = true;
    for (const T& value : values) {
      if (!std::exchange(first, false)) out_.Append(',');
      (*this)(value);
    }
    out_.Append(']');
  }
  void operator()(const std::vector<std::pair<std::string, std::string>>& values) {
    out_.Append('{');
    bool first = true;
    for (const auto& [name, value] : values) {
      if (!std::exchange(first, false)) out_.Append(',');
      ReplyWriter::JsonText(name, out_);
      out_.Append(':');
      ReplyWriter::JsonText(value, out_);
    }
    out_.Append('}');
  }
  /// Listed members at every depth, since it has no type that would tell what is secret.
  void operator()(const json::value& value) {
    if (value.is_object()) {
      out_.Append('{');
      bool first = true;
      for (const auto& [name, one] : value.get_object()) {
        const std::string_view view(name.data(), name.size());
        if (!Lists(names_, view)) continue;
        if (!std::exchange(first, false)) out_.Append(',');
        Name(view);
        (*this)(one);
      }
      return out_.Append('}');
    }
    if (value.is_array()) {
      out_.Append('[');
      bool first = true;
      for (const json::value& one : value.get_array()) {
        if (!std::exchange(first, false)) out_.Append(',');
        (*this)(one);
      }
      return out_.Append(']');
    }
    Any(value, out_);
  }

 private:
  std::span<const std::string_view> names_;
  WipedBuffer& out_;
};

}  // namespace

std::string LowerCamel(std::string_view name) {
  std::string lower(name);
  // "KeyId" -> "keyId", but also "AWSAccountId" -> "aWSAccountId", as AWS has it.
  if (!lower.empty() && lower[0] >= 'A' && lower[0] <= 'Z') lower[0] = static_cast<char>(lower[0] - 'A' + 'a');
  return lower;
}

Shown::Shown(std::span<const aws::Service> services) {
  for (const aws::Service& service : services) {
    const aws::model::ServiceModel* model = aws::model::BuiltIn(service.name);
    const auto all = AllShownNames();
    const auto names = std::ranges::find(all, service.name, &ShownNames::service);
    for (const aws::Operation* operation : service.operations) {
      Plan& plan = plans_[operation];
      plan.read_only = IsReadOnly(service.name, operation->name());
      if (names == all.end()) continue;
      plan.names = &*names;
      const aws::model::OperationShape* shape = model == nullptr ? nullptr : model->Find(operation->name());
      if (shape != nullptr) plan.parameters = NodesOf(*shape->input, names->requests, 0);
      for (const RenamedMember& one : AllRenamedMembers()) {
        if (one.service != service.name || one.operation != operation->name()) continue;
        const auto node = std::ranges::find(plan.parameters, one.member, &Node::name);
        if (node != plan.parameters.end()) node->label = Label(one.shown);
      }
      for (const DefaultValue& one : AllDefaultValues()) {
        if (one.service != service.name || one.operation != operation->name()) continue;
        const std::string label = Label(one.member);
        const auto node = std::ranges::find(plan.parameters, label, &Node::label);
        plan.defaults.push_back({node == plan.parameters.end() ? std::string() : node->name, label,
                                 std::string(one.json), std::string(one.same_as)});
      }
    }
  }
}

const Shown::Plan* Shown::Find(const aws::Operation& operation) const {
  const auto found = plans_.find(&operation);
  return found == plans_.end() ? nullptr : &found->second;
}

void Shown::WriteParameters(const Plan& plan, const json::object& body, WipedBuffer& out) {
  out.Append('{');
  bool first = true;
  Members(plan.parameters, body, first, out);
  for (const Default& one : plan.defaults) {
    const json::value* sent = one.name.empty() ? nullptr : body.if_contains(one.name);
    if (sent != nullptr && !sent->is_null()) continue;
    if (!std::exchange(first, false)) out.Append(',');
    out.Append(one.label);
    const json::value* same = one.same_as.empty() ? nullptr : body.if_contains(one.same_as);
    if (same != nullptr && same->is_string()) {
      ReplyWriter::JsonText(View(same->get_string()), out);
    } else {
      out.Append(one.value);
    }
  }
  out.Append('}');
}

bool Shown::WriteReply(const Plan& plan, const aws::Reply& reply, WipedBuffer& out) {
  if (plan.names == nullptr || !reply.has_body()) return false;
  const std::size_t before = out.size();
  out.Append('{');
  if (!ReplyView(plan.names->replies, out).Members(reply)) {
    out.Truncate(before);
    return false;
  }
  out.Append('}');
  return true;
}

void Shown::WriteAdditional(const Plan& plan, const aws::Reply& reply, WipedBuffer& out) {
  if (plan.names == nullptr || plan.names->additional.empty()) return;
  ReplyView view(plan.names->additional, out);
  for (const aws::Reply::Member& member : reply.members()) {
    if (ReplyView::IsBytes(member) || !Lists(plan.names->additional, member.name)) continue;
    view.Name(member.name);
    std::visit(view, member.value);
    out.Append(',');
  }
}

}  // namespace strongroom::trail
