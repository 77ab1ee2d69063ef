#include "aws/policy/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

namespace strongroom::aws::policy {
namespace {
namespace json = boost::json;

constexpr std::string_view kStatement = "Statement";

/// Takes what the parser reports. Text goes in piece by piece, cut behind each brace, so that `line` and `column` are
/// those of a brace when it is reported.
class Handler {
 public:
  static constexpr std::size_t max_object_size = kMaxPolicyBytes;
  static constexpr std::size_t max_array_size = kMaxPolicyBytes;
  static constexpr std::size_t max_key_size = kMaxPolicyBytes;
  static constexpr std::size_t max_string_size = kMaxPolicyBytes;

  Tree tree;
  std::string repeated;              // a member's name that came twice
  ports::TextPosition behind_piece;  // where the piece ends

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  bool on_object_begin(json::error_code&) {
    Open(Node::Kind::kObject);
    if (IsStatement()) {
      ports::TextPosition start = behind_piece;
      --start.column;
      tree.statements.push_back({start, start});
    }
    return true;
  }
  bool on_object_end(std::size_t, json::error_code& ec) {
    if (IsStatement()) tree.statements.back().end = behind_piece;
    std::vector<std::string> sorted = open_.back()->names;
    std::ranges::sort(sorted);
    const auto twice = std::ranges::adjacent_find(sorted);
    if (twice != sorted.end()) {
      repeated = *twice;
      ec = json::error::syntax;
      return false;
    }
    open_.pop_back();
    return true;
  }
  bool on_array_begin(json::error_code&) {
    Open(Node::Kind::kList);
    return true;
  }
  bool on_array_end(std::size_t, json::error_code&) {
    open_.pop_back();
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return Gather(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    Gather(part);
    if (open_.size() == 1) statement_member_ = pending_ == kStatement;
    open_.back()->names.push_back(std::move(pending_));
    pending_.clear();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return Gather(part); }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    Gather(part);
    return Scalar(Node::Kind::kText);
  }
  bool on_number_part(json::string_view part, json::error_code&) { return Gather(part); }
  bool on_int64(std::int64_t, json::string_view part, json::error_code&) { return Number(part); }
  bool on_uint64(std::uint64_t, json::string_view part, json::error_code&) { return Number(part); }
  bool on_double(double, json::string_view part, json::error_code&) { return Number(part); }
  bool on_bool(bool value, json::error_code&) {
    pending_ = value ? "true" : "false";
    return Scalar(Node::Kind::kBool);
  }
  bool on_null(json::error_code&) { return Scalar(Node::Kind::kNull); }

 private:
  /// The object that has just been opened, or is about to be closed, is a statement.
  bool IsStatement() const {
    return statement_member_ && (open_.size() == 2 || (open_.size() == 3 && open_[1]->is_list()));
  }
  Node& Add(Node::Kind kind) {
    // Behind a parent's items nothing of theirs is open, so that growing moves no open node.
    Node& node = open_.empty() ? tree.root : open_.back()->items.emplace_back();
    node.kind = kind;
    return node;
  }
  void Open(Node::Kind kind) { open_.push_back(&Add(kind)); }
  bool Gather(json::string_view part) {
    pending_.append(part.data(), part.size());
    return true;
  }
  bool Scalar(Node::Kind kind) {
    Add(kind).text = std::move(pending_);
    pending_.clear();
    return true;
  }
  bool Number(json::string_view part) {
    Gather(part);
    return Scalar(Node::Kind::kNumber);
  }

  std::vector<Node*> open_;
  std::string pending_;
  bool statement_member_ = false;
};

ports::TextPosition Advance(ports::TextPosition at, std::string_view piece) {
  for (const char c : piece) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      ++at.column;
    }
  }
  return at;
}

Error Malformed(std::string text) { return Error(Errc::kMalformedPolicy, std::move(text)); }

}  // namespace

const Node* Node::Find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

Result<Tree> ParseTree(std::string_view text) {
  if (text.size() > kMaxPolicyBytes)
    return Malformed(fmt::format("The policy is longer than {} bytes.", kMaxPolicyBytes));
  json::parse_options options;
  options.max_depth = kDeepestPolicy;
  json::basic_parser<Handler> parser(options);
  Handler& handler = parser.handler();
  json::error_code ec;
  while (!ec) {
    const std::size_t brace = text.find_first_of("{}");
    const std::string_view piece = text.substr(0, brace == std::string_view::npos ? brace : brace + 1);
    text.remove_prefix(piece.size());
    handler.behind_piece = Advance(handler.behind_piece, piece);
    const std::size_t taken = parser.write_some(!text.empty(), piece.data(), piece.size(), ec);
    if (!ec && taken != piece.size()) ec = json::error::extra_data;
    if (text.empty()) break;
  }
  if (!handler.repeated.empty())
    return Malformed(fmt::format("The policy has the member {} twice.", handler.repeated.substr(0, 64)));
  if (ec == json::error::too_deep)
    return Malformed(fmt::format("The policy nests deeper than {} levels.", kDeepestPolicy));
  if (ec || !handler.tree.root.is_object()) return Malformed("The policy is not a JSON object.");
  return std::move(handler.tree);
}

}  // namespace strongroom::aws::policy
