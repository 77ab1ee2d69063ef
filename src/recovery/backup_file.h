#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/hash.h"
#include "store/backup.h"

namespace strongroom::recovery {

/// A ciphertext that was made when the backup was taken, for a drill to open.
struct Sample {
  std::string region, key_arn, ciphertext;  // base64
  std::string plaintext_sha256;             // hex
};

/// What a backup says of itself, readable without any key. Nothing in it is secret.
struct BackupHeader {
  std::int64_t created_millis = 0;
  std::string software;
  std::int64_t schema_version = 0;
  std::string account_id, region, network_prefix;
  std::string recovery_key;   // fingerprint: the key that restores it
  Bytes recovery_public_key;  // DER SubjectPublicKeyInfo
  std::vector<Sample> samples;
};

/// Writes a backup file (docs/formats.md 11): to a temporary file beside it, synced and renamed by Finish.
/// Errors    kAlreadyExists  the file is there and is not replaced; kResourceExhausted disk full; other file errors.
/// Lifetime  what was written is removed unless Finish has succeeded.
class BackupWriter final : public store::BackupSink {
 public:
  /// `header` but for its schema version, which the store says.
  static Result<std::unique_ptr<BackupWriter>> Create(const std::filesystem::path& file, BackupHeader header);
  ~BackupWriter() override;
  Status Begin(std::int64_t schema_version) override;
  Status BeginTable(const store::TableShape& table) override;
  Status PutRow(const store::Row& row) override;
  Status Finish();
  std::uint64_t rows() const noexcept { return rows_; }

 private:
  BackupWriter(std::filesystem::path file, BackupHeader header) : file_(std::move(file)), header_(std::move(header)) {}
  Status PutBlock(std::uint8_t kind, ByteView body);
  Status Write(ByteView bytes);

  std::filesystem::path file_, temporary_;
  BackupHeader header_;
  std::FILE* out_ = nullptr;
  crypto::Sha256Stream digest_;
  std::uint64_t rows_ = 0;
};

/// Reads one back. Open has read the whole file and checked its form and checksum before anything of it is used; the
/// checksum finds damage, not forgery, since whoever can write the file can compute it.
/// Errors    kInvalidArgument  not a backup file; kUnsupported  a version that this program does not know; kCorrupted
/// cut
///           short, damaged, or with something behind its end; kNotFound and other file errors.
class BackupReader final : public store::BackupSource {
 public:
  static Result<std::unique_ptr<BackupReader>> Open(const std::filesystem::path& file);
  ~BackupReader() override;
  const BackupHeader& header() const noexcept { return header_; }
  std::uint64_t rows() const noexcept { return rows_; }

  Result<std::optional<store::TableShape>> NextTable() override;
  Result<std::optional<std::vector<store::Value>>> NextRow() override;

 private:
  struct Block {
    std::uint8_t kind = 0;
    Bytes body;
  };
  explicit BackupReader(std::filesystem::path file) : file_(std::move(file)) {}
  Status Check();
  Result<Block> ReadBlock();
  Result<Bytes> ReadBytes(std::size_t count);
  Error Damaged(const char* what) const;

  std::filesystem::path file_;
  std::FILE* in_ = nullptr;
  std::uint64_t size_ = 0, at_ = 0, rows_ = 0;
  long first_table_ = 0;
  std::optional<Block> ahead_;
  BackupHeader header_;
};

/// The values of a row block. Errors: kCorrupted.
Result<std::vector<store::Value>> ParseRow(ByteView body);
Bytes SerialiseRow(const std::vector<store::Value>& values);

namespace backup_block {
inline constexpr std::uint8_t kHeader = 1, kTable = 2, kRow = 3, kEnd = 4;
}
inline constexpr std::string_view kBackupMagic = "SRB";
inline constexpr std::uint8_t kBackupVersion = 1;
/// A snapshot of 256 MiB is the largest single value.
inline constexpr std::size_t kMaxBlockBytes = std::size_t{272} << 20;

}  // namespace strongroom::recovery
