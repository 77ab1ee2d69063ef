#include "store/postgres_codec.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace strongroom::store {
namespace {
// Fixed in PostgreSQL's catalogue (pg_type.dat), and the same in what speaks its protocol.
constexpr Oid kUnknown = 0;
constexpr Oid kBool = 16;
constexpr Oid kBytea = 17;
constexpr Oid kName = 19;
constexpr Oid kInt8 = 20;
constexpr Oid kInt2 = 21;
constexpr Oid kInt4 = 23;
constexpr Oid kText = 25;
constexpr Oid kVarchar = 1043;

std::array<char, 8> BigEndian(std::int64_t number) {
  std::array<char, 8> out{};
  auto bits = static_cast<std::uint64_t>(number);
  for (std::size_t i = out.size(); i-- > 0; bits >>= 8) out[i] = static_cast<char>(bits & 0xFF);
  return out;
}

std::int64_t FromBigEndian(ByteView bytes) {
  // Sign-extended from the first byte: int2, int4 and int8 alike.
  auto bits = static_cast<std::uint64_t>(bytes[0] & 0x80 ? -1 : 0);
  for (const std::uint8_t byte : bytes) bits = (bits << 8) | byte;
  return static_cast<std::int64_t>(bits);
}

Result<Value> DecodeField(Oid type, ByteView bytes) {
  switch (type) {
    case kInt2:
    case kInt4:
    case kInt8:
    case kBool:
      if (bytes.empty() || bytes.size() > 8) break;
      return Value(FromBigEndian(bytes));
    case kText:
    case kVarchar:
    case kName: return Value(std::string(AsText(bytes)));
    case kBytea: return Value(ToBytes(bytes));
    default: break;
  }
  return Error(Errc::kInternal, "").WithDetail(fmt::format("a statement returned the unknown type {}", type));
}

Errc FromSqlState(std::string_view state) {
  if (state == "40001" || state == "40P01" || state == "55P03") return Errc::kConflict;
  // A prepared statement that the server has forgotten, or whose tables were changed: prepared anew when run again.
  if (state == "26000" || state == "0A000") return Errc::kConflict;
  if (state == "40003") return Errc::kTimeout;
  if (state == "23505" || state == "42P07" || state == "42710") return Errc::kAlreadyExists;  // a row, table or index
  if (state == "53300") return Errc::kUnavailable;                                            // too many connections
  if (state == "XX001" || state == "XX002") return Errc::kCorrupted;
  if (state == "57014") return Errc::kUnavailable;  // cancelled by an administrator
  const std::string_view kind = state.substr(0, 2);
  if (kind == "22" || kind == "23" || kind == "54") return Errc::kInvalidArgument;
  if (kind == "53") return Errc::kResourceExhausted;
  if (kind == "08" || kind == "57" || kind == "58" || kind.empty()) return Errc::kUnavailable;
  return Errc::kInternal;
}

const char* PublicText(Errc code) {
  switch (code) {
    case Errc::kConflict: return "The store is busy with another change.";
    case Errc::kAlreadyExists: return "That already exists.";
    case Errc::kInvalidArgument: return "A value breaks a rule of the store.";
    case Errc::kResourceExhausted: return "The store's disk or memory is full.";
    case Errc::kCorrupted: return "The database is damaged.";
    case Errc::kTimeout: return "Whether the change was made is not known.";
    case Errc::kUnavailable: return "The store is not available.";
    default: return "";
  }
}
}  // namespace

PostgresParameters::PostgresParameters(std::span<const Value> values) {
  numbers_.reserve(values.size());
  for (const Value& value : values) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      numbers_.push_back(BigEndian(*number));
      types_.push_back(kInt8);
      data_.push_back(numbers_.back().data());
      lengths_.push_back(8);
      formats_.push_back(1);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      types_.push_back(kUnknown);
      data_.push_back(text->c_str());
      lengths_.push_back(int(text->size()));
      formats_.push_back(0);
    } else if (const auto* blob = std::get_if<Bytes>(&value)) {
      types_.push_back(kBytea);
      // A null pointer would be NULL, and an empty vector's data() may be one.
      data_.push_back(blob->empty() ? "" : reinterpret_cast<const char*>(blob->data()));
      lengths_.push_back(int(blob->size()));
      formats_.push_back(1);
    } else {
      types_.push_back(kUnknown);
      data_.push_back(nullptr);
      lengths_.push_back(0);
      formats_.push_back(0);
    }
  }
}

std::string PostgresParameters::Signature() const {
  std::string signature;
  for (const Oid type : types_) signature += type == kInt8 ? 'n' : type == kBytea ? 'b' : 't';
  return signature;
}

Result<Reply> DecodeReply(const PGresult* result) {
  Reply reply;
  const int rows = PQntuples(result);
  const int columns = PQnfields(result);
  reply.rows.reserve(std::size_t(rows));
  for (int row = 0; row < rows; ++row) {
    std::vector<Value> fields;
    fields.reserve(std::size_t(columns));
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column)) {
        fields.emplace_back(nullptr);
        continue;
      }
      const ByteView bytes = AsBytes({PQgetvalue(result, row, column), std::size_t(PQgetlength(result, row, column))});
      SR_TRY(Value value, DecodeField(PQftype(result, column), bytes));
      fields.push_back(std::move(value));
    }
    reply.rows.emplace_back(std::move(fields));
  }
  const std::string_view status = PQcmdStatus(const_cast<PGresult*>(result));
  if (!status.starts_with("SELECT")) {
    const std::string_view count = PQcmdTuples(const_cast<PGresult*>(result));
    std::from_chars(count.data(), count.data() + count.size(), reply.changed);
  }
  return reply;
}

Error PostgresError(const PGresult* result, const PGconn* connection) {
  const char* field = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const std::string_view state = field ? field : "";
  const Errc code = FromSqlState(state);
  // The primary text of class 22 quotes the value that was refused, and DETAIL lines quote rows: neither is logged.
  const char* text = nullptr;
  if (result && !state.starts_with("22")) text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (!text && state.empty() && connection) text = PQerrorMessage(connection);
  return Error(code, PublicText(code)).WithDetail(fmt::format("postgresql {}: {}", state, text ? text : ""));
}

}  // namespace strongroom::store
