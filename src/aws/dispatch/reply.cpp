#include "aws/dispatch/reply.h"

namespace strongroom::aws {

Reply::Reply() = default;
Reply::Reply(Reply&&) noexcept = default;
Reply& Reply::operator=(Reply&&) noexcept = default;
Reply::~Reply() = default;

Reply Reply::NoBody() {
  Reply reply;
  reply.has_body_ = false;
  return reply;
}

Reply& Reply::Add(Member member) {
  if (members_.capacity() == 0) members_.reserve(6);  // most replies fit, so that they allocate once
  members_.push_back(std::move(member));
  return *this;
}

Reply& Reply::Text(std::string_view name, std::string value) { return Add({name, std::move(value)}); }
Reply& Reply::Int(std::string_view name, std::int64_t value) { return Add({name, value}); }
Reply& Reply::Bool(std::string_view name, bool value) { return Add({name, value}); }
Reply& Reply::Timestamp(std::string_view name, ports::WallTime value) { return Add({name, value}); }
Reply& Reply::Blob(std::string_view name, Bytes value) { return Add({name, std::move(value)}); }
Reply& Reply::Secret(std::string_view name, secret::SecretBuffer value) {
  return Add({name, SecretValue{SecretValue::Form::kBytes, std::move(value)}});
}
Reply& Reply::SecretText(std::string_view name, secret::SecretBuffer value) {
  return Add({name, SecretValue{SecretValue::Form::kText, std::move(value)}});
}
Reply& Reply::Object(std::string_view name, Reply value) { return Add({name, std::move(value)}); }
Reply& Reply::Objects(std::string_view name, std::vector<Reply> values) { return Add({name, std::move(values)}); }
Reply& Reply::Texts(std::string_view name, std::vector<std::string> values) { return Add({name, std::move(values)}); }
Reply& Reply::TextMap(std::string_view name, std::vector<std::pair<std::string, std::string>> values) {
  return Add({name, std::move(values)});
}
Reply& Reply::Json(std::string_view name, boost::json::value value) { return Add({name, std::move(value)}); }

}  // namespace strongroom::aws
