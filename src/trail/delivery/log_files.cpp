#include "trail/delivery/log_files.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "trail/segment/entry.h"

namespace strongroom::trail {
namespace {

constexpr std::string_view kBegin = R"({"Records":[)", kEnd = "]}";

std::tm Utc(std::int64_t millis) { return fmt::gmtime(static_cast<std::time_t>(millis / 1000)); }

/// A caller who is not believed may have named any Region: only what looks like one becomes part of a name.
bool IsRegion(std::string_view text) {
  constexpr std::size_t kLongest = 32;
  return !text.empty() && text.size() <= kLongest &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool IsAccount(std::string_view text) {
  constexpr std::size_t kDigits = 12;
  return text.size() == kDigits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// The 16 characters by which CloudTrail tells files of one minute apart.
std::string Unique(const SegmentRow& segment, std::string_view account, std::string_view region, unsigned part) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t kLength = 16;
  const std::string what = fmt::format("{}\n{}\n{}\n{}\n{}", segment.front_end, segment.number, account, region, part);
  const auto hash = crypto::Sha256(AsBytes(what));
  std::string unique;
  for (std::size_t i = 0; i < kLength; ++i) unique += kLetters[(hash[2 * i] << 8 | hash[2 * i + 1]) % kLetters.size()];
  return unique;
}

}  // namespace

std::string DayPath(std::int64_t millis) { return fmt::format("{:%Y/%m/%d}", Utc(millis)); }
std::string MinuteStamp(std::int64_t millis) { return fmt::format("{:%Y%m%dT%H%MZ}", Utc(millis)); }
std::string IsoTime(std::int64_t millis) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", Utc(millis)); }

Result<std::string> Gzip(std::string_view text) {
  constexpr int kGzip = 16, kMemory = 8;
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    return Error(Errc::kResourceExhausted, "There is no memory to compress a file of the audit trail.");
  std::string out(deflateBound(&stream, text.size()), '\0');
  // zlib does not write what it reads, and says so only from 1.3 on.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (ended != Z_STREAM_END) return Error(Errc::kInternal, "A file of the audit trail cannot be compressed.");
  return out;
}

LogFiles::LogFiles(const SegmentRow& segment, Home home, std::size_t file_bytes, std::size_t most_bytes, Take take)
    : segment_(segment),
      home_(std::move(home)),
      file_bytes_(file_bytes),
      most_bytes_(most_bytes),
      take_(std::move(take)) {}

Status LogFiles::Feed(std::string_view groups) {
  GroupReader reader(groups);
  Group group;
  Entry entry;
  for (;;) {
    SR_TRY(const bool there, reader.Next(group));
    if (!there) break;
    EntryReader entries(group);
    for (;;) {
      SR_TRY(const bool more, entries.Next(entry));
      if (!more) break;
      SR_TRY(const Facts facts, entries.FactsOf(entry));
      SR_TRY(const std::string json, entries.JsonOf(entry));
      SR_CHECK(Put(facts.account, facts.region, entry.millis, json));
    }
  }
  if (!reader.rest().empty()) return Error(Errc::kCorrupted, "A block of the audit trail ends within a group.");
  return {};
}

Status LogFiles::Put(std::string_view account, std::string_view region, std::int64_t millis, std::string_view json) {
  Place place{IsAccount(account) ? std::string(account) : home_.account,
              IsRegion(region) ? std::string(region) : home_.region};
  Open& open = open_[place];
  LogFile& file = open.file;
  if (file.records == 0) {
    file.json = kBegin;
    file.first_millis = file.last_millis = millis;
  } else {
    file.json += ',';
  }
  file.json += json;
  bytes_ += json.size() + 1;
  ++file.records;
  file.first_millis = std::min(file.first_millis, millis);
  file.last_millis = std::max(file.last_millis, millis);
  if (file.json.size() >= file_bytes_) return Give(place, open);
  if (bytes_ < most_bytes_) return {};
  const auto largest = std::ranges::max_element(open_, {}, [](const auto& one) { return one.second.file.json.size(); });
  return Give(largest->first, largest->second);
}

Status LogFiles::Give(const Place& place, Open& open) {
  if (open.file.records == 0) return {};
  const auto& [account, region] = place;
  LogFile file = std::exchange(open.file, {});
  bytes_ -= file.json.size() - kBegin.size() + 1;
  file.json += kEnd;
  const std::int64_t at = segment_.last_millis;
  file.object = fmt::format("AWSLogs/{0}/CloudTrail/{1}/{2}/{0}_CloudTrail_{1}_{3}_{4}.json.gz", account, region,
                            DayPath(at), MinuteStamp(at), Unique(segment_, account, region, open.part++));
  return take_(std::move(file));
}

Status LogFiles::Finish() {
  for (auto& [place, open] : open_) SR_CHECK(Give(place, open));
  return {};
}

}  // namespace strongroom::trail
