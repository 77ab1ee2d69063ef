#include "aws_client/wiping_json.h"

#include <new>

namespace strongroom::aws_client {
namespace {

namespace json = boost::json;

class WipingResource final : public json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t align) override {
    return ::operator new (size, std::align_val_t{align});
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t align) override {
    secret::Wipe(memory, size);
    ::operator delete (memory, std::align_val_t{align});
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace

Result<WipedJson> WipedJson::Parse(std::string_view text) {
  boost::system::error_code failed;
  json::value value = json::parse({text.data(), text.size()}, failed, json::make_shared_resource<WipingResource>());
  if (failed || !value.is_object()) return Error(Errc::kInvalidArgument, "This is no JSON object.");
  return WipedJson(std::move(value));
}

WipedJson WipedJson::Make() {
  return WipedJson(json::value(json::object_kind, json::make_shared_resource<WipingResource>()));
}

SecretString WipedJson::Serialized() const {
  SecretString text;
  json::serializer serializer;
  serializer.reset(&value_);
  char part[4096];
  while (!serializer.done()) {
    const json::string_view written = serializer.read(part);
    text.insert(text.end(), written.begin(), written.end());
  }
  secret::Wipe(part, sizeof part);
  return text;
}

std::string_view WipedJson::TextIn(const json::object& object, std::string_view name) {
  const json::value* const member = object.if_contains({name.data(), name.size()});
  if (member == nullptr || !member->is_string()) return {};
  return {member->get_string().data(), member->get_string().size()};
}

}  // namespace strongroom::aws_client
