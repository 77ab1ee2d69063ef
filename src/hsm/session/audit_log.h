#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/hash.h"

namespace strongroom::hsm {

struct Call;
struct CommandRow;

/// The HSM audit log (cloudhsm.md 11): one event per management command in the text form of the original, each with the
/// hash of all before it, in the file `audit` of the state directory and in memory.
///
/// Promise   sequence numbers have no gaps, also across restarts; an event names users, handles and statuses only.
/// Errors    a file that cannot be written is logged once and the HSM goes on; one whose chain is broken is put aside
/// as
///           `audit.broken` when opened.
/// Threads   one loop.
class AuditLog {
 public:
  /// Reads the end of the file, if there is one.
  static Result<AuditLog> Open(std::filesystem::path directory, std::function<std::int64_t()> now_millis);
  AuditLog(AuditLog&& from) noexcept;
  AuditLog& operator=(AuditLog&&) = delete;
  ~AuditLog();

  void Write(const CommandRow& row, const Call& call, const Status& status);
  /// The newest events, oldest first.
  const std::deque<std::string>& recent() const noexcept { return recent_; }
  std::uint64_t next_sequence() const noexcept { return sequence_; }

 private:
  AuditLog(std::filesystem::path file, std::function<std::int64_t()> now_millis)
      : file_(std::move(file)), now_millis_(std::move(now_millis)) {}
  Status Resume();
  void Append(std::string event);
  void Rotate();

  std::filesystem::path file_;
  std::function<std::int64_t()> now_millis_;
  int descriptor_ = -1;
  std::uint64_t sequence_ = 0;
  std::string chain_ = std::string(64, '0');
  std::deque<std::string> recent_;
  std::size_t file_bytes_ = 0;
  bool complained_ = false;
};

/// Checks a whole audit file: numbers without gaps, each hash over its event and the hash before. Returns the number of
/// events. Errors: kCorrupted, naming the first sequence number that does not fit.
Result<std::uint64_t> VerifyAuditText(std::string_view text);

}  // namespace strongroom::hsm
