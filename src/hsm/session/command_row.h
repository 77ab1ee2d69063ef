#pragma once

#include <google/protobuf/message_lite.h>

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"
#include "secret/secret_buffer.h"
#include "wire/commands.h"
#include "wire/frame.h"

namespace strongroom::hsm {

struct Engine;
class Session;

/// One command on its way: what it may reach, what it was asked, what it answers.
struct Call {
  Engine& engine;
  Session& session;
  wire::Frame& request;

  /// The answer's message: either kept by the command itself until its next call (for those that run at once), or
  /// serialised.
  const google::protobuf::MessageLite* kept = nullptr;
  Bytes answer;
  std::vector<secret::SecretBuffer> segments;  // secret fields of the answer

  /// For the audit log: whom or what the command was about.
  std::string audit_user;
  int audit_user_type = 0;
  std::uint32_t audit_key = 0;

  void Answer(const google::protobuf::MessageLite& message) {
    answer.resize(message.ByteSizeLong());
    message.SerializeWithCachedSizesToArray(answer.data());
  }
  const wire::ClientId* client_id() const noexcept { return request.client_id ? &*request.client_id : nullptr; }
};

inline Bytes Serialised(const google::protobuf::MessageLite& message) {
  Bytes out(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(out.data());
  return out;
}

/// How the HSM audit log names a command (cloudhsm.md 11); a command without an opcode name is not logged.
struct AuditRow {
  std::string_view opcode_name;
  std::uint32_t opcode = 0;
  enum class Detail : std::uint8_t { kMinimal, kKey, kUser } detail = Detail::kMinimal;
};

/// A command's own file defines one of these as strongroom::hsm::op::<file>. Exactly one of the two functions is set.
struct CommandRow {
  wire::Command command;
  /// Runs at once on the loop. It leaves the request as it was when it fails with kNotFound, since it is then asked
  /// again after the HSM has caught up.
  Status (*run_now)(Call&) = nullptr;
  /// May wait: for the log, for a worker.
  Task<Status> (*run)(Call&) = nullptr;
  /// Segments that the request must have.
  std::size_t segments = 0;
  AuditRow audit = {};
};

/// The row of a command number off the wire; null for one that does not exist.
const CommandRow* FindRow(std::uint16_t number) noexcept;

}  // namespace strongroom::hsm
