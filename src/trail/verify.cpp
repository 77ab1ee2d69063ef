#include "trail/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "crypto/key_pair.h"
#include "trail/keeping/digest.h"
#include "trail/keeping/digest_key.h"
#include "trail/record/facts.h"
#include "trail/segment/entry.h"
#include "trail/segment/file.h"

namespace strongroom::trail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostProblems = 1000;

/// A chain of which the last known hash is there.
struct Link {
  std::int64_t segment = 0, next_record = 1;
  ChainHash last{};
  std::int64_t before = 0;  // first record of the group before, next_record where there is none
};

/// "record 7 does", "records 7 to 12 do": those of one group, which stand or fall together.
std::string Records(std::int64_t first, std::int64_t count, std::string_view verb = "are") {
  const bool one = count <= 1;
  std::string text = one ? fmt::format("record {}", first) : fmt::format("records {} to {}", first, first + count - 1);
  if (!verb.empty()) text += fmt::format(" {}", one ? (verb == "do" ? "does" : "is") : verb);
  return text;
}

std::size_t BlocksOf(const SegmentRow& row) { return row.directory.size() / 16; }

class FrontEnd {
 public:
  FrontEnd(store::Database& database, std::string name, VerifyReport& report)
      : database_(database), name_(std::move(name)), report_(report) {}

  Status Digests(const Bytes& key);
  Status Segments();
  /// What is on this machine's disk beyond, or as well as in, the store.
  void Local(const fs::path& directory, const std::vector<std::int64_t>& numbers);

 private:
  void Problem(std::string text) {
    if (report_.problems.size() < kMostProblems)
      report_.problems.push_back("front end " + name_ + ": " + std::move(text));
  }
  /// Reads the row again, and with it its last block (empty when there is none): as long as the segment is open both
  /// grow together, and only what was read in one transaction fits together. The blocks before the last one stay.
  Result<Bytes> Freshen(SegmentRow& row);
  Status OneSegment(const SegmentRow& row, const Bytes& last_block);
  void Groups(const SegmentRow& row, std::string_view bytes, Link& at, std::set<ChainHash>& seen);
  std::int64_t Entries(const SegmentRow& row, const Group& group, std::int64_t first);
  void Gap(std::int64_t from, std::int64_t to);

  store::Database& database_;
  std::string name_;
  VerifyReport& report_;
  std::map<std::int64_t, DigestedSegment> digested_;
  std::int64_t first_kept_ = 1;
  std::optional<Link> link_;                     // after the last segment that was there
  std::map<std::int64_t, SegmentRow> segments_;  // without their directories
};

Status FrontEnd::Digests(const Bytes& key) {
  SR_TRY(const auto rows, database_.Read([this](store::Transaction& t) { return LoadDigests(t, name_); }));
  const auto public_key = crypto::PublicKey::FromSpki(key);
  if (!public_key.ok()) return Error(Errc::kInvalidArgument, "The digest key is not a public key.");
  const std::string key_hash = Hex(crypto::Sha256(key));
  const DigestRow* before = nullptr;
  std::int64_t expected = 1;
  for (const DigestRow& row : rows) {
    ++report_.digests;
    for (; expected < row.number; ++expected) Problem(fmt::format("digest {} is missing", expected));
    expected = row.number + 1;
    const Status verified = public_key->Verify(crypto::SignatureScheme::kEcdsaSha256, crypto::MessageForm::kRaw,
                                               SignedBytes(row.body), row.signature);
    if (!verified.ok())
      Problem(fmt::format("the signature of digest {} does not verify: the digest was edited, or another key signed it",
                          row.number));
    const auto digest = ParseDigest(row.body);
    if (!digest.ok()) {
      Problem(fmt::format("digest {} does not read", row.number));
      before = &row;
      continue;
    }
    if (digest->front_end != name_ || digest->number != row.number || digest->public_key != key_hash)
      Problem(fmt::format("digest {} is not the one that its place says", row.number));
    const bool follows =
        before == nullptr || (before->number + 1 == row.number && digest->previous_hash == HashOfBody(before->body) &&
                              digest->previous_signature == Hex(before->signature));
    if (!follows && before->number + 1 == row.number)
      Problem(fmt::format("digest {} does not name digest {} as the one before it: one of them was edited or replaced",
                          row.number, before->number));
    if (verified.ok()) {
      first_kept_ = std::max(first_kept_, digest->first_kept);
      for (const DigestedSegment& one : digest->segments) digested_[one.number] = one;
    }
    before = &row;
  }
  return {};
}

