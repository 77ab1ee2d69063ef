#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "trail/keeping/rows.h"
#include "trail/record/record.h"

namespace strongroom::trail {

/// One file of records of an account and Region, as CloudTrail puts it into a bucket.
struct LogFile {
  std::string object;  // its name: "AWSLogs/…json.gz"
  std::string json;    // {"Records":[…]}, not compressed
  std::int64_t records = 0, first_millis = 0, last_millis = 0;
};

/// Makes the files of one segment out of its blocks.
///
/// Promise   the same segment makes the same files with the same names each time.
/// Memory    at most `most_bytes` of JSON, and one record more.
class LogFiles {
 public:
  using Take = std::function<Status(LogFile file)>;
  LogFiles(const SegmentRow& segment, Home home, std::size_t file_bytes, std::size_t most_bytes, Take take);

  /// The groups of one block, in their order. Errors: kCorrupted; those of `take`.
  Status Feed(std::string_view groups);
  /// What is left. Errors: those of `take`.
  Status Finish();

 private:
  struct Open {
    LogFile file;
    unsigned part = 0;
  };
  using Place = std::pair<std::string, std::string>;  // account and Region
  Status Put(std::string_view account, std::string_view region, std::int64_t millis, std::string_view json);
  Status Give(const Place& place, Open& open);

  const SegmentRow& segment_;
  Home home_;
  std::size_t file_bytes_, most_bytes_, bytes_ = 0;
  Take take_;
  std::map<Place, Open> open_;
};

/// "2026/11/22", "20261122T2130Z", "2026-11-22T21:30:05Z" in UTC.
std::string DayPath(std::int64_t millis);
std::string MinuteStamp(std::int64_t millis);
std::string IsoTime(std::int64_t millis);
/// gzip without a name or time, so that the same text gives the same bytes.
Result<std::string> Gzip(std::string_view text);

}  // namespace strongroom::trail
