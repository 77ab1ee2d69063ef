#pragma once

#include <libpq-fe.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/connection.h"

namespace strongroom::store {

/// A statement's parameters in the four arrays that libpq takes. Numbers and bytes travel in binary, text as text with
/// its type left to the server.
/// Lifetime  points into the values given.
class PostgresParameters {
 public:
  explicit PostgresParameters(std::span<const Value> values);
  PostgresParameters(const PostgresParameters&) = delete;
  PostgresParameters& operator=(const PostgresParameters&) = delete;

  int count() const noexcept { return int(types_.size()); }
  const Oid* types() const noexcept { return types_.data(); }
  const char* const* data() const noexcept { return data_.data(); }
  const int* lengths() const noexcept { return lengths_.data(); }
  const int* formats() const noexcept { return formats_.data(); }
  /// One letter per parameter: the same SQL with other types is another prepared statement.
  std::string Signature() const;

 private:
  std::vector<Oid> types_;
  std::vector<const char*> data_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<std::array<char, 8>> numbers_;  // big-endian, as on the wire
};

/// Rows and count of a successful result in binary format. Errors: kInternal for a type that we do not use.
Result<Reply> DecodeReply(const PGresult* result);

/// A failed result in our words. Source: PostgreSQL manual, appendix A (error codes).
Error PostgresError(const PGresult* result, const PGconn* connection);

}  // namespace strongroom::store
