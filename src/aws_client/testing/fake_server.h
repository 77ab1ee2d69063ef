#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "aws_client/directory_files.h"

namespace strongroom::aws_client::testing_kit {

struct FakeRequest {
  std::string method, path, query, body;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};
struct FakeReply {
  int status = 200;
  std::map<std::string, std::string> headers{};
  std::string body{};
  /// Closes the connection after so many bytes of the body; negative: does not.
  long cut_after = -1;
  bool no_answer = false;         // closes without a byte
  long long content_length = -1;  // what is said where it is not the body's size
};

/// An HTTP/1.1 server on a loopback port, one thread per connection, for tests of what a client does.
class FakeServer {
 public:
  using Handler = std::function<FakeReply(const FakeRequest&)>;

  explicit FakeServer(Handler handler)
      : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::jthread([this](const std::stop_token& stop) { Accept(stop); });
  }
  ~FakeServer() {
    accepting_.request_stop();
    accepting_.join();
    connections_.clear();
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int connections() const { return made_; }

 private:
  static bool Readable(int fd, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 20) > 0) return true;
    }
    return false;
  }
  void Accept(const std::stop_token& stop) {
    while (Readable(listener_.get(), stop)) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++made_;
      connections_.emplace_back([this, fd](const std::stop_token& ending) { Serve(Fd(fd), ending); });
    }
    for (auto& connection : connections_) connection.request_stop();
  }
  static bool Send(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void Serve(Fd fd, const std::stop_token& stop) {
    std::string pending;
    const auto more = [&] {
      char part[65536];
      if (!Readable(fd.get(), stop)) return false;
      const ssize_t got = ::recv(fd.get(), part, sizeof part, 0);
      if (got > 0) pending.append(part, static_cast<std::size_t>(got));
      return got > 0;
    };
    while (true) {
      while (pending.find("\r\n\r\n") == std::string::npos) {
        if (!more()) return;
        // The start of a TLS handshake: as servers of plain HTTP answer it.
        if (pending.front() == '\x16') return (void)Send(fd.get(), "HTTP/1.1 400 Bad Request\r\n\r\n");
      }
      FakeRequest request;
      std::size_t at = pending.find("\r\n");
      const std::string first = pending.substr(0, at);
      request.method = first.substr(0, first.find(' '));
      std::string target = first.substr(request.method.size() + 1);
      target = target.substr(0, target.rfind(' '));
      request.path = target.substr(0, target.find('?'));
      if (target.size() > request.path.size()) request.query = target.substr(request.path.size() + 1);
      const std::size_t end = pending.find("\r\n\r\n");
      while (at < end) {
        const std::size_t next = pending.find("\r\n", at + 2);
        const std::string line = pending.substr(at + 2, next - at - 2);
        std::string name = line.substr(0, line.find(':'));
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        if (line.size() > name.size() + 2) request.headers[name] = line.substr(name.size() + 2);
        at = next;
      }
      pending.erase(0, end + 4);
      const std::string length = request.Header("content-length");
      const std::size_t size = length.empty() ? 0 : std::stoul(length);
      while (pending.size() < size) {
        if (!more()) return;
      }
      request.body = pending.substr(0, size);
      pending.erase(0, size);
      const FakeReply reply = handler_(request);
      if (reply.no_answer) return;
      const bool silent = request.method == "HEAD" || reply.status == 204 || reply.status == 304;
      std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " x\r\n";
      for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
      if (!reply.headers.contains("Content-Length")) {
        text += "Content-Length: " +
                std::to_string(reply.content_length >= 0 ? static_cast<std::size_t>(reply.content_length)
                                                         : reply.body.size()) +
                "\r\n";
      }
      text += "\r\n";
      if (!silent)
        text += reply.cut_after < 0 ? reply.body : reply.body.substr(0, static_cast<std::size_t>(reply.cut_after));
      if (!Send(fd.get(), text) || reply.cut_after >= 0) return;
    }
  }

  const Handler handler_;
  const Fd listener_;
  int port_ = 0;
  std::atomic<int> made_ = 0;
  std::vector<std::jthread> connections_;
  std::jthread accepting_;
};

}  // namespace strongroom::aws_client::testing_kit
