// Load generator for HTTPS endpoints: N keep-alive TLS connections on one epoll loop, each sending a prepared request
// and reading the answer, again and again. Made to cost less CPU than any server it measures: it scans answers for
// their Content-Length only and never allocates while it runs. Also drives nginx, for comparison in the same run.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "aws/sigv4/canonical.h"
#include "aws/sigv4/signer.h"

namespace strongroom::bench {
namespace {
using Clock = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1", region = "us-east-1", service = "kms", target, body = "{}", body_file, requests_file;
  std::string bodies_file;
  std::string path = "/", method = "POST";
  std::uint16_t port = 443;
  int connections = 16;
  int pipeline = 1;
  double seconds = 5, warmup = 1;
  double rate = 0;  // requests a second that are sent, come what may; 0: the next as soon as an answer is there
  bool unsigned_requests = false;
};

[[noreturn]] void Die(const std::string& text) {
  std::fprintf(stderr, "loadgen: %s\n", text.c_str());
  std::exit(1);
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) Die("cannot read " + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Whole requests in one file, each a header with a Content-Length (absent: 0) and its body.
std::vector<std::string> SplitRequests(const std::string& text) {
  std::vector<std::string> requests;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\r\n\r\n", at);
    if (end == std::string::npos) Die("the request file ends inside a header");
    const std::string head = text.substr(at, end - at);
    const std::size_t field = head.find("Content-Length: ");
    const std::size_t length = field == std::string::npos ? 0 : std::stoul(head.substr(field + 16));
    requests.push_back(text.substr(at, end + 4 - at + length));
    at = end + 4 + length;
  }
  if (requests.empty()) Die("the request file is empty");
  return requests;
}

std::string MakeRequest(const Options& options, const std::string& body) {
  if (options.unsigned_requests) {
    return options.method + " " + options.path + " HTTP/1.1\r\nHost: " + options.host +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  const char* id = std::getenv("AWS_ACCESS_KEY_ID");
  const char* secret = std::getenv("AWS_SECRET_ACCESS_KEY");
  if (id == nullptr || secret == nullptr) Die("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set");
  auto key = SecretBuffer::CopyOf(AsBytes(secret));
  if (!key) Die(key.error().ForLog());
  aws::SignRequest request{.method = options.method,
                           .target = options.path,
                           .body = body,
                           .region = options.region,
                           .service = options.service};
  request.headers = {
      {"Host", options.host + ":" + std::to_string(options.port)},
      {"X-Amz-Date", aws::FormatBasicTime(std::chrono::system_clock::now())},
      {"Content-Type", options.target.empty() ? "application/x-www-form-urlencoded" : "application/x-amz-json-1.1"}};
  if (!options.target.empty()) request.headers.emplace_back("X-Amz-Target", options.target);
  auto http = aws::SignedHttp(request, id, *key);
  if (!http) Die(http.error().ForLog());
  return std::move(*http);
}

std::vector<std::string> MakeRequests(const Options& options) {
  if (!options.requests_file.empty()) return SplitRequests(ReadAll(options.requests_file));
  if (options.bodies_file.empty())
    return {MakeRequest(options, options.body_file.empty() ? options.body : ReadAll(options.body_file))};
  std::vector<std::string> requests;
  std::istringstream lines(ReadAll(options.bodies_file));
  for (std::string line; std::getline(lines, line);) requests.push_back(MakeRequest(options, line));
  if (requests.empty()) Die("the file of bodies is empty");
  return requests;
}

struct Totals {
  std::uint64_t replies = 0, failures = 0, reconnects = 0;
  std::vector<std::uint32_t> micros;  // latencies, as many as were reserved
  std::string first_failure;
};

class Client {
 public:
  Client(SSL_CTX* tls, const Options& options, const sockaddr_storage& address, socklen_t address_size,
         const std::vector<std::string>& requests, std::size_t first, Totals& totals)
      : tls_(tls),
        options_(options),
        address_(address),
        address_size_(address_size),
        requests_(requests),
        next_(first),
        totals_(totals),
        in_(256 * 1024) {}
  ~Client() { Close(); }

  void Open(int epoll) {
    Close();
    fd_ = socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<const sockaddr*>(&address_), address_size_) != 0) {
      Die("cannot connect");
    }
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ssl_ = SSL_new(tls_);
    SSL_set_fd(ssl_, fd_);
    if (SSL_connect(ssl_) != 1) Die("the TLS handshake failed");
    if (fcntl(fd_, F_SETFL, O_NONBLOCK) != 0) Die("fcntl");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd_, &event) != 0) Die("epoll_ctl");
    have_ = 0;
    Next();
  }

  /// Sends what was due by now. With a rate the time of an answer counts from when its request was due, so that a
  /// server that falls behind is not spared by its own slowness.
  void OnTime(Clock::time_point now) {
    if (!idle_ || now < due_) return;
    idle_ = false;
    Send();
    sent_at_ = due_;
    due_ += every_;
  }
  void Pace(Clock::time_point first, Clock::duration every) {
    due_ = first;
    every_ = every;
  }

  /// Reads what is there; sends the next requests when all answers have come.
  void OnReadable(int epoll) {
    for (;;) {
      const int count = SSL_read(ssl_, in_.data() + have_, static_cast<int>(in_.size() - have_));
      if (count <= 0) {
        if (SSL_get_error(ssl_, count) == SSL_ERROR_WANT_READ) return;
        ++totals_.reconnects;
        Open(epoll);
        return;
      }
      have_ += static_cast<std::size_t>(count);
      Take();
      if (waiting_ == 0) Next();
      if (SSL_pending(ssl_) == 0) return;
    }
  }

 private:
  void Next() {
    if (options_.rate > 0)
      idle_ = true;
    else
      Send();
  }

  void Close() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    if (fd_ >= 0) close(fd_);
    ssl_ = nullptr;
    fd_ = -1;
  }

  void Send() {
    out_.clear();
    for (int i = 0; i < options_.pipeline; ++i) {
      out_ += requests_[next_];
      next_ = (next_ + 1) % requests_.size();
    }
    waiting_ = options_.pipeline;
    sent_at_ = Clock::now();
    for (std::size_t at = 0; at < out_.size();) {
      const int count = SSL_write(ssl_, out_.data() + at, static_cast<int>(out_.size() - at));
      if (count > 0) {
        at += static_cast<std::size_t>(count);
      } else if (SSL_get_error(ssl_, count) != SSL_ERROR_WANT_WRITE &&
                 SSL_get_error(ssl_, count) != SSL_ERROR_WANT_READ) {
        return;  // closed by the server; the read side notices
      }
    }
  }

  void Take() {
    std::size_t at = 0;
    while (waiting_ > 0) {
      const std::string_view rest(in_.data() + at, have_ - at);
      const std::size_t end = rest.find("\r\n\r\n");
      if (end == std::string_view::npos) break;
      std::size_t length = 0;
      const std::size_t field = rest.substr(0, end).find("ontent-Length: ");
      if (field != std::string_view::npos) length = std::strtoul(rest.data() + field + 15, nullptr, 10);
      if (rest.size() < end + 4 + length) {
        if (end + 4 + length > in_.size()) Die("an answer is larger than 256 KiB");
        break;
      }
      ++totals_.replies;
      if (rest.substr(9, 3) != "200") {
        ++totals_.failures;
        if (totals_.first_failure.empty()) totals_.first_failure = rest.substr(0, end + 4 + length);
      }
      if (totals_.micros.size() < totals_.micros.capacity()) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - sent_at_);
        totals_.micros.push_back(static_cast<std::uint32_t>(took.count()));
      }
      --waiting_;
      at += end + 4 + length;
    }
    have_ -= at;
    if (at != 0 && have_ != 0) std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(at), have_, in_.begin());
  }

  SSL_CTX* tls_;
  const Options& options_;
  sockaddr_storage address_;
  socklen_t address_size_;
  const std::vector<std::string>& requests_;
  std::size_t next_;
  Totals& totals_;
  std::vector<char> in_;
  std::string out_;
  std::size_t have_ = 0;
  int fd_ = -1, waiting_ = 0;
  SSL* ssl_ = nullptr;
  Clock::time_point sent_at_, due_{};
  Clock::duration every_{};
  bool idle_ = false;
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

