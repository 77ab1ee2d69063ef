#include "archive/record_sorter.h"

#include <algorithm>
#include <cstring>

namespace strongroom::archive {
namespace {

constexpr std::size_t kLongest = std::size_t{16} << 20;
constexpr std::size_t kLengthBytes = 4;

bool Before(ByteView a, ByteView b) noexcept {
  const std::size_t common = std::min(a.size(), b.size());
  const int order = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common);
  return order != 0 ? order < 0 : a.size() < b.size();
}

}  // namespace

Status RecordSorter::Add(ByteView record) {
  if (record.size() >= kLongest) return Error(Errc::kLimitExceeded, "What is to be sorted is over 16 MiB long.");
  if (InMemory() + record.size() + sizeof(Slice) > budget_ && !slices_.empty()) SR_CHECK(Spill());
  if (in_order_ && !slices_.empty()) in_order_ = !Before(record, At(slices_.back()));
  slices_.push_back({arena_.size(), record.size()});
  Append(arena_, record);
  ++size_;
  return {};
}

void RecordSorter::SortMemory() {
  if (!in_order_)
    std::sort(slices_.begin(), slices_.end(), [this](const Slice& a, const Slice& b) { return Before(At(a), At(b)); });
  in_order_ = true;
}

/// Writes what is in memory, from shown_ on, as one more run.
Status RecordSorter::Spill() {
  SortMemory();
  if (!spool_) {
    SR_TRY(Spool spool, Spool::Make());
    spool_ = std::make_unique<Spool>(std::move(spool));
  }
  for (; shown_ < slices_.size(); ++shown_) {
    const ByteView record = At(slices_[shown_]);
    const auto length = static_cast<std::uint32_t>(record.size());
    std::uint8_t head[kLengthBytes];
    std::memcpy(head, &length, sizeof head);
    SR_CHECK(spool_->Append(head));
    SR_CHECK(spool_->Append(record));
  }
  ends_.push_back(spool_->size());
  arena_.clear();
  slices_.clear();
  shown_ = 0;
  return {};
}

Status RecordSorter::Sort() {
  if (!spool_) {
    SortMemory();
    return {};
  }
  SR_CHECK(Spill());
  return StartMerge();
}

Status RecordSorter::PackAway(std::size_t kept) {
  if (!runs_.empty() || InMemory() <= kept) return {};
  SR_CHECK(Spill());
  return StartMerge();
}

Status RecordSorter::StartMerge() {
  SR_CHECK(spool_->Flush());
  arena_ = {};
  slices_ = {};
  const std::size_t room = std::clamp(budget_ / 2 / ends_.size(), std::size_t{4} << 10, std::size_t{64} << 10);
  std::uint64_t begin = 0;
  for (const std::uint64_t end : ends_) {
    if (begin < end) runs_.push_back({SpoolCursor(*spool_, begin, end, room)});
    begin = end;
  }
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    SR_CHECK(Advance(runs_[i]));
    heap_.push_back(i);
  }
  std::make_heap(heap_.begin(), heap_.end(), [this](std::size_t a, std::size_t b) { return Later(a, b); });
  return {};
}

bool RecordSorter::Later(std::size_t a, std::size_t b) const noexcept {
  return Before(runs_[b].record, runs_[a].record);
}

/// False at the run's end.
Result<bool> RecordSorter::Advance(Run& run) {
  if (run.cursor.done()) return false;
  std::uint32_t length = 0;
  SR_TRY(const ByteView head, run.cursor.Take(kLengthBytes));
  std::memcpy(&length, head.data(), kLengthBytes);
  SR_TRY(run.record, run.cursor.Take(length));
  return true;
}

Result<std::optional<ByteView>> RecordSorter::Next() {
  if (!spool_) {
    if (shown_ == slices_.size()) return std::optional<ByteView>();
    return std::optional(At(slices_[shown_++]));
  }
  const auto later = [this](std::size_t a, std::size_t b) { return Later(a, b); };
  if (used_) {
    SR_TRY(const bool more, Advance(runs_[*used_]));
    if (more) {
      heap_.push_back(*used_);
      std::push_heap(heap_.begin(), heap_.end(), later);
    }
    used_.reset();
  }
  if (heap_.empty()) return std::optional<ByteView>();
  std::pop_heap(heap_.begin(), heap_.end(), later);
  used_ = heap_.back();
  heap_.pop_back();
  return std::optional(runs_[*used_].record);
}

}  // namespace strongroom::archive
