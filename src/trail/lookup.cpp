#include "trail/lookup.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>

#include "crypto/hash.h"
#include "trail/segment/entry.h"
#include "trail/segment/indexer.h"

namespace strongroom::trail {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;
/// Where a record is. The order of pages: newest first, then by place.
struct Place {
  std::int64_t millis = 0;
  std::string front_end;
  std::int64_t number = 0, block = 0, index = 0;

  auto Key() const { return std::tie(millis, front_end, number, block, index); }
  bool operator<(const Place& other) const { return Key() < other.Key(); }
};

std::string QueryHash(const LookupQuery& query) {
  std::string text = query.account + '|' + query.region + '|' + query.attribute + '|' + query.value + '|' +
                     std::to_string(query.start_millis) + '|' + std::to_string(query.end_millis);
  return Hex(crypto::Sha256(AsBytes(text))).substr(0, 32);
}

std::string TokenOf(const LookupQuery& query, const Place& last) {
  std::string text = "1|" + QueryHash(query);
  for (const std::int64_t number : {last.millis, last.number, last.block, last.index})
    text += '|' + std::to_string(number);
  text += '|' + last.front_end;
  return Base64(AsBytes(text));
}

Result<Place> ParseToken(const LookupQuery& query) {
  const Error wrong(Errc::kInvalidMarker, "The token is not valid, or the request's other parameters have changed.");
  if (query.token.size() > 1024) return wrong;
  const auto bytes = FromBase64(query.token);
  if (!bytes.ok()) return wrong;
  std::string_view text = AsText(*bytes);
  const std::string beginning = "1|" + QueryHash(query) + "|";
  if (!text.starts_with(beginning)) return wrong;
  text.remove_prefix(beginning.size());
  Place place;
  for (std::int64_t* number : {&place.millis, &place.number, &place.block, &place.index}) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *number);
    const auto used = static_cast<std::size_t>(parsed.ptr - text.data());
    if (parsed.ec != std::errc() || used >= text.size() || text[used] != '|') return wrong;
    text.remove_prefix(used + 1);
  }
  place.front_end = text;
  return place;
}

LookupEvent EventOf(const Facts& facts, std::int64_t millis, std::string json) {
  LookupEvent event{.millis = millis, .json = std::move(json)};
  event.read_only = facts.read_only;
  event.name = facts.name;
  event.source = facts.source;
  event.user = facts.user;
  event.access_key = facts.access_key;
  for (const Facts::Resource& one : facts.resources) event.resources.emplace_back(one.type, one.name);
  return event;
}

struct Query {
  const LookupQuery& asked;
  std::int64_t start, end;
  std::optional<Place> before;  // only what comes after this place on later pages
};

/// The matching records of one segment, newest first; blocks are read when they are needed. What several threads have
/// written at once is not quite in the order of time: a block's first records may be older than the end of the one
/// before.
class Source {
 public:
  explicit Source(IndexRow row)
      : row_(std::move(row)),
        bound_{row_.last_millis, row_.front_end, row_.number, std::numeric_limits<std::int64_t>::max(), 0} {}

  /// Where the next record is, or may be at most while that is not known.
  const Place& bound() const { return bound_; }
  bool known() const { return known_; }
  Result<LookupEvent> Event() const { return matches_.back().Read(); }

  /// Goes on to the next record. False when there are no more.
  Result<bool> Advance(store::Transaction& t, const Query& query) {
    if (known_) matches_.pop_back();
    known_ = false;
    while (matches_.empty() || !IsNewest(matches_.back().place)) {
      SR_TRY(const bool more, ReadBlock(t, query));
      if (!more) break;
    }
    if (matches_.empty()) return false;
    known_ = true;
    bound_ = matches_.back().place;
    return true;
  }

 private:
  struct Match {
    Place place;
    std::shared_ptr<const std::string> block;
    std::size_t group = 0;   // where in the block it begins
    std::int64_t entry = 0;  // of the group

    Result<LookupEvent> Read() const;
  };

  /// No block that has not been read has a newer one.
  bool IsNewest(const Place& place) const {
    return next_ < 0 || place.millis >= newest_[static_cast<std::size_t>(next_)];
  }

