// The way back of an officer whose password nobody has (docs/operations.md): a challenge for the cluster's owner to
// sign with the customer CA's key, on whatever machine has it, and then a new password.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

constexpr std::size_t kMaxFileBytes = 4096;

bool Failed(const Error& error) {
  fmt::print("recoverCO failed: {}\n", error.public_message());
  return false;
}

/// A file that was not there before.
Status WriteNew(const std::string& file, std::string_view content) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0 && errno == EEXIST)
    return Error(Errc::kAlreadyExists, file + " is there already; give the name of a new file.");
  if (descriptor < 0) return FileError("make", file, errno);
  const bool written = ::write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  const int failed = errno;
  if (::close(descriptor) == 0 && written) return {};
  ::unlink(file.c_str());
  return FileError("write", file, written ? errno : failed);
}

bool Keep(MgmtUtil& util, Server& server, const std::string& name, const std::string& file,
          const std::string& challenge) {
  if (const Status written = WriteNew(file, challenge); !written.ok()) return Failed(written.error());
  fmt::print(
      "{0} holds a challenge, good for a day and until {1} gets a new password. Read it, and where the private key of\n"
      "the customer CA is, sign it:\n\n    openssl dgst -sha256 -sign customerCA.key -out {0}.sig {0}\n\n"
      "Then set the new password here:\n\n    recoverCO {1} {0} {0}.sig\n\n"
      "recoverCO success on server {2}({3})\n",
      file, name, util.IndexOf(server), server.Label());
  return true;
}

bool Challenge(MgmtUtil& util, const std::string& name, const std::string& file) {
  proto::ChallengeOwnerRequest request;
  request.set_name(name);
  // One HSM's word is enough: every HSM of the cluster knows the challenge again.
  for (Server* server : util.Targets()) {
    const auto answer = Ask<proto::ChallengeOwnerReply>(*server, wire::Command::kChallengeOwner, request);
    if (answer.ok()) return Keep(util, *server, name, file, answer->reply.challenge());
    fmt::print("recoverCO failed: {}\nrecoverCO failed on server {}({})\n", HsmErrorText(answer.error()),
               util.IndexOf(*server), server->Label());
    if (answer.error().code() != Errc::kUnavailable) break;
  }
  return false;
}

bool Recover(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  proto::RecoverOfficerRequest request;
  request.set_name(std::string(arguments[0]));
  const auto challenge = ReadFile(std::string(arguments[1]), kMaxFileBytes);
  if (!challenge.ok()) return Failed(challenge.error());
  const auto signature = ReadFile(std::string(arguments[2]), kMaxFileBytes);
  if (!signature.ok()) return Failed(signature.error());
  request.set_challenge(*challenge);
  request.set_signature(*signature);
  auto password = util.PasswordArgument(arguments.size() > 3 ? arguments[3] : "-hpswd");
  if (!password.ok()) return Failed(password.error());
  if (!util.Confirm()) return false;
  fmt::print("Recovering {}(CO) on {} nodes\n", request.name(), util.Targets().size());
  return ChangeOnAll<proto::RecoverOfficerReply>(util, "recoverCO", wire::Command::kRecoverOfficer, request,
                                                 &*password);
}

bool RunRecoverCo(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  if (arguments.size() == 2) return Challenge(util, std::string(arguments[0]), std::string(arguments[1]));
  return Recover(util, arguments);
}

}  // namespace

const Command op::recover_co = {"recoverCO",
                                "<name> <challenge file> [<signature file> [password|-hpswd]]",
                                "Give an officer a new password by the customer CA's key (no login)",
                                2,
                                4,
                                &RunRecoverCo};

}  // namespace strongroom::cmu
