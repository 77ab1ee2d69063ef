#include <fmt/format.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "recovery/backup_file.h"

namespace strongroom::recovery {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxHeaderBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxColumns = 256;
constexpr std::size_t kPiece = std::size_t{1} << 20;

std::uint64_t Integer(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

std::optional<json::object> Object(ByteView body) {
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 4;
  const json::value value = json::parse(json::string_view(AsText(body)), failed, {}, options);
  if (failed || !value.is_object()) return std::nullopt;
  return value.get_object();
}

std::string TextOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::int64_t NumberOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

bool ReadHeader(ByteView body, BackupHeader& header) {
  const auto object = Object(body);
  if (!object) return false;
  header.created_millis = NumberOf(*object, "createdMillis");
  header.software = TextOf(*object, "software");
  header.schema_version = NumberOf(*object, "schema");
  header.account_id = TextOf(*object, "account");
  header.region = TextOf(*object, "region");
  header.network_prefix = TextOf(*object, "network");
  header.recovery_key = TextOf(*object, "recoveryKey");
  auto key = FromBase64(TextOf(*object, "recoveryPublicKey"));
  if (!key.ok()) return false;
  header.recovery_public_key = *std::move(key);
  const auto* samples = object->if_contains("samples");
  if (samples != nullptr && samples->is_array()) {
    for (const json::value& each : samples->get_array()) {
      if (!each.is_object()) return false;
      const json::object& sample = each.get_object();
      header.samples.push_back({TextOf(sample, "region"), TextOf(sample, "key"), TextOf(sample, "ciphertext"),
                                TextOf(sample, "plaintextSha256")});
    }
  }
  return header.schema_version > 0 && !header.account_id.empty() && !header.recovery_public_key.empty() &&
         header.recovery_key == Hex(crypto::Sha256(header.recovery_public_key));
}

}  // namespace

Result<std::vector<store::Value>> ParseRow(ByteView body) {
  const Error bad(Errc::kCorrupted, "A row of the backup is not well-formed.");
  std::vector<store::Value> values;
  while (!body.empty()) {
    if (values.size() == kMaxColumns) return bad;
    const std::uint8_t kind = body[0];
    body = body.subspan(1);
    if (kind == 0) {
      values.emplace_back(nullptr);
    } else if (kind == 1) {
      if (body.size() < 8) return bad;
      values.emplace_back(static_cast<std::int64_t>(Integer(body.first(8))));
      body = body.subspan(8);
    } else if (kind == 2 || kind == 3) {
      if (body.size() < 4 || Integer(body.first(4)) > body.size() - 4) return bad;
      const ByteView bytes = body.subspan(4, Integer(body.first(4)));
      if (kind == 2)
        values.emplace_back(std::string(AsText(bytes)));
      else
        values.emplace_back(ToBytes(bytes));
      body = body.subspan(4 + bytes.size());
    } else {
      return bad;
    }
  }
  return values;
}

Error BackupReader::Damaged(const char* what) const {
  return Error(Errc::kCorrupted, fmt::format("{} is damaged or cut short; nothing of it was used.", file_.string()))
      .WithDetail(fmt::format("{} at byte {}", what, at_));
}

Result<std::unique_ptr<BackupReader>> BackupReader::Open(const std::filesystem::path& file) {
  std::unique_ptr<BackupReader> reader(new BackupReader(file));
  reader->in_ = std::fopen(file.c_str(), "rbe");
  if (reader->in_ == nullptr) return FileError("read", file, errno);
  std::error_code failed;
  if (!std::filesystem::is_regular_file(file, failed))
    return Error(Errc::kInvalidArgument, file.string() + " is not a file.");
  reader->size_ = std::filesystem::file_size(file, failed);
  SR_CHECK(reader->Check());
  if (std::fseek(reader->in_, reader->first_table_, SEEK_SET) != 0) return FileError("read", file, errno);
  reader->at_ = static_cast<std::uint64_t>(reader->first_table_);
  return reader;
}

BackupReader::~BackupReader() {
  if (in_ != nullptr) std::fclose(in_);
}

Result<Bytes> BackupReader::ReadBytes(std::size_t count) {
  if (count > size_ - at_) return Damaged("cut short");
  Bytes bytes(count);
  if (std::fread(bytes.data(), 1, count, in_) != count) return Damaged("not readable");
  at_ += count;
  return bytes;
}

Result<BackupReader::Block> BackupReader::ReadBlock() {
  SR_TRY(const Bytes head, ReadBytes(5));
  const std::size_t size = Integer(ByteView(head).subspan(1));
  if (size > kMaxBlockBytes) return Damaged("a block of impossible size");
  Block block;
  block.kind = head[0];
  SR_TRY(block.body, ReadBytes(size));
  return block;
}

Status BackupReader::Check() {
  const Error foreign(Errc::kInvalidArgument, file_.string() + " is not a backup of Strongroom.");
  if (size_ < 4) return foreign;
  SR_TRY(const Bytes start, ReadBytes(4));
  if (AsText(start).substr(0, 3) != kBackupMagic) return foreign;
  if (start[3] != kBackupVersion)
    return Error(Errc::kUnsupported,
                 fmt::format("{} has version {}, which this program does not know.", file_.string(), start[3]));
  crypto::Sha256Stream digest;
  digest.Update(start);
  bool headed = false;
  std::uint64_t rows = 0;
  for (bool in_table = false;;) {
    SR_TRY(const Bytes head, ReadBytes(5));
    const std::size_t size = Integer(ByteView(head).subspan(1));
    const std::uint8_t kind = head[0];
    const bool small = kind == backup_block::kHeader || kind == backup_block::kTable || kind == backup_block::kEnd;
    if (size > (small ? kMaxHeaderBytes : kMaxBlockBytes)) return Damaged("a block of impossible size");
    if (headed == (kind == backup_block::kHeader) || (kind == backup_block::kRow && !in_table) ||
        kind > backup_block::kEnd || kind == 0)
      return Damaged("a block out of place");
    if (kind == backup_block::kEnd) {
      SR_TRY(const Bytes end, ReadBytes(size));
      const auto expected = digest.Finish();
      if (size != 8 + expected.size() || !std::equal(expected.begin(), expected.end(), end.begin() + 8) ||
          Integer(ByteView(end).first(8)) != rows)
        return Damaged("the checksum");
      if (at_ != size_) return Damaged("something behind the end");
      rows_ = rows;
      return {};
    }
    digest.Update(head);
    if (kind == backup_block::kRow) {
      ++rows;
      for (std::size_t left = size; left > 0;) {
        SR_TRY(const Bytes piece, ReadBytes(std::min(left, kPiece)));
        digest.Update(piece);
        left -= piece.size();
      }
      continue;
    }
    SR_TRY(const Bytes body, ReadBytes(size));
    digest.Update(body);
    in_table = kind == backup_block::kTable;
    if (kind == backup_block::kHeader) {
      if (!ReadHeader(body, header_)) return Damaged("the header");
      headed = true;
      first_table_ = static_cast<long>(at_);
    }
  }
}

Result<std::optional<store::TableShape>> BackupReader::NextTable() {
  for (;;) {
    Block block;
    if (ahead_) {
      block = *std::exchange(ahead_, std::nullopt);
    } else {
      SR_TRY(block, ReadBlock());
    }
    if (block.kind == backup_block::kEnd) {
      ahead_ = std::move(block);
      return std::optional<store::TableShape>();
    }
    if (block.kind != backup_block::kTable) continue;
    const auto object = Object(block.body);
    const auto* columns = object ? object->if_contains("columns") : nullptr;
    if (columns == nullptr || !columns->is_array() || columns->get_array().size() > kMaxColumns)
      return Damaged("a table's head");
    store::TableShape table;
    table.name = TextOf(*object, "table");
    for (const json::value& column : columns->get_array()) {
      if (!column.is_string()) return Damaged("a table's head");
      table.columns.emplace_back(column.get_string());
    }
    return std::optional(std::move(table));
  }
}

Result<std::optional<std::vector<store::Value>>> BackupReader::NextRow() {
  if (ahead_) return std::optional<std::vector<store::Value>>();
  SR_TRY(Block block, ReadBlock());
  if (block.kind != backup_block::kRow) {
    ahead_ = std::move(block);
    return std::optional<std::vector<store::Value>>();
  }
  SR_TRY(std::vector<store::Value> values, ParseRow(block.body));
  return std::optional(std::move(values));
}

}  // namespace strongroom::recovery
