#include "archive/restore_marker.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cerrno>

namespace strongroom::archive {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargest = 4096;
constexpr std::string_view kDoing = "The mark of an unfinished restore";
const std::string kFile(RestoreMarker::kName);

Result<std::string> NumberOf(int directory) {
  struct stat facts {};
  if (::fstat(directory, &facts) != 0) return ErrnoError(kDoing, errno);
  return fmt::format("{:x}-{:x}", facts.st_dev, facts.st_ino);
}

std::string Member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string Content(const std::string& number, const std::string& what, const std::string& tag) {
  return json::serialize(json::value{{"format", 1}, {"directory", number}, {"what", what}, {"tag", tag}}) + "\n";
}

}  // namespace

Result<std::optional<RestoreMarker>> RestoreMarker::Find(int directory) {
  Fd file(::openat(directory, kFile.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return std::optional<RestoreMarker>();
  struct stat facts {};
  Bytes text(kLargest);
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_uid != ::geteuid())
    return std::optional<RestoreMarker>();
  SR_TRY(const std::size_t got, PreadFull(file.get(), text, 0, kDoing));
  boost::system::error_code failed;
  const json::value value = json::parse(AsText(ByteView(text).first(got)), failed);
  if (failed || !value.is_object()) return std::optional<RestoreMarker>();
  SR_TRY(const std::string number, NumberOf(directory));
  const std::string tag = Member(value.as_object(), "tag");
  // The tag goes into names of files that are deleted.
  const auto raw = FromHex(tag);
  if (Member(value.as_object(), "directory") != number || !raw.ok() || raw->size() < 6)
    return std::optional<RestoreMarker>();
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return Error(Errc::kConflict, "Another process restores into this directory now.");
  return std::optional(RestoreMarker(directory, std::move(file), Member(value.as_object(), "what"), tag));
}

Result<RestoreMarker> RestoreMarker::Make(int directory, const std::string& what, const std::string& tag) {
  Fd file(::openat(directory, kFile.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return ErrnoError(kDoing, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return Error(Errc::kConflict, "Another process restores into this directory now.");
  RestoreMarker marker(directory, std::move(file), what, tag);
  SR_CHECK(marker.Rewrite(what));
  return marker;
}

Status RestoreMarker::Rewrite(const std::string& what) {
  SR_TRY(const std::string number, NumberOf(directory_));
  const std::string content = Content(number, what, tag_);
  SR_CHECK(PwriteAll(file_.get(), AsBytes(content), 0, kDoing));
  if (::ftruncate(file_.get(), static_cast<off_t>(content.size())) != 0) return ErrnoError(kDoing, errno);
  // What a power failure leaves of the tree must not lie there without its mark.
  if (::fdatasync(file_.get()) != 0 || ::fsync(directory_) != 0) return ErrnoError(kDoing, errno);
  what_ = what;
  return {};
}

Status RestoreMarker::Remove() {
  if (::unlinkat(directory_, kFile.c_str(), 0) != 0 && errno != ENOENT) return ErrnoError(kDoing, errno);
  return {};
}

}  // namespace strongroom::archive
