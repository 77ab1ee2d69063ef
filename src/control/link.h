#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "control.pb.h"

namespace strongroom::control {

/// One reliable byte stream, of whatever kind; see stream.h for Asio's. Used by one Link on one loop.
class LinkStream {
 public:
  virtual ~LinkStream() = default;
  /// Reads what is there, at least one byte. Errors: kUnavailable, also for an orderly end.
  virtual Task<Result<std::size_t>> ReadSome(std::span<std::uint8_t> room) = 0;
  /// Writes all of it; the bytes stay valid until it returns. Errors: kUnavailable.
  virtual Task<Status> Write(ByteView bytes) = 0;
  /// Ends both directions at once; pending reads and writes return. Idempotent.
  virtual void Close() = 0;
};

struct LinkOptions {
  std::size_t max_asked = 4096;   // questions of ours that wait for an answer; more: kThrottled
  std::size_t max_asking = 1024;  // questions of the peer's that we work on; more are answered kThrottled
  std::size_t max_unwritten_bytes = 128u << 20;  // queued for the peer; more: kThrottled, notices are dropped
};

/// True for messages that have no answer (log_notice, status_changed).
bool IsNotice(const proto::Control& message) noexcept;

/// Turns an answer's status and text into an Error, or the answer into a value.
Result<proto::Control> ToResult(proto::Control answer);

/// Control messages over one stream (docs/formats.md, 8): questions both ways at once, answers in any order, notices.
///
/// Threads   everything on the loop it was made for, callbacks included.
/// Lifetime  held by shared_ptr; it keeps itself alive while its stream is open, so owners call Close.
/// Limits    LinkOptions; one message is at most wire::kMaxControlBytes, and room grows only as bytes arrive.
class Link : public std::enable_shared_from_this<Link> {
 public:
  /// Works on one question of the peer's; an Error becomes the answer's status and (public) text. The handler is kept
  /// alive until every coroutine it made has ended, so a lambda with captures is safe.
  using Handler = std::function<Task<Result<proto::Control>>(proto::Control question)>;
  using NoticeHandler = std::function<void(proto::Control notice)>;
  /// Called once, when the link has ended for whatever reason; questions that waited have failed by then.
  using ClosedHandler = std::function<void(const Error& why)>;

  static std::shared_ptr<Link> Make(Loop& loop, std::unique_ptr<LinkStream> stream, LinkOptions options = {});
  /// Over a connected Unix stream socket, as an HSM inherits it; takes the descriptor, also when it fails.
  /// Errors: kInternal not such a socket.
  static Result<std::shared_ptr<Link>> OverDescriptor(Loop& loop, int descriptor, LinkOptions options = {});
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Begins to read. Called once; each callback may be empty (questions are then answered kUnsupported).
  void Start(Handler handler, NoticeHandler on_notice = {}, ClosedHandler on_closed = {});

  /// Sends a question (id and answer are set here) and waits for its answer.
  /// Errors: the answer's own status; kUnavailable the link is closed or ends before the answer, so the outcome is
  /// unknown; kTimeout likewise; kThrottled, kRequestTooLarge nothing was sent.
  Task<Result<proto::Control>> Ask(proto::Control question, std::chrono::milliseconds deadline);

  /// Sends a message that has no answer. Errors: kUnavailable, kThrottled, kRequestTooLarge.
  Status Notify(proto::Control notice);

  /// Ends the link now; what waits fails with kUnavailable. Idempotent.
  void Close(const Error& why);
  bool open() const noexcept;

 private:
  struct State;
  Link(Loop& loop, std::unique_ptr<LinkStream> stream, LinkOptions options);
  Task<void> ReadLoop();
  Task<void> WriteLoop();
  Task<void> AnswerOne(proto::Control question);
  void Take(proto::Control message);
  Status Send(const proto::Control& message);
  std::unique_ptr<State> state_;
};

}  // namespace strongroom::control
