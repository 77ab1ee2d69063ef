#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::xks {

/// Picks members out of a JSON object with their bounds. Errors carry the code that the reader was made with and a text
/// that names the member, never its value.
class JsonReader {
 public:
  /// `path` stands before member names in texts: "" or "requestMetadata.".
  JsonReader(const boost::json::object& object, Errc errc, std::string path = "")
      : object_(object), errc_(errc), path_(std::move(path)) {}

  struct Size {
    std::size_t least = 0, most = 0;
  };
  /// 1 to kMostTextChars characters.
  Result<std::string> RequiredText(std::string_view name) const;
  /// Empty when absent.
  Result<std::string> OptionalText(std::string_view name) const;
  Result<std::vector<std::string>> TextList(std::string_view name, Size items) const;
  Result<std::int64_t> PositiveInt(std::string_view name) const;
  /// base64.
  Result<Bytes> RequiredBlob(std::string_view name, Size bytes) const;
  /// Empty when absent.
  Result<Bytes> OptionalBlob(std::string_view name, std::size_t most_bytes) const;
  Result<SecretBuffer> RequiredSecret(std::string_view name, Size bytes) const;
  Result<const boost::json::object*> RequiredObject(std::string_view name) const;
  /// Every item is an object.
  Result<std::vector<const boost::json::object*>> ObjectList(std::string_view name, Size items) const;
  bool Has(std::string_view name) const noexcept { return Find(name) != nullptr; }

  Error Wrong(std::string_view name, std::string_view what) const;

 private:
  const boost::json::value* Find(std::string_view name) const noexcept;  // null counts as absent
  Result<std::string_view> Text(std::string_view name, std::size_t most) const;
  Result<std::string_view> Base64Text(std::string_view name, std::size_t most_bytes) const;
  Status CheckSize(std::string_view name, std::size_t size, Size bounds) const;

  const boost::json::object& object_;
  Errc errc_;
  std::string path_;
};

}  // namespace strongroom::xks