  Result<bool> ReadBlock(store::Transaction& t, const Query& query) {
    if (!directory_) {
      SR_TRY(const auto segment, LoadSegment(t, row_.front_end, row_.number));
      if (!segment) return false;
      SR_TRY(directory_, ParseDirectory(segment->directory));
      std::int64_t newest = std::numeric_limits<std::int64_t>::min();
      for (const auto& [first, last] : *directory_) newest_.push_back(newest = std::max(newest, last));
      next_ = static_cast<std::int64_t>(directory_->size()) - 1;
    }
    for (; next_ >= 0; --next_) {
      const auto block = static_cast<std::size_t>(next_);
      if (newest_[block] < query.start) break;
      const auto [first, last] = (*directory_)[block];
      if (last < query.start || first > query.end || !HasBlock(row_.blocks, block)) continue;
      SR_TRY(const auto packed, LoadBlock(t, row_.front_end, row_.number, next_));
      if (!packed) continue;
      SR_TRY(std::string unpacked, Unpacked(AsText(*packed), kMostUnpackedBlock));
      SR_CHECK(Choose(std::make_shared<const std::string>(std::move(unpacked)), query));
      --next_;
      return true;
    }
    next_ = -1;
    return false;
  }

  Status Choose(std::shared_ptr<const std::string> block, const Query& query) {
    GroupReader groups(*block);
    Group group;
    Entry entry;
    for (std::int64_t index = 0;;) {
      SR_TRY(const bool there, groups.Next(group));
      if (!there) break;
      EntryReader reader(group);
      std::vector<signed char>
          of_query;  // whether the facts of that number are those that are asked for; -1: not known
      for (std::int64_t number = 0;; ++number, ++index) {
        SR_TRY(const bool more, reader.Next(entry));
        if (!more) break;
        if (entry.millis < query.start || entry.millis > query.end) continue;
        if (of_query.size() <= entry.facts) of_query.resize(entry.facts + 1, -1);
        signed char& known = of_query[entry.facts];
        if (known < 0) known = IsOf(reader.Text(entry.facts), query) ? 1 : 0;
        if (known == 0 || !HasResource(reader, entry, query)) continue;
        Place place{entry.millis, row_.front_end, row_.number, next_, index};
        if (query.before && !(place < *query.before)) continue;
        matches_.push_back(
            {std::move(place), block, static_cast<std::size_t>(group.bytes.data() - block->data()), number});
      }
    }
    std::ranges::sort(matches_, {}, [](const Match& one) { return one.place.Key(); });
    return {};
  }

  static bool IsOf(std::string_view encoded, const Query& query) {
    const auto facts = ParseFacts(encoded);
    return facts.ok() && facts->account == query.asked.account && facts->region == query.asked.region &&
           (IsOfResources(query.asked.attribute) || Matches(*facts, query.asked.attribute, query.asked.value));
  }
  static bool IsOfResources(std::string_view attribute) {
    return attribute == "ResourceType" || attribute == "ResourceName";
  }
  static bool HasResource(const EntryReader& reader, const Entry& entry, const Query& query) {
    if (!IsOfResources(query.asked.attribute)) return true;
    const bool by_type = query.asked.attribute == "ResourceType";
    return std::ranges::any_of(entry.resources, [&](const auto& one) {
      return reader.Text(by_type ? one.first : one.second).substr(0, kLongestFact) == query.asked.value;
    });
  }

  IndexRow row_;
  std::optional<Directory> directory_;
  std::vector<std::int64_t> newest_;  // of each block and those before it
  std::int64_t next_ = 0;
  std::vector<Match> matches_;  // oldest first
  Place bound_;
  bool known_ = false;
};

Result<LookupEvent> Source::Match::Read() const {
  const Error gone(Errc::kCorrupted, "A record of the audit trail does not read.");
  GroupReader groups(std::string_view(*block).substr(group));
  Group its;
  SR_TRY(const bool there, groups.Next(its));
  if (!there) return gone;
  EntryReader reader(its);
  Entry found;
  for (std::int64_t number = 0; number <= entry; ++number) {
    SR_TRY(const bool more, reader.Next(found));
    if (!more) return gone;
  }
  SR_TRY(const Facts facts, reader.FactsOf(found));
  SR_TRY(std::string json, reader.JsonOf(found));
  return EventOf(facts, found.millis, std::move(json));
}

