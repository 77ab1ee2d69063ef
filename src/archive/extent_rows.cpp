#include "archive/extent_rows.h"

#include <queue>

namespace strongroom::archive {
namespace {

constexpr std::size_t kRowBytes = sizeof(ExtentRow);
constexpr std::uint64_t kRunRows = std::uint64_t{1} << 20;
static_assert(kRowBytes == 40);

bool Before(const ExtentRow& a, const ExtentRow& b) noexcept {
  return std::tie(a.object, a.object_offset, a.entry, a.file_offset) <
         std::tie(b.object, b.object_offset, b.entry, b.file_offset);
}

ByteView BytesOf(const ExtentRow* rows, std::size_t count) {
  return {reinterpret_cast<const std::uint8_t*>(rows), count * kRowBytes};
}

Result<ExtentRow> Next(SpoolCursor& cursor) {
  SR_TRY(const ByteView bytes, cursor.Take(kRowBytes));
  ExtentRow row;
  std::memcpy(&row, bytes.data(), kRowBytes);
  return row;
}

}  // namespace

Result<ExtentRows> ExtentRows::Make() {
  ExtentRows rows;
  SR_TRY(Spool spool, Spool::Make());
  rows.rows_ = std::make_unique<Spool>(std::move(spool));
  return rows;
}

Status ExtentRows::Add(const ExtentRow& row) {
  if (last_ && Before(row, *last_)) in_order_ = false;
  last_ = row;
  ++count_;
  const auto appended = rows_->Append(BytesOf(&row, 1));
  if (!appended.ok()) return appended.error();
  return {};
}

Status ExtentRows::SortRuns() {
  SR_TRY(Spool sorted, Spool::Make());
  SpoolCursor cursor(*rows_, 0, rows_->size());
  std::vector<ExtentRow> run;
  for (std::uint64_t done = 0; done < count_;) {
    run.clear();
    for (; run.size() < kRunRows && done < count_; ++done) {
      SR_TRY(const ExtentRow row, Next(cursor));
      run.push_back(row);
    }
    std::sort(run.begin(), run.end(), Before);
    SR_CHECK(sorted.Append(BytesOf(run.data(), run.size())));
  }
  SR_CHECK(sorted.Flush());
  *rows_ = std::move(sorted);
  return {};
}

Status ExtentRows::MergeRuns() {
  if (count_ <= kRunRows) return {};
  SR_TRY(Spool merged, Spool::Make());
  struct Run {
    SpoolCursor cursor;
    ExtentRow row;
  };
  std::vector<Run> runs;
  for (std::uint64_t begin = 0; begin < count_; begin += kRunRows) {
    const std::uint64_t end = std::min(count_, begin + kRunRows);
    SpoolCursor cursor(*rows_, begin * kRowBytes, end * kRowBytes, 64 << 10);
    SR_TRY(const ExtentRow first, Next(cursor));
    runs.push_back({std::move(cursor), first});
  }
  const auto later = [&](std::size_t a, std::size_t b) { return Before(runs[b].row, runs[a].row); };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> queue(later);
  for (std::size_t i = 0; i < runs.size(); ++i) queue.push(i);
  while (!queue.empty()) {
    const std::size_t first = queue.top();
    queue.pop();
    SR_CHECK(merged.Append(BytesOf(&runs[first].row, 1)));
    if (runs[first].cursor.done()) continue;
    SR_TRY(runs[first].row, Next(runs[first].cursor));
    queue.push(first);
  }
  SR_CHECK(merged.Flush());
  *rows_ = std::move(merged);
  return {};
}

Status ExtentRows::Sort() {
  SR_CHECK(rows_->Flush());
  if (!in_order_) {
    SR_CHECK(SortRuns());
    SR_CHECK(MergeRuns());
  }
  SpoolCursor cursor(*rows_, 0, rows_->size());
  for (std::uint64_t i = 0; i < count_; ++i) {
    SR_TRY(const ExtentRow row, Next(cursor));
    if (groups_.empty() || groups_.back().object != row.object) groups_.push_back({row.object, i, i});
    groups_.back().end = i + 1;
  }
  return {};
}

Status ExtentRows::ForEach(const Group& group, const std::function<Status(const ExtentRow&)>& visit) const {
  SpoolCursor cursor(*rows_, group.begin * kRowBytes, group.end * kRowBytes, 64 << 10);
  for (std::uint64_t i = group.begin; i < group.end; ++i) {
    SR_TRY(const ExtentRow row, Next(cursor));
    SR_CHECK(visit(row));
  }
  return {};
}

}  // namespace strongroom::archive
