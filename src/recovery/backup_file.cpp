#include "recovery/backup_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>

#include "base/file.h"

namespace strongroom::recovery {
namespace {

namespace json = boost::json;

void PutInteger(Bytes& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

json::object ToJson(const BackupHeader& header) {
  json::array samples;
  for (const Sample& sample : header.samples)
    samples.push_back(json::object{{"region", sample.region},
                                   {"key", sample.key_arn},
                                   {"ciphertext", sample.ciphertext},
                                   {"plaintextSha256", sample.plaintext_sha256}});
  return {{"createdMillis", header.created_millis},
          {"software", header.software},
          {"schema", header.schema_version},
          {"account", header.account_id},
          {"region", header.region},
          {"network", header.network_prefix},
          {"recoveryKey", header.recovery_key},
          {"recoveryPublicKey", Base64(header.recovery_public_key)},
          {"samples", std::move(samples)}};
}

}  // namespace

Bytes SerialiseRow(const std::vector<store::Value>& values) {
  Bytes out;
  for (const store::Value& value : values) {
    out.push_back(static_cast<std::uint8_t>(value.index()));
    if (const auto* number = std::get_if<std::int64_t>(&value)) PutInteger(out, static_cast<std::uint64_t>(*number), 8);
    if (const auto* text = std::get_if<std::string>(&value)) {
      PutInteger(out, text->size(), 4);
      Append(out, AsBytes(*text));
    }
    if (const auto* blob = std::get_if<Bytes>(&value)) {
      PutInteger(out, blob->size(), 4);
      Append(out, *blob);
    }
  }
  return out;
}

Result<std::unique_ptr<BackupWriter>> BackupWriter::Create(const std::filesystem::path& file, BackupHeader header) {
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored))
    return Error(Errc::kAlreadyExists, file.string() + " exists already and is not replaced.");
  std::unique_ptr<BackupWriter> writer(new BackupWriter(file, std::move(header)));
  writer->temporary_ = file.string() + ".part";
  const int fd = ::open(writer->temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return FileError("write", writer->temporary_, errno);
  writer->out_ = ::fdopen(fd, "wb");
  if (writer->out_ == nullptr) {
    ::close(fd);
    return Error(Errc::kResourceExhausted, "There is not enough memory to write a backup.");
  }
  Bytes start = ToBytes(AsBytes(kBackupMagic));
  start.push_back(kBackupVersion);
  SR_CHECK(writer->Write(start));
  return writer;
}

Status BackupWriter::Begin(std::int64_t schema_version) {
  header_.schema_version = schema_version;
  return PutBlock(backup_block::kHeader, AsBytes(json::serialize(ToJson(header_))));
}

BackupWriter::~BackupWriter() {
  if (out_ == nullptr) return;
  std::fclose(out_);
  ::unlink(temporary_.c_str());
}

Status BackupWriter::Write(ByteView bytes) {
  digest_.Update(bytes);
  if (std::fwrite(bytes.data(), 1, bytes.size(), out_) != bytes.size()) return FileError("write", temporary_, errno);
  return {};
}

Status BackupWriter::PutBlock(std::uint8_t kind, ByteView body) {
  if (body.size() > kMaxBlockBytes)
    return Error(Errc::kRequestTooLarge, "A row of the store is larger than a backup can hold.");
  Bytes head{kind};
  PutInteger(head, body.size(), 4);
  SR_CHECK(Write(head));
  return Write(body);
}

Status BackupWriter::BeginTable(const store::TableShape& table) {
  json::array columns;
  for (const std::string& column : table.columns) columns.emplace_back(column);
  const json::object shape{{"table", table.name}, {"columns", std::move(columns)}};
  return PutBlock(backup_block::kTable, AsBytes(json::serialize(shape)));
}

Status BackupWriter::PutRow(const store::Row& row) {
  ++rows_;
  return PutBlock(backup_block::kRow, SerialiseRow(row.fields()));
}

Status BackupWriter::Finish() {
  const auto digest = digest_.Finish();
  Bytes end;
  PutInteger(end, rows_, 8);
  Append(end, digest);
  SR_CHECK(PutBlock(backup_block::kEnd, end));
  if (std::fflush(out_) != 0 || ::fsync(::fileno(out_)) != 0) return FileError("write", temporary_, errno);
  // link and not rename: another backup that has taken the name meanwhile is not replaced.
  if (::link(temporary_.c_str(), file_.c_str()) != 0) {
    if (errno == EEXIST) return Error(Errc::kAlreadyExists, file_.string() + " exists already and is not replaced.");
    return FileError("write", file_, errno);
  }
  ::unlink(temporary_.c_str());
  std::fclose(out_);
  out_ = nullptr;
  return {};
}

}  // namespace strongroom::recovery
