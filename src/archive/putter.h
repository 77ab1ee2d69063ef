#pragma once

#include <memory>
#include <optional>
#include <string>

#include "archive/file_regions.h"
#include "archive/journal.h"
#include "archive/operations.h"
#include "archive/snapshot.h"
#include "archive/tree_reader.h"

namespace strongroom::archive {

inline constexpr std::size_t kLinkCache = std::size_t{16} << 20;

/// One run of `put` (operations.h): put.cpp begins and ends it, put_content.cpp reads what goes in.
class Putter {
 public:
  Putter(const Access& access, const PutOptions& options, const Reporter& reporter)
      : access_(access),
        options_(options),
        reporter_(reporter),
        stream_(options.source == "-"),
        progress_(std::make_unique<Progress>("sent", reporter.style)),
        room_(std::size_t{1} << 20) {}

  Result<PutOutcome> Run();

 private:
  Status Prepare();
  pb::JournalHead Head() const;
  Status TakeUp(const pb::JournalHead& head);
  Status ReadStream();
  Status ReadTree();
  Status Visit(Found& found);
  Status FileContent(Found& found);
  Status ReadRegion(Found& found, const Region& region, bool& changed);
  Status Place(pb::Entry& entry, ByteView bytes, std::uint64_t file_offset, const struct stat* facts);
  Status AddExtent(pb::Entry& entry, const Placed& placed, std::uint64_t file_offset, const struct stat* facts);
  Status EndPiece(const pb::Entry& entry, const struct stat& facts);
  Status Keep(const pb::Entry& entry);
  Status LinkOf(Found& found, bool& linked);
  void Note(std::string_view path, std::string_view what);
  Status WriteManifest(Spool& sealed);
  Status CheckStored() const;
  Status CheckKeys() const;
  Status Publish(const Spool& sealed);
  Error SomebodyElses();
  Status DropOwn();
  Status DropUnused();

  const Access& access_;
  const PutOptions& options_;
  const Reporter& reporter_;
  const bool stream_;
  PutOutcome outcome_;
  std::unique_ptr<Progress> progress_;
  encryption_sdk::EncryptionContext context_;
  encryption_sdk::CmmPtr cmm_;
  std::optional<Bytes> location_keys_;  // the location's object, as it was at the beginning
  std::unique_ptr<Journal> journal_;
  std::optional<Packer> packer_;
  std::optional<Spool> entries_;
  Bytes room_, record_;
  std::optional<pb::JournalPiece> piece_;  // being filled: object, object_offset, file_offset, length
  std::uint64_t piece_object_ = 0;
  TempTable links_{kLinkCache};  // by device and inode: where the record of the file's first name is, and its length
};

}  // namespace strongroom::archive