void FrontEnd::Gap(std::int64_t from, std::int64_t to) {
  for (std::int64_t number = from; number < to; ++number) {
    const auto named = digested_.find(number);
    if (named == digested_.end()) {
      Problem(fmt::format("segment {} is missing", number));
    } else {
      Problem(fmt::format("segment {} (records {} to {}) is missing", number, named->second.first_record,
                          named->second.first_record + named->second.records - 1));
    }
  }
}

Status FrontEnd::Segments() {
  SR_TRY(auto rows, database_.Read([this](store::Transaction& t) { return LoadSegments(t, name_); }));
  std::int64_t expected = first_kept_;
  for (SegmentRow& row : rows) {
    if (row.number < first_kept_) continue;  // past its retention, about to be removed
    SR_TRY(const Bytes last_block, Freshen(row));
    if (row.number > expected) {
      Gap(expected, row.number);
      link_.reset();
    }
    expected = row.number + 1;
    ++report_.segments;
    SR_CHECK(OneSegment(row, last_block));
    row.directory.clear();
    segments_.emplace(row.number, std::move(row));
  }
  if (!digested_.empty()) Gap(expected, digested_.rbegin()->first + 1);
  return {};
}

void FrontEnd::Groups(const SegmentRow& row, std::string_view bytes, Link& at, std::set<ChainHash>& seen) {
  GroupReader groups(bytes);
  Group group;
  for (;;) {
    const auto there = groups.Next(group);
    if (!there.ok() || (!*there && !groups.rest().empty())) {
      Problem(fmt::format("segment {}: record {} does not read", row.number, at.next_record));
      return;
    }
    if (!*there) return;
    if (group.previous != at.last) {
      Problem(seen.contains(group.previous)
                  ? fmt::format("segment {}: {} not at their place: records were reordered or repeated", row.number,
                                Records(at.next_record, group.records))
                  : fmt::format("segment {}: {} not follow {}: one of those was edited, or records between them were "
                                "removed",
                                row.number, Records(at.next_record, group.records, "do"),
                                at.before == at.next_record ? "the segment's head"
                                                            : Records(at.before, at.next_record - at.before, "")));
    }
    const std::int64_t read = Entries(row, group, at.next_record);
    if (read != group.records)
      Problem(fmt::format("segment {}: {} written together, and {} are there", row.number,
                          Records(at.next_record, group.records), read));
    at.last = group.Hash();
    seen.insert(at.last);
    at.before = at.next_record;
    at.next_record += group.records;
    report_.records += group.records;
  }
}

/// Looks at each record of a group; how many there are.
std::int64_t FrontEnd::Entries(const SegmentRow& row, const Group& group, std::int64_t first) {
  EntryReader reader(group);
  Entry entry;
  std::vector<std::string> texts;
  for (std::int64_t read = 0;; ++read) {
    const auto there = reader.Next(entry);
    if (!there.ok()) Problem(fmt::format("segment {}: record {} does not read", row.number, first + read));
    if (!there.ok() || !*there) return read;
    const auto json = reader.JsonOf(entry);
    if (!json.ok()) {
      Problem(fmt::format("segment {}: record {} does not read", row.number, first + read));
      continue;
    }
    const auto facts = reader.FactsOf(entry);
    const auto told = FactsOfJson(*json, texts);
    if (!facts.ok() || !told.ok() || !(*facts == *told))
      Problem(fmt::format("segment {}: record {} is looked up by other values than it has", row.number, first + read));
  }
}

Result<Bytes> FrontEnd::Freshen(SegmentRow& row) {
  SR_TRY(auto fresh, database_.Read([&](store::Transaction& t) -> Result<std::pair<SegmentRow, Bytes>> {
    SR_TRY(auto now, LoadSegment(t, name_, row.number));
    if (!now) return std::pair(row, Bytes());
    const auto last = static_cast<std::int64_t>(BlocksOf(*now)) - 1;
    if (last < 0) return std::pair(*std::move(now), Bytes());
    SR_TRY(auto block, LoadBlock(t, name_, row.number, last));
    return std::pair(*std::move(now), block ? *std::move(block) : Bytes());
  }));
  row = std::move(fresh.first);
  return std::move(fresh.second);
}

