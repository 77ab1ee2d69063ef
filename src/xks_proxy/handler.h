#pragma once

#include <memory>

#include "aws/dispatch/call_trail.h"
#include "aws/http/handler.h"
#include "aws/sigv4/verify.h"
#include "ports/audit.h"
#include "ports/clock.h"
#include "xks_proxy/audit_line.h"
#include "xks_proxy/proxies.h"

namespace strongroom::xks_proxy {

/// Answers KMS's requests to external key store proxies, and hands everything else on.
///
/// Promise   the order of checks: signature (SigV4, service kms-xks-proxy, ±5 minutes), path, method, shape and limits,
///           key. Who has no credential of a proxy learns of no path and of no key. Every request that was signed by a
///           proxy's credential leaves one line in the log.
/// Threads   Handle may run on every loop at once.
/// Lifetime  what it refers to outlives it.
/// Source    XKS Proxy API Specification v0.9.7.
class Handler final : public aws::HttpHandler {
 public:
  /// `rest` is who answers requests for other paths and those that the server refuses itself. `clock` of null is the
  /// machine's. Errors: those of the locked pool.
  static Result<std::unique_ptr<Handler>> Create(Proxies& proxies, aws::HttpHandler& rest, std::size_t loops,
                                                 const ports::Clock* clock = nullptr);

  /// Requests go to the audit trail from here on, too; before the first of them. Both outlive the handler.
  void RecordTo(ports::AuditSink& audit, aws::CallTrail& trail) noexcept {
    audit_ = &audit;
    trail_ = &trail;
  }

  Task<void> Handle(const aws::HttpRequest& request, aws::HttpResponse& response) override;
  void Refuse(std::string_view reason, std::string_view content_type, aws::HttpResponse& response) override {
    rest_.Refuse(reason, content_type, response);
  }

 private:
  Task<void> HandleOurs(const aws::HttpRequest& request, aws::HttpResponse& response);
  struct Exchange;
  Handler(Proxies& proxies, aws::HttpHandler& rest, const ports::Clock& clock,
          std::unique_ptr<aws::SigV4Verifier> verifier)
      : proxies_(proxies), rest_(rest), clock_(clock), verifier_(std::move(verifier)) {}

  Task<Status> Answer(Exchange& exchange);
  Status Authenticate(Exchange& exchange);
  Status Route(Exchange& exchange) const;
  void Fail(Exchange& exchange, const Error& error, std::size_t empty_body, AuditLine& line) const;
  void Record(const Exchange& exchange, const AuditLine& line) const;
  static Task<Status> Health(Exchange& exchange);
  static Task<Status> KeyMetadata(Exchange& exchange);
  static Task<Status> Encrypt(Exchange& exchange);
  static Task<Status> Decrypt(Exchange& exchange);

  Proxies& proxies_;
  aws::HttpHandler& rest_;
  const ports::Clock& clock_;
  const std::unique_ptr<aws::SigV4Verifier> verifier_;
  ports::AuditSink* audit_ = nullptr;
  aws::CallTrail* trail_ = nullptr;
};

}  // namespace strongroom::xks_proxy
