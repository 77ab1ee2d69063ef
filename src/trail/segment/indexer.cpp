#include "trail/segment/indexer.h"

#include <algorithm>

#include "trail/segment/entry.h"

namespace strongroom::trail {
namespace {

/// Whatever a name holds, the store takes the rows: what no rule of AWS's lets into one is not looked up.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string_view YesOrNo(bool yes) { return yes ? "true" : "false"; }

}  // namespace

bool Matches(const Facts& facts, std::string_view attribute, std::string_view value) {
  if (attribute.empty()) return true;
  if (attribute == "EventName") return facts.name == value;
  if (attribute == "EventSource") return facts.source == value;
  if (attribute == "ReadOnly") return YesOrNo(facts.read_only) == value;
  if (attribute == "Username") return facts.user == value;
  if (attribute == "AccessKeyId") return facts.access_key == value;
  return std::ranges::any_of(facts.resources, [&](const Facts::Resource& one) {
    return attribute == "ResourceType" ? one.type == value : attribute == "ResourceName" && one.name == value;
  });
}

bool HasBlock(ByteView bits, std::size_t block) noexcept {
  return block / 8 < bits.size() && (bits[block / 8] >> (block % 8) & 1) != 0;
}

Indexer::Indexer(SegmentHeader header) : header_(std::move(header)), last_(HashOf(header_)) {}

Status Indexer::Feed(std::string_view groups) {
  GroupReader reader(groups);
  Group group;
  std::string_view newest;
  for (;;) {
    SR_TRY(const bool there, reader.Next(group));
    if (!there) break;
    if (open_.empty()) directory_.emplace_back(group.millis, group.millis);
    SR_CHECK(Note(group));
    open_ += group.bytes;
    newest = group.bytes;
    records_ += group.records;
    changed_ = true;
    if (open_.size() >= kBlockBytes) CloseBlock();
  }
  // The writer has hashed the others.
  if (!newest.empty()) last_ = crypto::Sha256(AsBytes(newest));
  if (!reader.rest().empty()) return Error(Errc::kCorrupted, "Entries of the audit trail are cut off.");
  return {};
}

/// What is found by what in a group. Most records are found by the same as others, so that is sorted out by numbers.
Status Indexer::Note(const Group& group) {
  EntryReader reader(group);
  Entry entry;
  seen_.clear();
  span_ = {group.millis, group.millis};
  for (;;) {
    const auto there = reader.Next(entry);
    if (!there.ok() || !*there) break;  // a damaged record is kept and verified, but not found
    span_.first = std::min(span_.first, entry.millis);
    span_.second = std::max(span_.second, entry.millis);
    const std::array<std::uint32_t, 3> alone{entry.facts + 1, 0, 0};
    if (entry.resources.empty() && (seen_.empty() || seen_.back() != alone)) seen_.push_back(alone);
    for (const auto& [type, name] : entry.resources) {
      const std::array<std::uint32_t, 3> one{entry.facts + 1, type + 1, name + 1};
      if (seen_.empty() || seen_.back() != one) seen_.push_back(one);
    }
  }
  auto& [first, last] = directory_.back();
  first = std::min(first, span_.first);
  last = std::max(last, span_.second);
  std::ranges::sort(seen_);
  const auto repeated = std::ranges::unique(seen_);
  seen_.erase(repeated.begin(), repeated.end());
  std::uint32_t known = 0;
  Facts facts;
  for (const auto& [number, type, name] : seen_) {
    if (number != known) {
      auto parsed = ParseFacts(reader.Text(number - 1));
      if (!parsed.ok()) continue;
      known = number;
      facts = std::move(*parsed);
      NoteKey(facts, "", "");
      NoteKey(facts, "EventName", facts.name);
      NoteKey(facts, "EventSource", facts.source);
      NoteKey(facts, "ReadOnly", YesOrNo(facts.read_only));
      NoteKey(facts, "Username", facts.user);
      NoteKey(facts, "AccessKeyId", facts.access_key);
    }
    if (type == 0) continue;
    NoteKey(facts, "ResourceType", reader.Text(type - 1));
    NoteKey(facts, "ResourceName", reader.Text(name - 1).substr(0, kLongestFact));
  }
  return {};
}

void Indexer::NoteKey(const Facts& facts, std::string_view attribute, std::string_view value) {
  if (!attribute.empty() && (value.empty() || !IsPlain(value))) return;
  const Key key{facts.account, facts.region, attribute, value};
  auto at = index_.find(key);
  if (at == index_.end()) {
    at = index_
             .emplace(IndexKey{std::string(facts.account), std::string(facts.region), std::string(attribute),
                               std::string(value)},
                      Value{span_.first, span_.second, {}, false})
             .first;
  }
  Value& found = at->second;
  found.first = std::min(found.first, span_.first);
  found.last = std::max(found.last, span_.second);
  const std::size_t block = directory_.size() - 1;
  if (found.blocks.size() <= block / 8) found.blocks.resize(block / 8 + 1);
  found.blocks[block / 8] = static_cast<std::uint8_t>(found.blocks[block / 8] | 1U << (block % 8));
  if (std::exchange(found.changed, true)) return;
  if (attribute == "ResourceName") {
    waiting_.push_back(at);
  } else {
    changed_rows_.push_back(at);
  }
}

void Indexer::CloseBlock() {
  closed_.push_back({static_cast<std::int64_t>(directory_.size()) - 1, Packed(open_)});
  open_.clear();
}

Indexer::Changes Indexer::Take(std::size_t most_names) {
  Changes changes;
  if (!open_.empty()) closed_.push_back({static_cast<std::int64_t>(directory_.size()) - 1, Packed(open_)});
  changes.blocks = std::move(closed_);
  closed_.clear();
  const auto take = [&](Index::iterator at) {
    auto& [key, value] = *at;
    value.changed = false;
    changes.index.push_back({key.account, key.region, key.attribute, key.value, header_.front_end, header_.number,
                             value.first, value.last, value.blocks});
  };
  std::ranges::for_each(changed_rows_, take);
  changed_rows_.clear();
  for (; most_names > 0 && !waiting_.empty(); --most_names) {
    take(waiting_.front());
    waiting_.pop_front();
  }
  std::int64_t first = header_.opened_millis, last = header_.opened_millis;
  if (!directory_.empty()) {
    first = std::ranges::min(directory_, {}, &Directory::value_type::first).first;
    last = std::ranges::max(directory_, {}, &Directory::value_type::second).second;
  }
  changes.segment = {.front_end = header_.front_end,
                     .number = header_.number,
                     .header = ToBytes(AsBytes(Encode(header_))),
                     .first_record = header_.first_record,
                     .records = records_,
                     .first_millis = first,
                     .last_millis = last,
                     .last_hash = last_,
                     .closed = false,
                     .directory = Encode(directory_)};
  changed_ = false;
  return changes;
}

}  // namespace strongroom::trail
