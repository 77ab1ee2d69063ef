#include "trail/segment/indexer.h"

#include <algorithm>

namespace strongroom::trail {
namespace {

/// Whatever a name holds, the store takes the rows: what no rule of AWS's lets into one is not looked up.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string_view YesOrNo(bool yes) { return yes ? "true" : "false"; }

}  // namespace

std::vector<IndexKey> KeysOf(const Facts& facts) {
  std::vector<IndexKey> keys;
  const auto put = [&](std::string_view attribute, std::string_view value) {
    if (attribute.empty() || (!value.empty() && IsPlain(value)))
      keys.push_back(
          {std::string(facts.account), std::string(facts.region), std::string(attribute), std::string(value)});
  };
  put("", "");
  put("EventName", facts.name);
  put("EventSource", facts.source);
  put("ReadOnly", YesOrNo(facts.read_only));
  put("Username", facts.user);
  put("AccessKeyId", facts.access_key);
  for (const Facts::Resource& resource : facts.resources) {
    put("ResourceType", resource.type);
    put("ResourceName", resource.name);
  }
  return keys;
}

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

Status Indexer::Feed(std::string_view entries) {
  EntryReader reader(entries);
  Entry entry;
  std::string_view newest;
  for (;;) {
    SR_TRY(const bool there, reader.Next(entry));
    if (!there) break;
    if (open_.empty()) directory_.emplace_back(entry.millis, entry.millis);
    directory_.back().second = std::max(directory_.back().second, entry.millis);
    open_ += entry.bytes;
    newest = entry.bytes;
    ++records_;
    changed_ = true;
    // Calls like the one before are the rule.
    if (entry.facts != last_facts_) {
      last_facts_ = entry.facts;
      if (!open_facts_.contains(entry.facts)) open_facts_.emplace(entry.facts);
    } else if (open_facts_.empty()) {
      open_facts_.emplace(entry.facts);
    }
    if (open_.size() >= kBlockBytes) CloseBlock();
  }
  // The writer has hashed the others.
  if (!newest.empty()) last_ = crypto::Sha256(AsBytes(newest));
  if (!reader.rest().empty()) return Error(Errc::kCorrupted, "Entries of the audit trail are cut off.");
  return {};
}

void Indexer::NoteBlock() {
  const std::size_t block = directory_.size() - 1;
  for (const std::string& encoded : open_facts_) {
    const auto facts = ParseFacts(encoded);
    if (!facts.ok()) continue;  // of a damaged record: it is kept and verified, but not found by these
    for (IndexKey& key : KeysOf(*facts)) {
      Value& value = index_[std::move(key)];
      if (value.blocks.empty()) value.first = directory_[block].first;
      value.last = std::max(value.last, directory_[block].second);
      if (value.blocks.size() <= block / 8) value.blocks.resize(block / 8 + 1);
      value.blocks[block / 8] = static_cast<std::uint8_t>(value.blocks[block / 8] | 1U << (block % 8));
      value.changed = true;
    }
  }
}

void Indexer::CloseBlock() {
  NoteBlock();
  closed_.push_back({static_cast<std::int64_t>(directory_.size()) - 1, Packed(open_)});
  open_.clear();
  open_facts_.clear();
}

Indexer::Changes Indexer::Take() {
  Changes changes;
  if (!open_.empty()) {
    NoteBlock();
    closed_.push_back({static_cast<std::int64_t>(directory_.size()) - 1, Packed(open_)});
  }
  changes.blocks = std::move(closed_);
  closed_.clear();
  for (auto& [key, value] : index_) {
    if (!std::exchange(value.changed, false)) continue;
    changes.index.push_back({key.account, key.region, key.attribute, key.value, header_.front_end, header_.number,
                             value.first, value.last, value.blocks});
  }
  changes.segment = {.front_end = header_.front_end,
                     .number = header_.number,
                     .header = ToBytes(AsBytes(Encode(header_))),
                     .first_record = header_.first_record,
                     .records = records_,
                     .first_millis = directory_.empty() ? header_.opened_millis : directory_.front().first,
                     .last_millis = directory_.empty() ? header_.opened_millis : directory_.back().second,
                     .last_hash = last_,
                     .closed = false,
                     .directory = Encode(directory_)};
  changed_ = false;
  return changes;
}

}  // namespace strongroom::trail
