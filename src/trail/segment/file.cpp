#include "trail/segment/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/file.h"

namespace strongroom::trail {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kExtension = ".segment";
// A segment may end with all that has waited for a full disk.
constexpr std::size_t kLongestFile = 4 * kSegmentBytes;

Status SyncDirectory(const fs::path& directory) {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return FileError("open", directory, errno);
  const int done = ::fsync(file);
  const int why = errno;
  ::close(file);
  if (done != 0) return FileError("sync", directory, why);
  return {};
}

}  // namespace

const FileCalls& SystemFileCalls() noexcept {
  static constexpr FileCalls kCalls{&::write, &::fdatasync};
  return kCalls;
}

fs::path SegmentFile(const fs::path& directory, std::int64_t number) {
  return directory / fmt::format("{:012}{}", number, kExtension);
}

Result<std::vector<std::int64_t>> ListSegments(const fs::path& directory) {
  std::vector<std::int64_t> numbers;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
    const std::string name = at->path().filename().string();
    std::int64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec == std::errc() && std::string_view(parsed.ptr) == kExtension && number > 0) numbers.push_back(number);
  }
  if (failed) return FileError("list", directory, failed.value());
  std::ranges::sort(numbers);
  return numbers;
}

SegmentWriter::SegmentWriter(SegmentWriter&& from) noexcept { *this = std::move(from); }

SegmentWriter& SegmentWriter::operator=(SegmentWriter&& from) noexcept {
  if (this == &from) return *this;
  if (file_ >= 0) ::close(file_);
  path_ = std::move(from.path_);
  header_ = std::move(from.header_);
  calls_ = from.calls_;
  file_ = std::exchange(from.file_, -1);
  size_ = from.size_;
  records_ = from.records_;
  dirty_ = from.dirty_;
  return *this;
}

SegmentWriter::~SegmentWriter() {
  if (file_ >= 0) ::close(file_);
}

Result<SegmentWriter> SegmentWriter::Create(const fs::path& directory, SegmentHeader header, const FileCalls& calls) {
  SegmentWriter writer;
  writer.path_ = SegmentFile(directory, header.number);
  writer.header_ = std::move(header);
  writer.calls_ = &calls;
  // Under its name once its head is there: who reads the directory meanwhile takes an empty one for damaged. A file of
  // that name holds no record: one that did would have counted when the number was chosen.
  fs::path fresh = writer.path_;
  fresh += ".new";
  writer.file_ = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (writer.file_ < 0) return FileError("create", writer.path_, errno);
  SR_CHECK(writer.Append(Encode(writer.header_), 0));
  SR_CHECK(writer.Sync());
  if (::rename(fresh.c_str(), writer.path_.c_str()) != 0) return FileError("create", writer.path_, errno);
  SR_CHECK(SyncDirectory(directory));
  return writer;
}

Status SegmentWriter::Append(std::string_view groups, std::int64_t records) {
  std::string_view left = groups;
  while (!left.empty()) {
    const ssize_t written = calls_->write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const Error failed = FileError("write", path_, written == 0 ? ENOSPC : errno);
      // What is half there must not stay before what comes next.
      const auto size = static_cast<off_t>(size_);
      if (::ftruncate(file_, size) != 0 || ::lseek(file_, size, SEEK_SET) != size)
        return FileError("shorten", path_, errno);
      return failed;
    }
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  size_ += groups.size();
  records_ += records;
  dirty_ = true;
  return {};
}

Status SegmentWriter::Sync() {
  if (!dirty_) return {};
  if (calls_->sync(file_) != 0) return FileError("sync", path_, errno);
  dirty_ = false;
  return {};
}

Result<SegmentContent> ReadSegment(const fs::path& file) {
  SR_TRY(std::string bytes, ReadFile(file, kLongestFile));
  SegmentContent content;
  std::size_t used = 0;
  auto header = ParseHeader(bytes, used);
  if (!header.ok()) return Error(Errc::kCorrupted, file.string() + ": " + header.error().public_message());
  content.header = std::move(*header);
  content.last = HashOf(content.header);
  GroupReader reader(std::string_view(bytes).substr(used));
  Group group;
  std::size_t whole = 0;
  for (;;) {
    const auto next = reader.Next(group);
    if (next.ok() && !*next) break;
    if (!next.ok() || group.previous != content.last) {
      content.damage =
          fmt::format("{}: record {}: {}", file.string(), content.header.first_record + content.records,
                      next.ok() ? "It does not follow the record before it." : next.error().public_message());
      break;
    }
    whole += group.bytes.size();
    content.last = group.Hash();
    content.records += group.records;
  }
  content.torn = used + whole != bytes.size();
  content.groups = bytes.substr(used, whole);
  return content;
}

}  // namespace strongroom::trail
