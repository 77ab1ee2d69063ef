#pragma once

#include <boost/asio/basic_seq_packet_socket.hpp>
#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "base/result.h"
#include "base/task.h"
#include "base/unique_fd.h"
#include "host.pb.h"

namespace strongroom::hsm_host {

/// The private line between supervisor and relay: one HostMessage per packet, at most one descriptor beside it.
///
/// Threads   its loop's. Lifetime: held by shared_ptr; Close ends it.
class PacketLink : public std::enable_shared_from_this<PacketLink> {
 public:
  using OnMessage = std::function<void(proto::HostMessage, UniqueFd)>;
  using OnClosed = std::function<void()>;

  /// Two connected ends. Errors: kInternal.
  static Result<std::pair<UniqueFd, UniqueFd>> MakePair();
  static Result<std::shared_ptr<PacketLink>> Make(Loop& loop, UniqueFd socket);

  /// on_closed is called once, unless Close came first.
  void Start(OnMessage on_message, OnClosed on_closed);
  /// Never blocks: a peer that lets its queue fill up is broken. Errors: kUnavailable, kRequestTooLarge.
  Status Send(const proto::HostMessage& message, int descriptor = -1);
  void Close();

 private:
  explicit PacketLink(Loop& loop) : socket_(loop) {}
  Task<void> ReadLoop();
  bool ReceiveOne();  // false: nothing there, or closed
  void Fail();

  boost::asio::basic_seq_packet_socket<boost::asio::generic::seq_packet_protocol, LoopExecutor> socket_;
  std::vector<char> room_;
  OnMessage on_message_;
  OnClosed on_closed_;
};

}  // namespace strongroom::hsm_host
