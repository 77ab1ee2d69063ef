#include "store/database.h"

namespace strongroom::store {
namespace {
template <typename T>
const T* Field(const std::vector<Value>& fields, std::size_t i) {
  return i < fields.size() ? std::get_if<T>(&fields[i]) : nullptr;
}
template <typename T>
std::optional<T> Copy(const T* field) {
  return field ? std::optional<T>(*field) : std::nullopt;
}
}  // namespace

bool Row::IsNull(std::size_t i) const {
  return i >= fields_.size() || std::holds_alternative<std::nullptr_t>(fields_[i]);
}

std::int64_t Row::Int(std::size_t i) const {
  const auto* field = Field<std::int64_t>(fields_, i);
  return field ? *field : 0;
}

const std::string& Row::Text(std::size_t i) const {
  static const std::string kEmpty;
  const auto* field = Field<std::string>(fields_, i);
  return field ? *field : kEmpty;
}

const Bytes& Row::Blob(std::size_t i) const {
  static const Bytes kEmpty;
  const auto* field = Field<Bytes>(fields_, i);
  return field ? *field : kEmpty;
}

std::optional<std::int64_t> Row::OptionalInt(std::size_t i) const { return Copy(Field<std::int64_t>(fields_, i)); }
std::optional<std::string> Row::OptionalText(std::size_t i) const { return Copy(Field<std::string>(fields_, i)); }
std::optional<Bytes> Row::OptionalBlob(std::size_t i) const { return Copy(Field<Bytes>(fields_, i)); }

Result<std::optional<Row>> Transaction::QueryOne(std::string_view sql, std::initializer_list<Value> values) {
  SR_TRY(Rows rows, Query(sql, values));
  if (rows.empty()) return std::optional<Row>();
  return std::optional<Row>(std::move(rows.front()));
}

}  // namespace strongroom::store