Status FrontEnd::OneSegment(const SegmentRow& row, const Bytes& last_block) {
  std::size_t used = 0;
  const auto header = ParseHeader(AsText(row.header), used);
  if (!header.ok() || used != row.header.size()) {
    Problem(fmt::format("the head of segment {} does not read", row.number));
    link_.reset();
    return {};
  }
  if (header->front_end != name_ || header->number != row.number || header->first_record != row.first_record)
    Problem(fmt::format("the head of segment {} is another segment's", row.number));
  if (link_ && (header->previous != link_->last || header->first_record != link_->next_record))
    Problem(
        fmt::format("segment {} does not follow segment {}: the end of that one was changed, or records between them "
                    "were removed",
                    row.number, link_->segment));
  Link at{row.number, header->first_record, HashOf(*header), header->first_record};
  std::set<ChainHash> seen{at.last};
  const std::size_t blocks = BlocksOf(row);
  std::size_t missing = 0;
  for (std::size_t block = 0; block < blocks; ++block) {
    std::optional<Bytes> packed;
    if (block + 1 < blocks) {
      SR_TRY(packed, database_.Read([&](store::Transaction& t) {
        return LoadBlock(t, name_, row.number, static_cast<std::int64_t>(block));
      }));
    } else if (!last_block.empty()) {
      packed = last_block;
    }
    if (!packed && missing++ == block && block > 0) continue;  // the first one stands for all before any that is there
    if (!packed) {
      Problem(fmt::format("segment {}: block {}, which begins with record {}, is missing", row.number, block,
                          at.next_record));
      continue;
    }
    const auto bytes = Unpacked(AsText(*packed), kMostUnpackedBlock);
    if (!bytes.ok()) {
      Problem(fmt::format("segment {}: block {}, which begins with record {}, does not read", row.number, block,
                          at.next_record));
      continue;
    }
    Groups(row, *bytes, at, seen);
  }
  if (blocks > 0 && missing == blocks) {
    Problem(fmt::format("segment {}: all its records, {} to {}, are missing", row.number, row.first_record,
                        row.first_record + row.records - 1));
    link_ = Link{row.number, row.first_record + row.records, row.last_hash, 0};
    return {};
  }
  const std::int64_t records = at.next_record - header->first_record;
  if (records != row.records)
    Problem(fmt::format("segment {} has {} records and should have {}", row.number, records, row.records));
  if (at.last != row.last_hash)
    Problem(fmt::format("segment {}: its end, {}, was edited, or records were removed from it", row.number,
                        Records(at.before, at.next_record - at.before, "")));
  const auto named = digested_.find(row.number);
  if (named != digested_.end()) {
    const DigestedSegment& told = named->second;
    if (told.records != records || told.first_record != header->first_record || told.last_hash != Hex(at.last))
      Problem(
          fmt::format("segment {} is not the one that was signed: {} records ending in {}, signed were {} ending in {}",
                      row.number, records, Hex(at.last).substr(0, 16), told.records, told.last_hash.substr(0, 16)));
  }
  link_ = at;
  return {};
}

void FrontEnd::Local(const fs::path& directory, const std::vector<std::int64_t>& numbers) {
  for (const std::int64_t number : numbers) {
    const auto content = ReadSegment(SegmentFile(directory, number));
    if (!content.ok()) {
      // Gone since: it was brought to the store meanwhile.
      if (content.error().code() != Errc::kNotFound) Problem(content.error().public_message());
      continue;
    }
    if (!content->damage.empty()) Problem(content->damage);
    const auto stored = segments_.find(number);
    if (stored != segments_.end()) {
      // What both have must be the same.
      GroupReader groups(content->groups);
      Group group;
      ChainHash last = HashOf(content->header);
      for (std::int64_t records = 0; records < stored->second.records; records += group.records) {
        if (const auto next = groups.Next(group); !next.ok() || !*next) break;
        last = group.Hash();
      }
      if (stored->second.records <= content->records && last != stored->second.last_hash)
        Problem(fmt::format("segment {} in the store is another one than on this machine's disk", number));
      // The next one on this disk follows what was written since it was looked up in the store.
      else if (const std::int64_t next = content->header.first_record + content->records;
               link_ && link_->segment == number && next > link_->next_record)
        link_ = Link{number, next, content->last, 0};
      continue;
    }
    report_.records += content->records;
    ++report_.segments;
    if (link_ && number != link_->segment + 1) {
      Gap(link_->segment + 1, number);
    } else if (link_ && content->header.previous != link_->last) {
      Problem(fmt::format("segment {} on this machine's disk does not follow segment {}", number, link_->segment));
    } else if (!link_ && number > first_kept_) {
      Gap(first_kept_, number);
    }
    link_ = Link{number, content->header.first_record + content->records, content->last, 0};
  }
}

