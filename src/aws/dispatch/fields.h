#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ports/clock.h"
#include "secret/secret_buffer.h"

namespace strongroom::aws {

/// Picks members out of a request's body (a JSON object, or the same made of a Query form).
///
/// The service model has already been enforced when an operation runs (types, required members, lengths, patterns,
/// enums), so these only pick; a null member counts as absent.
/// Errors    kInvalidArgument when a required member is absent; kSerialization when a member has another type than
///           asked for; kResourceExhausted or kInternal when the locked pool is full. Texts name members, never values.
/// Lifetime  views point into the request and live as long as it.
class Fields {
 public:
  explicit Fields(const boost::json::object& object) noexcept : object_(&object) {}

  bool Has(std::string_view name) const noexcept;
  const boost::json::object& object() const noexcept { return *object_; }

  Result<std::string> RequiredString(std::string_view name) const;
  Result<std::optional<std::string>> OptionalString(std::string_view name) const;
  /// As OptionalString with a value for absence.
  Result<std::string> StringOr(std::string_view name, std::string_view fallback) const;
  /// A view into the request, without a copy.
  Result<std::string_view> RequiredView(std::string_view name) const;

  Result<std::optional<bool>> OptionalBool(std::string_view name) const;
  Result<bool> BoolOr(std::string_view name, bool fallback) const;
  /// A whole number; 5.0 counts as 5.
  Result<std::optional<std::int64_t>> OptionalInt(std::string_view name) const;
  Result<std::int64_t> RequiredInt(std::string_view name) const;
  Result<std::int64_t> IntOr(std::string_view name, std::int64_t fallback) const;
  /// Seconds since the epoch with optional fraction, or an ISO-8601 text in UTC.
  Result<std::optional<ports::WallTime>> OptionalTimestamp(std::string_view name) const;

  Result<Bytes> RequiredBlob(std::string_view name) const;
  Result<std::optional<Bytes>> OptionalBlob(std::string_view name) const;
  /// base64 decoded straight into locked memory.
  Result<secret::SecretBuffer> RequiredSecret(std::string_view name) const;
  Result<std::optional<secret::SecretBuffer>> OptionalSecret(std::string_view name) const;
  /// A text member (a password) copied into locked memory.
  Result<secret::SecretBuffer> RequiredSecretText(std::string_view name) const;
  Result<std::optional<secret::SecretBuffer>> OptionalSecretText(std::string_view name) const;

  /// Empty when absent.
  Result<std::vector<std::string>> StringList(std::string_view name) const;
  /// Empty when absent; ordered by key.
  Result<std::map<std::string, std::string>> StringMap(std::string_view name) const;
  /// name -> list of strings (filters); empty when absent.
  Result<std::map<std::string, std::vector<std::string>>> StringListMap(std::string_view name) const;
  Result<std::optional<Fields>> OptionalObject(std::string_view name) const;
  /// A list of structures; empty when absent.
  Result<std::vector<Fields>> ObjectList(std::string_view name) const;
  /// A list of {key_name, value_name} structures such as tags, in the request's order.
  Result<std::vector<std::pair<std::string, std::string>>> PairList(std::string_view name, std::string_view key_name,
                                                                    std::string_view value_name) const;

 private:
  const boost::json::value* Find(std::string_view name) const noexcept;
  const boost::json::object* object_;
};

}  // namespace strongroom::aws
