// The HTTP layer alone, for comparison with nginx and the same TLS: serves "GET /healthz" and a fixed 400-byte answer
// to everything else until it is told to stop.   http_bench CERT KEY PORT THREADS
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "aws/http/server.h"
#include "base/log.h"

namespace {

class FixedAnswer final : public strongroom::aws::HttpHandler {
 public:
  strongroom::Task<void> Handle(const strongroom::aws::HttpRequest&, strongroom::aws::HttpResponse& response) override {
    response.content_type = "application/x-amz-json-1.1";
    response.request_id = "00000000-0000-4000-8000-000000000000";
    response.body.Append(text_);
    co_return;
  }
  void Refuse(std::string_view reason, std::string_view, strongroom::aws::HttpResponse& response) override {
    response.body.Append(reason);
  }

 private:
  const std::string text_ = std::string(400, 'x');
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: http_bench CERT KEY PORT THREADS\n");
    return 2;
  }
  strongroom::InitLog("http_bench", "warn");
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  FixedAnswer handler;
  strongroom::aws::LoopGroup loops(static_cast<std::size_t>(std::atoi(argv[4])));
  loops.Start();
  strongroom::aws::HttpServerConfig config;
  config.certificate_chain = argv[1];
  config.private_key = argv[2];
  config.port = static_cast<std::uint16_t>(std::atoi(argv[3]));
  auto server = strongroom::aws::HttpServer::Start(config, loops, handler);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().ForLog().c_str());
    return 1;
  }
  int signal = 0;
  sigwait(&stop, &signal);
  (*server)->Stop(std::chrono::seconds(1));
  loops.Stop();
  return 0;
}