Result<Bytes> ChooseKey(store::Database& database, const VerifyOptions& options, VerifyReport& report) {
  SR_TRY(const auto stored, database.Read([](store::Transaction& t) { return LoadDigestPublicKey(t); }));
  if (options.public_key.empty()) {
    report.notes.emplace_back(
        "The digest key is the store's own: whoever can write the store could have replaced it and every signature.");
    return stored ? *stored : Bytes();
  }
  if (stored && *stored != options.public_key)
    report.problems.emplace_back("the store has another digest key than the one that is kept here");
  return options.public_key;
}

Status ForEachInBlock(std::string_view bytes, std::int64_t start_millis, std::int64_t end_millis,
                      const std::function<Status(std::string_view json)>& take) {
  GroupReader groups(bytes);
  Group group;
  Entry entry;
  for (;;) {
    SR_TRY(const bool there, groups.Next(group));
    if (!there) return {};
    EntryReader reader(group);
    for (;;) {
      SR_TRY(const bool more, reader.Next(entry));
      if (!more) break;
      if (entry.millis < start_millis || entry.millis > end_millis) continue;
      SR_TRY(const std::string json, reader.JsonOf(entry));
      SR_CHECK(take(json));
    }
  }
}

}  // namespace

Result<VerifyReport> Verify(store::Database& database, const VerifyOptions& options) {
  VerifyReport report;
  SR_TRY(const Bytes key, ChooseKey(database, options, report));
  // The disk's list first: what leaves the disk meanwhile is in the store by then.
  std::vector<std::int64_t> numbers;
  std::string local;
  if (!options.directory.empty() && fs::exists(options.directory)) {
    SR_TRY(numbers, ListSegments(options.directory));
    for (const std::int64_t number : numbers) {
      const auto content = ReadSegment(SegmentFile(options.directory, number));
      if (content.ok()) local = content->header.front_end;
    }
    for (const auto& file : fs::directory_iterator(options.directory))
      if (file.path().extension() == ".damaged" || file.path().extension() == ".behind")
        report.notes.push_back(file.path().string() + " was put aside: the log of that start says why");
  }
  SR_TRY(auto names, database.Read([](store::Transaction& t) { return LoadFrontEnds(t); }));
  if (!local.empty() && std::ranges::find(names, local) == names.end()) names.push_back(local);
  for (const std::string& name : names) {
    ++report.front_ends;
    FrontEnd front_end(database, name, report);
    if (!key.empty()) SR_CHECK(front_end.Digests(key));
    SR_CHECK(front_end.Segments());
    if (name == local) front_end.Local(options.directory, numbers);
  }
  return report;
}

Status ForEachRecord(store::Database& database, std::int64_t start_millis, std::int64_t end_millis,
                     const std::function<Status(std::string_view json)>& take) {
  SR_TRY(const auto names, database.Read([](store::Transaction& t) { return LoadFrontEnds(t); }));
  for (const std::string& name : names) {
    SR_TRY(const auto segments, database.Read([&](store::Transaction& t) { return LoadSegments(t, name); }));
    for (const SegmentRow& segment : segments) {
      if (segment.last_millis < start_millis || segment.first_millis > end_millis) continue;
      SR_TRY(const Directory directory, ParseDirectory(segment.directory));
      for (std::size_t block = 0; block < directory.size(); ++block) {
        if (directory[block].second < start_millis || directory[block].first > end_millis) continue;
        SR_TRY(const auto packed, database.Read([&](store::Transaction& t) {
          return LoadBlock(t, name, segment.number, static_cast<std::int64_t>(block));
        }));
        if (!packed) return Error(Errc::kCorrupted, "A block is missing; `strongroom audit verify` says which.");
        SR_TRY(const std::string bytes, Unpacked(AsText(*packed), kMostUnpackedBlock));
        SR_CHECK(ForEachInBlock(bytes, start_millis, end_millis, take));
      }
    }
  }
  return {};
}

}  // namespace strongroom::trail
