#include "cli/join_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "secret/secret_vector.h"
#include "terminal/terminal.h"
#include "wire/frame.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::uint8_t kMagic[] = {'S', 'R', 'J'};
constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kHeadBytes = sizeof kMagic + 1;
constexpr std::size_t kTagBytes = sizeof(crypto::Sha256Digest);
constexpr std::size_t kMaxFileBytes = kHeadBytes + 4 + wire::kMaxFrameBytes + kTagBytes;
constexpr std::size_t kInvitationBytes = 32;
constexpr std::uint16_t kJoinCode = 1;
constexpr std::size_t kSecrets = 5;

Error NoJoinFile(const fs::path& file) {
  return Error(Errc::kInvalidArgument, fmt::format("{} is not a whole file of `strongroom invite`.", file.string()));
}

/// What says that nothing between has changed on the way.
Result<crypto::Sha256Digest> TagOf(ByteView content, const SecretBuffer& invitation) {
  SR_TRY(const SecretBuffer key, crypto::HkdfSha256(invitation, {}, AsBytes("strongroom invitation file v2"), 32));
  return crypto::HmacSha256(key, {content});
}

Result<SecretBytes> ReadAll(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("read", file, errno);
  struct stat info {};
  const bool private_file = ::fstat(fd, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  SecretBytes content(kMaxFileBytes + 1);
  std::size_t used = 0;
  int failed = 0;
  while (private_file && failed == 0 && used < content.size()) {
    const ssize_t n = ::read(fd, content.data() + used, content.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed = errno;
    if (n <= 0) break;
    used += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (!private_file)
    return Error(Errc::kPermission, "Group or others may read " + file.string() + "; its mode must be 0600.");
  if (failed != 0) return FileError("read", file, failed);
  content.resize(used);
  return content;
}

}  // namespace

Status WriteJoinFile(const fs::path& file, JoinPackage package) {
  wire::Frame frame;
  frame.code = kJoinCode;
  for (SecretBuffer* secret :
       {&package.invitation, &package.https_ca_key, &package.outer_key, &package.next_outer_key, &package.client_key})
    frame.segments.push_back(std::move(*secret));
  SecretBytes content(std::begin(kMagic), std::end(kMagic));
  content.push_back(kVersion);
  SR_CHECK(wire::FrameCodec::Encode(frame, package.facts, content));
  SR_TRY(const crypto::Sha256Digest tag, TagOf(content, frame.segments.front()));
  content.insert(content.end(), tag.begin(), tag.end());
  SR_TRY(const SecretBuffer whole, SecretBuffer::CopyOf(content));
  return Terminal::WriteKeyFile(file, whole);
}

Result<JoinPackage> ReadJoinFile(const fs::path& file) {
  SR_TRY(const SecretBytes content, ReadAll(file));
  if (content.size() < kHeadBytes || !std::equal(std::begin(kMagic), std::end(kMagic), content.begin()))
    return NoJoinFile(file);
  if (content[sizeof kMagic] != kVersion)
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} is of another version than this program. Make a new one: `strongroom invite` of the "
                             "same version.",
                             file.string()));
  if (content.size() < kHeadBytes + kTagBytes) return NoJoinFile(file);
  const ByteView tagged = ByteView(content).first(content.size() - kTagBytes), rest = tagged.subspan(kHeadBytes);
  wire::Frame frame;
  const auto used = wire::FrameCodec::Decode(rest, frame);
  if (!used.ok() && used.error().code() == Errc::kResourceExhausted) return used.error();
  if (!used.ok() || *used == 0 || *used != rest.size() || frame.code != kJoinCode ||
      frame.segments.size() != kSecrets || frame.segments[0].size() != kInvitationBytes)
    return NoJoinFile(file);
  SR_TRY(const crypto::Sha256Digest tag, TagOf(tagged, frame.segments[0]));
  if (!crypto::ConstantTimeEqual(ByteView(content).last(kTagBytes), tag))
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} is damaged: it is not what `strongroom invite` wrote. Take it here once more; the "
                             "invitation has not been used.",
                             file.string()));
  JoinPackage package;
  if (!wire::ParseMessage(frame, package.facts).ok()) return NoJoinFile(file);
  std::size_t next = 0;
  for (SecretBuffer* secret :
       {&package.invitation, &package.https_ca_key, &package.outer_key, &package.next_outer_key, &package.client_key})
    *secret = std::move(frame.segments[next++]);
  return package;
}

}  // namespace strongroom::cli
