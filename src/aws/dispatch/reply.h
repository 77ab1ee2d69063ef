#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "ports/clock.h"
#include "secret/secret_buffer.h"

namespace strongroom::aws {

/// What an operation answers: named members in order, written straight into the connection's output as JSON or XML.
///
/// Units     member names are not copied and must be literals; timestamps are written with milliseconds.
/// Secrets   a SecretBuffer is base64-encoded straight into the wiped output; it never becomes a string.
class Reply {
 public:
  struct Member;

  /// A reply with a body: "{}" while nothing is added.
  Reply();
  /// A reply with no body at all (Content-Length: 0), for operations that have no output shape.
  static Reply NoBody();
  Reply(Reply&&) noexcept;
  Reply& operator=(Reply&&) noexcept;
  ~Reply();

  Reply& Text(std::string_view name, std::string value);
  Reply& Int(std::string_view name, std::int64_t value);
  Reply& Bool(std::string_view name, bool value);
  Reply& Timestamp(std::string_view name, ports::WallTime value);
  Reply& Blob(std::string_view name, Bytes value);
  /// base64 of the secret's bytes.
  Reply& Secret(std::string_view name, secret::SecretBuffer value);
  /// The secret's bytes as text (a secret access key); it must be printable ASCII.
  Reply& SecretText(std::string_view name, secret::SecretBuffer value);
  Reply& Object(std::string_view name, Reply value);
  Reply& Objects(std::string_view name, std::vector<Reply> values);
  Reply& Texts(std::string_view name, std::vector<std::string> values);
  /// name -> text, written as a JSON object in the order given.
  Reply& TextMap(std::string_view name, std::vector<std::pair<std::string, std::string>> values);
  /// Any JSON value; for what the calls above do not cover. Not for secrets.
  Reply& Json(std::string_view name, boost::json::value value);

  bool has_body() const noexcept { return has_body_; }
  const std::vector<Member>& members() const noexcept { return members_; }

 private:
  Reply& Add(Member member);
  std::vector<Member> members_;
  bool has_body_ = true;
};

/// Shown as base64 (kBytes) or as it is (kText) by the writer.
struct SecretValue {
  enum class Form : std::uint8_t { kBytes, kText } form = Form::kBytes;
  secret::SecretBuffer value;
};

struct Reply::Member {
  std::string_view name;
  std::variant<std::string, std::int64_t, bool, ports::WallTime, Bytes, SecretValue, Reply, std::vector<Reply>,
               std::vector<std::string>, std::vector<std::pair<std::string, std::string>>, boost::json::value>
      value;
};

}  // namespace strongroom::aws