void RunFor(int epoll, double seconds, const std::vector<std::unique_ptr<Client>>& paced) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  epoll_event events[256];
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    for (const auto& client : paced) client->OnTime(now);
    const int count = epoll_wait(epoll, events, 256, paced.empty() ? 50 : 0);
    for (int i = 0; i < count; ++i) static_cast<Client*>(events[i].data.ptr)->OnReadable(epoll);
  }
}

int Run(const Options& options) {
  const std::vector<std::string> requests = MakeRequests(options);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found) != 0) {
    Die("unknown host " + options.host);
  }
  sockaddr_storage address{};
  std::copy_n(reinterpret_cast<const char*>(found->ai_addr), found->ai_addrlen, reinterpret_cast<char*>(&address));
  const socklen_t address_size = found->ai_addrlen;
  freeaddrinfo(found);

  // The server's certificate is not checked: what is measured is its speed, and the machine is our own.
  SSL_CTX* tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(tls, 1);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  Totals totals;
  totals.micros.reserve(8'000'000);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < options.connections; ++i) {
    clients.push_back(std::make_unique<Client>(tls, options, address, address_size, requests,
                                               static_cast<std::size_t>(i) % requests.size(), totals));
    clients.back()->Open(epoll);
  }
  const std::vector<std::unique_ptr<Client>> none;
  const auto& paced = options.rate > 0 ? clients : none;
  for (std::size_t i = 0; i < paced.size(); ++i) {
    const std::chrono::duration<double> every(options.connections / options.rate);
    const auto step = std::chrono::duration_cast<Clock::duration>(every);
    paced[i]->Pace(Clock::now() + step * static_cast<int>(i) / options.connections, step);
  }
  RunFor(epoll, options.warmup, paced);
  totals.replies = totals.failures = totals.reconnects = 0;
  totals.micros.clear();
  const double cpu_before = CpuSeconds();
  const auto start = Clock::now();
  RunFor(epoll, options.seconds, paced);
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  const double cpu = CpuSeconds() - cpu_before;

  std::ranges::sort(totals.micros);
  const auto quantile = [&](double q) {
    if (totals.micros.empty()) return 0u;
    return totals.micros[static_cast<std::size_t>(q * static_cast<double>(totals.micros.size() - 1))];
  };
  const double rate = static_cast<double>(totals.replies) / took;
  std::printf(
      "requests/s %.0f  replies %llu  failures %llu  reconnects %llu  p50 %u us  p99 %u us  client CPU %.2f "
      "us/request\n",
      rate, static_cast<unsigned long long>(totals.replies), static_cast<unsigned long long>(totals.failures),
      static_cast<unsigned long long>(totals.reconnects), quantile(0.50), quantile(0.99),
      totals.replies == 0 ? 0.0 : cpu * 1e6 / static_cast<double>(totals.replies));
  if (!totals.first_failure.empty()) std::fprintf(stderr, "first failure:\n%s\n", totals.first_failure.c_str());
  clients.clear();
  SSL_CTX_free(tls);
  close(epoll);
  return totals.replies == 0 || totals.failures != 0 ? 1 : 0;
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  strongroom::bench::Options options;
  CLI::App app("HTTPS load generator; signs requests (SigV4) with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  app.add_option("--host", options.host, "server");
  app.add_option("--port", options.port, "its port")->required();
  app.add_option("--connections,-c", options.connections, "kept open at once")->check(CLI::Range(1, 10000));
  app.add_option("--pipeline", options.pipeline, "requests sent at once on each")->check(CLI::Range(1, 256));
  app.add_option("--seconds,-t", options.seconds, "measured time");
  app.add_option("--warmup", options.warmup, "seconds before it");
  app.add_option("--target", options.target, "X-Amz-Target, such as TrentService.Encrypt");
  app.add_option("--body", options.body, "request body");
  app.add_option("--body-file", options.body_file, "file with the request body");
  app.add_option("--bodies", options.bodies_file, "file with a request body on each line, sent in turn");
  app.add_option("--rate", options.rate,
                 "requests a second over all connections; latencies count from when one is due");
  app.add_option("--region", options.region, "of the credential scope");
  app.add_option("--service", options.service, "of the credential scope");
  app.add_option("--method", options.method, "HTTP method");
  app.add_option("--path", options.path, "request target");
  app.add_option("--requests", options.requests_file, "file of whole HTTP requests, sent in turn as they are");
  app.add_flag("--unsigned", options.unsigned_requests, "send method, path and body without a signature");
  CLI11_PARSE(app, argc, argv);
  return strongroom::bench::Run(options);
}
