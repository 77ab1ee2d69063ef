#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/dispatch/call_trail.h"
#include "aws/dispatch/failure_brake.h"
#include "aws/dispatch/service.h"
#include "aws/http/handler.h"
#include "base/result.h"
#include "ports/clock.h"
#include "ports/credentials.h"
#include "ports/signing_keys.h"

namespace prometheus {
class Collectable;
}

namespace strongroom::aws {

struct DispatcherConfig {
  std::vector<std::string> regions;  // configured regions; others are refused (1.5, row 6)
  std::chrono::seconds clock_skew{300};
  std::vector<Service> services;
  const ports::Credentials* credentials = nullptr;
  ports::SigningKeySource* signing_keys = nullptr;  // null: each credential has its secret
  FailureBrake::Options brake{};
  const ports::Clock* clock = nullptr;  // null: the machine's
  CallTrail* trail = nullptr;           // null: none
  std::size_t loops = 1;                // size of the LoopGroup
  /// Told of each call whose signature is right, with the name that it was signed for. Must not block; null: none.
  std::function<void(const Call&, std::string_view service)> authenticated;
  /// Answers GET and HEAD /healthz: ok, or the failure whose public message is shown with status 503. Null: always ok.
  std::function<Status()> health;
  /// What else GET /healthz says, after "ok" or the failure: lines about what needs the operator. Null: nothing.
  std::function<std::string()> alarms;
  /// Shown by GET /metrics beside the dispatcher's own; must outlive it.
  std::vector<std::shared_ptr<prometheus::Collectable>> metrics;
};

/// From HTTP request to AWS answer: target -> signature -> body -> model constraints -> operation -> reply, in the
/// order of spec/kms.md 1.7. Also answers GET and HEAD of /healthz and /metrics, unsigned.
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
  void Refuse(std::string_view reason, std::string_view content_type, HttpResponse& response) override;

 private:
  struct State;
  explicit Dispatcher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace strongroom::aws