Result<std::optional<LookupEvent>> FindId(std::string_view block, std::int64_t millis, const LookupQuery& query) {
  GroupReader groups(block);
  Group group;
  Entry entry;
  for (;;) {
    SR_TRY(const bool there, groups.Next(group));
    if (!there) return std::optional<LookupEvent>();
    EntryReader reader(group);
    for (;;) {
      SR_TRY(const bool more, reader.Next(entry));
      if (!more) break;
      if (entry.millis != millis) continue;
      SR_TRY(const Facts facts, reader.FactsOf(entry));
      if (facts.account != query.account || facts.region != query.region) continue;
      SR_TRY(std::string json, reader.JsonOf(entry));
      if (EventIdIn(json) == query.value) return std::optional(EventOf(facts, millis, std::move(json)));
    }
  }
}

/// The one event of that id: its time says in which blocks it can be.
Result<LookupPage> LookupId(store::Transaction& t, const LookupQuery& query) {
  LookupPage page;
  const auto millis = MillisOfEventId(query.value);
  if (!millis) return page;
  const IndexQuery where{
      query.account, query.region, "", "", std::max(*millis, query.start_millis), std::min(*millis, query.end_millis)};
  if (where.start_millis > where.end_millis) return page;
  for (std::int64_t skip = 0;; skip += kRowsAtOnce) {
    SR_TRY(const auto rows, FindIndex(t, where, kRowsAtOnce, skip));
    for (const IndexRow& row : rows) {
      SR_TRY(const auto segment, LoadSegment(t, row.front_end, row.number));
      if (!segment) continue;
      SR_TRY(const Directory directory, ParseDirectory(segment->directory));
      for (std::size_t block = 0; block < directory.size(); ++block) {
        const auto [first, last] = directory[block];
        if (last < where.start_millis || first > where.end_millis || !HasBlock(row.blocks, block)) continue;
        SR_TRY(const auto packed, LoadBlock(t, row.front_end, row.number, static_cast<std::int64_t>(block)));
        if (!packed) continue;
        SR_TRY(const std::string unpacked, Unpacked(AsText(*packed), kMostUnpackedBlock));
        SR_TRY(auto found, FindId(unpacked, *millis, query));
        if (!found) continue;
        page.events.push_back(std::move(*found));
        return page;
      }
    }
    if (std::ssize(rows) < kRowsAtOnce) return page;
  }
}

}  // namespace

Result<LookupPage> Lookup(store::Transaction& t, const LookupQuery& query) {
  if (query.attribute == "EventId") return LookupId(t, query);
  Query now{query, query.start_millis, query.end_millis, {}};
  if (!query.token.empty()) {
    SR_TRY(now.before, ParseToken(query));
    now.end = std::min(now.end, now.before->millis);
  }
  LookupPage page;
  // The source whose next record is the newest is on top. Sources come in the order of their newest record, so that
  // those whose turn is not yet need not even be read from the index.
  std::vector<std::unique_ptr<Source>> heap;
  const auto older = [](const auto& a, const auto& b) { return a->bound() < b->bound(); };
  std::int64_t skip = 0, unread_bound = now.end;
  bool all_read = false;
  Place last;
  while (page.events.size() <= query.most) {
    while (!all_read && (heap.empty() || heap.front()->bound().millis <= unread_bound)) {
      SR_TRY(auto rows, FindIndex(t, {query.account, query.region, query.attribute, query.value, now.start, now.end},
                                  kRowsAtOnce, skip));
      skip += std::ssize(rows);
      all_read = std::ssize(rows) < kRowsAtOnce;
      if (!rows.empty()) unread_bound = rows.back().last_millis;
      for (IndexRow& row : rows) {
        heap.push_back(std::make_unique<Source>(std::move(row)));
        std::ranges::push_heap(heap, older);
      }
    }
    if (heap.empty()) break;
    std::ranges::pop_heap(heap, older);
    Source& source = *heap.back();
    if (source.known()) {
      // One more than wanted tells that there is another page.
      if (page.events.size() == query.most) {
        page.next_token = TokenOf(query, last);
        break;
      }
      SR_TRY(LookupEvent event, source.Event());
      page.events.push_back(std::move(event));
      last = source.bound();
    }
    SR_TRY(const bool more, source.Advance(t, now));
    if (more) {
      std::ranges::push_heap(heap, older);
    } else {
      heap.pop_back();
    }
  }
  return page;
}

}  // namespace strongroom::trail
