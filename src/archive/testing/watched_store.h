#pragma once

#include <functional>

#include "aws_client/object_store.h"

namespace strongroom::archive::testing_kit {

/// Another store, with a word before each call and, if asked, without the condition of PutIf::kAbsent, as servers are
/// that do not know it.
class WatchedStore final : public aws_client::ObjectStore {
 public:
  explicit WatchedStore(std::unique_ptr<aws_client::ObjectStore> inner) : inner_(std::move(inner)) {}

  std::function<void(std::string_view call, std::string_view name)> before = [](std::string_view, std::string_view) {};
  bool ignores_conditions = false;

  std::string Description() const override { return inner_->Description(); }
  Status Check() override { return inner_->Check(); }
  Result<aws_client::ObjectInfo> Put(std::string_view name, ByteView bytes, aws_client::PutIf put_if) override {
    before("Put", name);
    return inner_->Put(name, bytes, ignores_conditions ? aws_client::PutIf::kAny : put_if);
  }
  Result<std::unique_ptr<aws_client::Upload>> StartUpload(std::string_view name, std::size_t part_bytes) override {
    before("StartUpload", name);
    return inner_->StartUpload(name, part_bytes);
  }
  Result<aws_client::ObjectInfo> Get(std::string_view name, std::optional<aws_client::ByteRange> range,
                                     const aws_client::ByteSink& sink) override {
    before("Get", name);
    return inner_->Get(name, range, sink);
  }
  Result<aws_client::ObjectInfo> Head(std::string_view name) override {
    before("Head", name);
    return inner_->Head(name);
  }
  Result<aws_client::ObjectPage> List(std::string_view prefix, std::string_view start_after,
                                      std::size_t most) override {
    auto page = inner_->List(prefix, start_after, most);
    before("Listed", prefix);
    return page;
  }
  Status Delete(std::span<const std::string> names) override { return inner_->Delete(names); }
  Result<std::size_t> DropUnfinishedUploads(std::string_view prefix, std::chrono::seconds age) override {
    return inner_->DropUnfinishedUploads(prefix, age);
  }

 private:
  std::unique_ptr<aws_client::ObjectStore> inner_;
};

}  // namespace strongroom::archive::testing_kit
