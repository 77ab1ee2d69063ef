#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/dispatch/service.h"
#include "aws/http/handler.h"
#include "base/result.h"
#include "ports/audit.h"
#include "ports/clock.h"
#include "ports/credentials.h"

namespace prometheus {
class Collectable;
}

namespace strongroom::aws {

struct DispatcherConfig {
  std::vector<std::string> regions;  // configured regions; others are refused (1.5, row 6)
  std::chrono::seconds clock_skew{300};
  std::vector<Service> services;
  const ports::Credentials* credentials = nullptr;
  const ports::Clock* clock = nullptr;  // null: the machine's
  ports::AuditSink* audit = nullptr;    // null: none
  std::size_t loops = 1;                // size of the LoopGroup
  /// Answers GET /healthz: ok, or the failure whose public message is shown with status 503. Null: always ok.
  std::function<Status()> health;
  /// Shown by GET /metrics beside the dispatcher's own; must outlive it.
  std::vector<std::shared_ptr<prometheus::Collectable>> metrics;
};

/// From HTTP request to AWS answer: target -> signature -> body -> model constraints -> operation -> reply, in the
/// order of spec/kms.md 1.7. Also answers GET /healthz and GET /metrics, unsigned.
///
/// Threads   Handle may run on every loop at once.
/// Lifetime  what the configuration points at outlives the dispatcher.
class Dispatcher final : public HttpHandler {
 public:
  /// Errors: kInvalidArgument when an operation is listed twice, or is unknown to its service's model.
  static Result<std::unique_ptr<Dispatcher>> Create(DispatcherConfig config);
  ~Dispatcher() override;

  /// Adds to what GET /metrics shows.
  void AddMetrics(std::shared_ptr<prometheus::Collectable> metrics);

  Task<void> Handle(const HttpRequest& request, HttpResponse& response) override;
  void Refuse(std::string_view reason, HttpResponse& response) override;

 private:
  struct State;
  explicit Dispatcher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace strongroom::aws
