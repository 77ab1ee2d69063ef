#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "channel/tls_context.h"
#include "control/link.h"
#include "control/stream.h"

namespace strongroom::hsm_host {

/// The host's end of the control link: listens on port 2224 and keeps the links of the front ends that have connected.
///
/// Threads   its loop's.
class FrontEnds {
 public:
  /// Answers a front end's question.
  using Handler = control::Link::Handler;
  FrontEnds(Loop& loop, channel::Identity identity, Handler on_question, control::Link::NoticeHandler on_notice);
  ~FrontEnds();
  FrontEnds(const FrontEnds&) = delete;
  FrontEnds& operator=(const FrontEnds&) = delete;

  /// Errors: kInvalidArgument, kAlreadyExists (port taken), kInternal.
  Status Listen(const std::string& address, std::uint16_t port);
  /// Who may connect from now on; links of others are closed.
  void Allow(std::vector<crypto::Certificate> certificates);
  /// Asks one front end, each in turn; but all appends to one cluster's log go to the same one as long as it answers,
  /// from whatever host they come, so that it can see to it that HSMs take turns. One that has owed an answer for more
  /// than a second is passed over as long as there is another, and after its deadline until it answers a probe.
  /// Errors: kUnavailable at once when there is none, or it was lost meanwhile; kTimeout.
  Task<Result<proto::Control>> AskAny(proto::Control question, std::chrono::milliseconds deadline);
  void NotifyAll(const proto::Control& notice);
  std::size_t connected() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::hsm_host
