#include "trail/lookup.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>

#include "crypto/hash.h"
#include "trail/segment/indexer.h"

namespace strongroom::trail {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;
/// How much later than its id says an event may be in the chain.
constexpr std::int64_t kLateMillis = 5000;

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

struct Query {
  const LookupQuery& asked;
  std::int64_t start, end;
  std::optional<Place> before;  // only what comes after this place on later pages
};

/// The matching records of one segment, newest first; blocks are read when they are needed.
class Source {
 public:
  explicit Source(IndexRow row)
      : row_(std::move(row)),
        bound_{row_.last_millis, row_.front_end, row_.number, std::numeric_limits<std::int64_t>::max(), 0} {}

  /// Where the next record is, or may be at most while that is not known.
  const Place& bound() const { return bound_; }
  bool known() const { return known_; }
  const Entry& entry() const { return matches_.back().second; }

  /// Goes on to the next record. False when there are no more.
  Result<bool> Advance(store::Transaction& t, const Query& query) {
    if (known_) matches_.pop_back();
    known_ = false;
    while (matches_.empty()) {
      SR_TRY(const bool more, ReadBlock(t, query));
      if (!more) return false;
    }
    known_ = true;
    bound_ = matches_.back().first;
    return true;
  }

 private:
  Result<bool> ReadBlock(store::Transaction& t, const Query& query) {
    if (!directory_) {
      SR_TRY(const auto segment, LoadSegment(t, row_.front_end, row_.number));
      if (!segment) return false;
      SR_TRY(directory_, ParseDirectory(segment->directory));
      next_ = static_cast<std::int64_t>(directory_->size()) - 1;
    }
    for (; next_ >= 0; --next_) {
      const auto [first, last] = (*directory_)[static_cast<std::size_t>(next_)];
      if (last < query.start) return false;
      if (first > query.end || !HasBlock(row_.blocks, static_cast<std::size_t>(next_))) continue;
      SR_TRY(const auto packed, LoadBlock(t, row_.front_end, row_.number, next_));
      if (!packed) continue;
      SR_TRY(unpacked_, Unpacked(AsText(*packed), kMostUnpackedBlock));
      SR_CHECK(Choose(query));
      --next_;
      return true;
    }
    return false;
  }

  Status Choose(const Query& query) {
    EntryReader reader(unpacked_);
    Entry entry;
    for (std::int64_t index = 0;; ++index) {
      SR_TRY(const bool there, reader.Next(entry));
      if (!there) return {};
      if (entry.millis < query.start || entry.millis > query.end) continue;
      const auto facts = ParseFacts(entry.facts);
      if (!facts.ok() || facts->account != query.asked.account || facts->region != query.asked.region ||
          !Matches(*facts, query.asked.attribute, query.asked.value))
        continue;
      Place place{entry.millis, row_.front_end, row_.number, next_, index};
      if (query.before && !(place < *query.before)) continue;
      matches_.emplace_back(std::move(place), entry);
    }
  }

  IndexRow row_;
  std::optional<Directory> directory_;
  std::int64_t next_ = 0;
  std::string unpacked_;                          // the open block; matches point into it
  std::vector<std::pair<Place, Entry>> matches_;  // oldest first
  Place bound_;
  bool known_ = false;
};

LookupEvent EventOf(const Entry& entry) {
  LookupEvent event{.millis = entry.millis, .json = std::string(entry.json)};
  if (const auto facts = ParseFacts(entry.facts); facts.ok()) {
    event.read_only = facts->read_only;
    event.name = facts->name;
    event.source = facts->source;
    event.user = facts->user;
    event.access_key = facts->access_key;
    for (const Facts::Resource& one : facts->resources) event.resources.emplace_back(one.type, one.name);
  }
  return event;
}

/// The one event of that id: its time says in which blocks it can be.
Result<LookupPage> LookupId(store::Transaction& t, const LookupQuery& query) {
  LookupPage page;
  const auto millis = MillisOfEventId(query.value);
  if (!millis) return page;
  const IndexQuery where{query.account,
                         query.region,
                         "",
                         "",
                         std::max(*millis, query.start_millis),
                         std::min(*millis + kLateMillis, query.end_millis)};
  // Oldest first: the event is in the first block that its time allows, if not just behind it.
  struct Candidate {
    std::int64_t first = 0;
    std::string front_end;
    std::int64_t number = 0, block = 0;
  };
  std::vector<Candidate> candidates;
  for (std::int64_t skip = 0;; skip += kRowsAtOnce) {
    SR_TRY(const auto rows, FindIndex(t, where, kRowsAtOnce, skip));
    for (const IndexRow& row : rows) {
      SR_TRY(const auto segment, LoadSegment(t, row.front_end, row.number));
      if (!segment) continue;
      SR_TRY(const Directory directory, ParseDirectory(segment->directory));
      for (std::size_t block = 0; block < directory.size(); ++block) {
        const auto [first, last] = directory[block];
        if (last < where.start_millis || first > where.end_millis || !HasBlock(row.blocks, block)) continue;
        candidates.push_back({first, row.front_end, row.number, static_cast<std::int64_t>(block)});
      }
    }
    if (std::ssize(rows) < kRowsAtOnce) break;
  }
  std::ranges::sort(candidates, {}, &Candidate::first);
  for (const Candidate& candidate : candidates) {
    SR_TRY(const auto packed, LoadBlock(t, candidate.front_end, candidate.number, candidate.block));
    if (!packed) continue;
    SR_TRY(const std::string unpacked, Unpacked(AsText(*packed), kMostUnpackedBlock));
    if (unpacked.find(query.value) == std::string::npos) continue;
    EntryReader reader(unpacked);
    Entry entry;
    for (;;) {
      SR_TRY(const bool there, reader.Next(entry));
      if (!there) break;
      const auto facts = ParseFacts(entry.facts);
      const bool ours = facts.ok() && facts->account == query.account && facts->region == query.region;
      if (!ours || EventIdIn(entry.json) != query.value || entry.millis < where.start_millis ||
          entry.millis > where.end_millis)
        continue;
      page.events.push_back(EventOf(entry));
      return page;
    }
  }
  return page;
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
      page.events.push_back(EventOf(source.entry()));
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
