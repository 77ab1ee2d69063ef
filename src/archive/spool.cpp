#include "archive/spool.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdlib>

namespace strongroom::archive {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;
constexpr std::string_view kDoing = "A temporary file";

}  // namespace

Result<Fd> OpenUnnamedFile() {
  const char* set = std::getenv("TMPDIR");
  const std::string directory = set != nullptr && *set != '\0' ? set : "/var/tmp";
  Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file && (errno == EOPNOTSUPP || errno == EISDIR)) {
    std::string name = directory + "/strongroom-archive-XXXXXX";
    file.Reset(::mkostemp(name.data(), O_CLOEXEC));
    if (file) ::unlink(name.c_str());
  }
  if (!file) return ErrnoError("A temporary file in " + directory + " (TMPDIR)", errno);
  return file;
}

Result<Spool> Spool::Make() {
  Spool spool;
  SR_TRY(spool.fd_, OpenUnnamedFile());
  return spool;
}

Result<std::uint64_t> Spool::Append(ByteView bytes) {
  const std::uint64_t offset = size();
  if (buffer_.size() + bytes.size() > kBufferBytes) SR_CHECK(Flush());
  if (bytes.size() > kBufferBytes) {
    SR_CHECK(PwriteAll(fd_.get(), bytes, written_, kDoing));
    written_ += bytes.size();
  } else {
    strongroom::Append(buffer_, bytes);
  }
  return offset;
}

Status Spool::Flush() {
  if (buffer_.empty()) return {};
  SR_CHECK(PwriteAll(fd_.get(), buffer_, written_, kDoing));
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Status Spool::ReadAt(std::uint64_t offset, std::span<std::uint8_t> room) const {
  if (offset > size() || room.size() > size() - offset)
    return Error(Errc::kInternal, "A temporary file is shorter than what is to be read from it.");
  std::size_t from_disk = 0;
  if (offset < written_) {
    from_disk = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), written_ - offset));
    SR_TRY(const std::size_t got, PreadFull(fd_.get(), room.first(from_disk), offset, kDoing));
    if (got != from_disk) return Error(Errc::kInternal, "A temporary file was cut short.");
  }
  if (from_disk < room.size()) {
    const std::size_t at = static_cast<std::size_t>(offset + from_disk - written_);
    std::copy_n(buffer_.data() + at, room.size() - from_disk, room.data() + from_disk);
  }
  return {};
}

Result<ByteView> SpoolCursor::Take(std::size_t count) {
  if (buffer_.size() - used_ < count) {
    const std::uint64_t left = end_ - at_;
    const std::size_t have = buffer_.size() - used_;
    if (left < count - have) return Error(Errc::kCorrupted, "A record ends before its time.");
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(used_), buffer_.end(), buffer_.begin());
    const std::size_t more = static_cast<std::size_t>(std::min<std::uint64_t>(left, std::max(room_, count - have)));
    buffer_.resize(have + more);
    used_ = 0;
    SR_CHECK(spool_->ReadAt(at_, std::span(buffer_).subspan(have)));
    at_ += more;
  }
  const ByteView taken = ByteView(buffer_).subspan(used_, count);
  used_ += count;
  return taken;
}

}  // namespace strongroom::archive
