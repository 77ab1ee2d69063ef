#include "recovery/backup_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temporary_directory.h"
#include "crypto/key_pair.h"
#include "recovery/recovery_key.h"

namespace strongroom::recovery {
namespace {

namespace fs = std::filesystem;

class BackupFile : public ::testing::Test {
 protected:
  static const crypto::PublicKey& Key() {
    static const crypto::PublicKey key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256)->public_key();
    return key;
  }
  static BackupHeader Header() {
    BackupHeader header;
    header.created_millis = 1234567890123;
    header.software = "0.1.0";
    header.account_id = "111122223333";
    header.region = "us-east-1";
    header.network_prefix = "127.20.30";
    header.recovery_key = Fingerprint(Key());
    header.recovery_public_key = Key().ToSpki();
    header.samples = {{"us-east-1", "arn:aws:kms:x", "AAAA", std::string(64, '0')}};
    return header;
  }
  Status Write() {
    SR_TRY(const auto writer, BackupWriter::Create(file_, Header()));
    SR_CHECK(writer->Begin(1));
    SR_CHECK(writer->BeginTable({"accounts", {"a", "b", "c", "d"}}));
    for (const auto& row : kRows) SR_CHECK(writer->PutRow(store::Row(row)));
    SR_CHECK(writer->BeginTable({"empty", {"a"}}));
    return writer->Finish();
  }
  std::string Content() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Overwrite(const std::string& content) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc).write(content.data(), std::ssize(content));
  }

  const std::vector<std::vector<store::Value>> kRows{
      {std::int64_t{-1}, std::string("text"), Bytes{0, 1, 255}, nullptr},
      {std::int64_t{1} << 62, std::string(), Bytes(), nullptr},
      {nullptr, std::string(100'000, 'x'), Bytes(200'000, 7), std::int64_t{0}}};
  TemporaryDirectory temporary_;
  const fs::path& root_ = temporary_.path();
  const fs::path file_ = root_ / "b.srb";
};

TEST_F(BackupFile, IsReadBackAsItWasWritten) {
  const Status written = Write();
  ASSERT_TRUE(written.ok()) << written.error();
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), {}), 1);
  const auto reader = BackupReader::Open(file_);
  ASSERT_TRUE(reader.ok()) << reader.error();
  EXPECT_EQ((*reader)->rows(), kRows.size());
  EXPECT_EQ((*reader)->header().account_id, "111122223333");
  EXPECT_EQ((*reader)->header().schema_version, 1);
  EXPECT_EQ((*reader)->header().recovery_public_key, Key().ToSpki());
  EXPECT_EQ((*reader)->header().samples.at(0).key_arn, "arn:aws:kms:x");
  auto table = (*reader)->NextTable();
  ASSERT_TRUE(table.ok() && *table);
  EXPECT_EQ((*table)->columns, (std::vector<std::string>{"a", "b", "c", "d"}));
  for (const auto& row : kRows) {
    const auto read = (*reader)->NextRow();
    ASSERT_TRUE(read.ok() && *read);
    EXPECT_EQ(**read, row);
  }
  EXPECT_FALSE(*(*reader)->NextRow());
  table = (*reader)->NextTable();
  ASSERT_TRUE(table.ok() && *table);
  EXPECT_EQ((*table)->name, "empty");
  EXPECT_FALSE(*(*reader)->NextRow());
  EXPECT_FALSE(*(*reader)->NextTable());
}

TEST_F(BackupFile, ReplacesNothingAndLeavesNothingHalfDone) {
  ASSERT_TRUE(Write().ok());
  EXPECT_EQ(Write().error().code(), Errc::kAlreadyExists);
  fs::remove(file_);
  {
    const auto writer = BackupWriter::Create(file_, Header());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Begin(1).ok());
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), {}), 0);
}

TEST_F(BackupFile, EveryCutAndEveryFlippedByteIsFound) {
  ASSERT_TRUE(Write().ok());
  const std::string whole = Content();
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 3) {
    Overwrite(whole.substr(0, size));
    EXPECT_FALSE(BackupReader::Open(file_).ok()) << size;
  }
  for (std::size_t at = 0; at < whole.size(); at += 1 + at / 5) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    Overwrite(changed);
    EXPECT_FALSE(BackupReader::Open(file_).ok()) << at;
  }
  Overwrite(whole + "x");
  EXPECT_EQ(BackupReader::Open(file_).error().code(), Errc::kCorrupted);
}

TEST_F(BackupFile, WhatIsForeignOrNewerSaysSo) {
  Overwrite("PK\x03\x04 something else");
  EXPECT_EQ(BackupReader::Open(file_).error().code(), Errc::kInvalidArgument);
  Overwrite("");
  EXPECT_EQ(BackupReader::Open(file_).error().code(), Errc::kInvalidArgument);
  Overwrite(std::string("SRB\x02 and so on", 14));
  EXPECT_EQ(BackupReader::Open(file_).error().code(), Errc::kUnsupported);
  EXPECT_EQ(BackupReader::Open(root_ / "none").error().code(), Errc::kNotFound);
  EXPECT_FALSE(BackupReader::Open(root_).ok());
  // A size that nobody has memory for is refused before it is asked for.
  Overwrite(std::string("SRB\x01\x01\xff\xff\xff\xff", 9));
  EXPECT_EQ(BackupReader::Open(file_).error().code(), Errc::kCorrupted);
}

TEST(BackupRow, NonsenseIsRefused) {
  for (const Bytes& body :
       {Bytes{4}, Bytes{1, 0, 0}, Bytes{2, 0, 0, 0, 9, 'x'}, Bytes{3, 255, 255, 255, 255}, Bytes(300, 0)})
    EXPECT_FALSE(ParseRow(body).ok());
}

}  // namespace
}  // namespace strongroom::recovery
