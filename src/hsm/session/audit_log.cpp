#include "hsm/session/audit_log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/bytes.h"
#include "base/log.h"
#include "hsm/session/session.h"
#include "hsm/users/rules.h"
#include "wire/status.h"

namespace strongroom::hsm {
namespace {

constexpr std::size_t kRecent = 1024;
constexpr std::size_t kRotateBytes = 16 * 1024 * 1024;
constexpr std::string_view kHashField = "Chain hash : ";
constexpr std::string_view kSequenceField = "Sequence No : 0x";

std::string Chained(std::string_view previous, std::string_view event) {
  return Hex(crypto::Sha256({AsBytes(previous), AsBytes(event)}));
}

/// One event of a file: everything before its chain hash, the hash, and what is left.
struct Piece {
  std::string_view event, hash, rest;
};
std::optional<Piece> NextPiece(std::string_view text) {
  const auto at = text.find(kHashField);
  if (at == std::string_view::npos || text.size() < at + kHashField.size() + 64 + 2) return std::nullopt;
  Piece piece;
  piece.event = text.substr(0, at);
  piece.hash = text.substr(at + kHashField.size(), 64);
  piece.rest = text.substr(at + kHashField.size() + 64);
  if (!piece.rest.starts_with("\n\n")) return std::nullopt;
  piece.rest.remove_prefix(2);
  return piece;
}

std::optional<std::uint64_t> SequenceOf(std::string_view event) {
  const auto at = event.find(kSequenceField);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  std::string_view digits = event.substr(at + kSequenceField.size());
  digits = digits.substr(0, digits.find('\n'));
  if (digits.empty() || digits.size() > 16) return std::nullopt;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value;
}

std::string Stamp(std::int64_t millis) {
  const auto seconds = static_cast<std::time_t>(millis / 1000);
  return fmt::format("{:%m/%d/%y %H:%M:%S}.{:06}, usecs:{}", fmt::gmtime(seconds), millis % 1000 * 1000, millis * 1000);
}

struct Walked {
  std::uint64_t events = 0, next = 0;
  std::string chain;
  bool whole = false;
};
/// Follows the chain. A rotated file begins with the number and hash at which the one before it ended.
Walked Walk(std::string_view text) {
  Walked walked{.chain = std::string(64, '0')};
  if (text.starts_with("Continues : ")) {
    const auto line = text.substr(0, text.find('\n'));
    if (line.size() != std::string_view("Continues : ").size() + 64) return walked;
    walked.chain = line.substr(line.size() - 64);
    const auto first = SequenceOf(text);
    if (!first) return walked;
    walked.next = *first;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  while (!text.empty()) {
    const auto piece = NextPiece(text);
    if (!piece) return walked;
    const auto sequence = SequenceOf(piece->event);
    if (!sequence || *sequence != walked.next || Chained(walked.chain, piece->event) != piece->hash) return walked;
    walked.chain = piece->hash;
    ++walked.next;
    ++walked.events;
    text = piece->rest;
  }
  walked.whole = true;
  return walked;
}

}  // namespace

Result<std::uint64_t> VerifyAuditText(std::string_view text) {
  const Walked walked = Walk(text);
  if (!walked.whole)
    return Error(Errc::kCorrupted,
                 fmt::format("The audit log does not verify from sequence number {:#x} on.", walked.next));
  return walked.events;
}

Result<AuditLog> AuditLog::Open(std::filesystem::path directory, std::function<std::int64_t()> now_millis) {
  AuditLog log(directory / "audit", std::move(now_millis));
  SR_CHECK(log.Resume());
  return log;
}

AuditLog::AuditLog(AuditLog&& from) noexcept
    : file_(std::move(from.file_)),
      now_millis_(std::move(from.now_millis_)),
      descriptor_(std::exchange(from.descriptor_, -1)),
      sequence_(from.sequence_),
      chain_(std::move(from.chain_)),
      recent_(std::move(from.recent_)),
      file_bytes_(from.file_bytes_),
      complained_(from.complained_) {}

AuditLog::~AuditLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status AuditLog::Resume() {
  std::string text;
  if (std::ifstream in(file_, std::ios::binary); in)
    text.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  const Walked walked = Walk(text);
  sequence_ = walked.next;
  chain_ = walked.chain;
  bool fresh = text.empty();
  if (!walked.whole) {
    log::Warn("the audit log does not verify from sequence number {:#x} on; it is kept as audit.broken", sequence_);
    std::error_code error;
    std::filesystem::rename(file_, file_.string() + ".broken", error);
    if (error) return Error(Errc::kInternal, "The audit log cannot be put aside.").WithDetail(error.message());
    fresh = true;
  }
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor_ < 0)
    return Error(Errc::kInternal, "The audit log cannot be opened.").WithDetail(std::strerror(errno));
  file_bytes_ = fresh ? 0 : text.size();
  if (fresh && sequence_ != 0) {
    const std::string head = "Continues : " + chain_ + "\n";
    if (::write(descriptor_, head.data(), head.size()) != static_cast<ssize_t>(head.size()))
      return Error(Errc::kResourceExhausted, "The audit log cannot be written.");
    file_bytes_ = head.size();
  }
  return {};
}

void AuditLog::Write(const CommandRow& row, const Call& call, const Status& status) {
  const int code = status.ok() ? 0 : wire::StatusOf(status.error().code());
  std::string event = fmt::format(
      "Time: {}\nSequence No : {:#x}\nReboot counter : 0x1\nCommand Type(hex) : {}\nOpcode : {} ({:#x})\n"
      "Session Handle : {:#x}\nResponse : {}:{}{}\n",
      Stamp(now_millis_()), sequence_,
      row.audit.opcode_name.starts_with("CN_CERT_AUTH") ? "CN_CERT_AUTH_CMD (0x9)" : "CN_MGMT_CMD (0x0)",
      row.audit.opcode_name, row.audit.opcode, call.session.handle(), code,
      code == 0 ? "HSM Return: SUCCESS" : "HSM Error: ", code == 0 ? std::string_view() : Name(status.error().code()));
  switch (row.audit.detail) {
    case AuditRow::Detail::kMinimal: event += "Log type : MINIMAL_LOG_ENTRY (0)\n"; break;
    case AuditRow::Detail::kKey:
      event += fmt::format("Log type : MGMT_KEY_DETAILS_LOG (1)\nPriv/Secret Key Handle : {}\nPublic Key Handle : 0\n",
                           call.audit_key);
      break;
    case AuditRow::Detail::kUser: {
      const auto type = static_cast<proto::UserType>(call.audit_user_type);
      event += fmt::format("Log type : MGMT_USER_DETAILS_LOG (2)\nUser Name : {}\nUser Type : {} ({})\n",
                           call.audit_user, AuditTypeName(type), call.audit_user_type);
      break;
    }
  }
  Append(std::move(event));
}

/// The new file begins with the chain hash at which the old one ends, so that the files can be joined.
void AuditLog::Rotate() {
  std::error_code error;
  std::filesystem::rename(file_, file_.string() + ".1", error);
  const int next = error ? -1 : ::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (next < 0) return;
  ::close(descriptor_);
  descriptor_ = next;
  const std::string head = "Continues : " + chain_ + "\n";
  if (::write(descriptor_, head.data(), head.size()) != static_cast<ssize_t>(head.size())) complained_ = true;
  file_bytes_ = head.size();
}

void AuditLog::Append(std::string event) {
  if (file_bytes_ > kRotateBytes) Rotate();
  chain_ = Chained(chain_, event);
  ++sequence_;
  event += fmt::format("{}{}\n\n", kHashField, chain_);
  const bool written = ::write(descriptor_, event.data(), event.size()) == static_cast<ssize_t>(event.size());
  if (!written && !complained_) log::Error("the audit log cannot be written: {}", std::strerror(errno));
  complained_ = !written;
  file_bytes_ += event.size();
  recent_.push_back(std::move(event));
  if (recent_.size() > kRecent) recent_.pop_front();
}

}  // namespace strongroom::hsm
