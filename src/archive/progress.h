#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace strongroom::archive {

enum class ProgressStyle : std::uint8_t { kNone, kBar, kLines };
/// A bar where standard error is a terminal, lines now and then elsewhere.
ProgressStyle DefaultProgressStyle() noexcept;

/// Shows on standard error how far a transfer is: bytes, rate, time left where the total is known.
/// Threads  Add and SetTotal from any; the others from one.
class Progress {
 public:
  Progress(std::string doing, ProgressStyle style);
  ~Progress();
  void Add(std::uint64_t bytes) noexcept { bytes_ += bytes; }
  void AddFile() noexcept { ++files_; }
  void SetTotal(std::uint64_t bytes) noexcept { total_ = bytes; }
  std::uint64_t bytes() const noexcept { return bytes_; }
  std::uint64_t files() const noexcept { return files_; }
  /// One line of its own, above the bar; none with kNone, as all of this.
  void Note(std::string_view line);
  /// Ends the bar; a line with the totals.
  void Done();
  double seconds() const;

 private:
  void Run(const std::stop_token& stop);
  void Draw();

  const std::string doing_;
  const ProgressStyle style_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> bytes_ = 0, files_ = 0, total_ = 0;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool drawn_ = false;
  std::jthread thread_;  // last: it ends first
};

/// "1.5 GiB", "812 B".
std::string BytesText(std::uint64_t bytes);
/// "1:02:03", "4:05", "7 s".
std::string DurationText(double seconds);
/// What the bar shows: "sent 1.0 GiB of 4.0 GiB [=====>      ] 512 MiB/s, 6 s left". `width` in characters.
std::string ProgressLine(std::string_view doing, std::uint64_t bytes, std::uint64_t total, double seconds,
                         std::size_t width);

}  // namespace strongroom::archive
