#include "archive/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace strongroom::archive {
namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::seconds(30);

std::size_t Width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ProgressStyle DefaultProgressStyle() noexcept {
  return ::isatty(STDERR_FILENO) == 1 ? ProgressStyle::kBar : ProgressStyle::kLines;
}

std::string BytesText(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, value < 10 ? 1 : 0, kUnits[unit]);
}

std::string DurationText(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string ProgressLine(std::string_view doing, std::uint64_t bytes, std::uint64_t total, double seconds,
                         std::size_t width) {
  const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  const std::string speed = BytesText(static_cast<std::uint64_t>(rate)) + "/s";
  if (total == 0 || bytes > total) return fmt::format("{} {}, {}", doing, BytesText(bytes), speed);
  const std::string before = fmt::format("{} {} of {} [", doing, BytesText(bytes), BytesText(total));
  const std::string left = rate > 0 ? DurationText(static_cast<double>(total - bytes) / rate) + " left" : "";
  const std::string after = fmt::format("] {}{}{}", speed, left.empty() ? "" : ", ", left);
  const std::size_t taken = before.size() + after.size() + 1;
  const std::size_t room = width > taken + 5 ? std::min<std::size_t>(width - taken, 40) : 5;
  const auto filled =
      static_cast<std::size_t>(static_cast<double>(room) * static_cast<double>(bytes) / static_cast<double>(total));
  std::string bar(std::min(filled, room), '=');
  if (bar.size() < room) bar += '>';
  bar.resize(room, ' ');
  return before + bar + after;
}

Progress::Progress(std::string doing, ProgressStyle style) : doing_(std::move(doing)), style_(style) {
  if (style_ != ProgressStyle::kNone) thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

Progress::~Progress() = default;

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void Progress::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (style_ == ProgressStyle::kBar)
      wake_.wait_for(lock, stop, kBarInterval, [] { return false; });
    else
      wake_.wait_for(lock, stop, kLineInterval, [] { return false; });
    if (!stop.stop_requested()) Draw();
  }
}

void Progress::Draw() {
  if (style_ == ProgressStyle::kBar) {
    const std::string line = ProgressLine(doing_, bytes_, total_, seconds(), Width());
    std::fprintf(stderr, "\r%s\033[K", line.c_str());
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%s\n", ProgressLine(doing_, bytes_, total_, seconds(), 80).c_str());
  }
}

void Progress::Note(std::string_view line) {
  if (style_ == ProgressStyle::kNone) return;  // who shows nothing hears of it otherwise
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "%s%.*s\n", std::exchange(drawn_, false) ? "\r\033[K" : "", static_cast<int>(line.size()),
               line.data());
}

void Progress::Done() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  if (style_ == ProgressStyle::kNone) return;
  const double took = seconds();
  Note(fmt::format(
      "{} {} in {}{}", doing_, BytesText(bytes_), DurationText(took),
      took > 0 ? fmt::format(", {}/s", BytesText(static_cast<std::uint64_t>(static_cast<double>(bytes_) / took)))
               : ""));
}

}  // namespace strongroom::archive
