#include "aws/dispatch/dispatcher.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <mutex>

#include "aws/dispatch/body.h"
#include "aws/dispatch/error_reply.h"
#include "aws/dispatch/metrics.h"
#include "aws/dispatch/registry.h"
#include "aws/dispatch/reply_writer.h"
#include "aws/dispatch/request_id.h"
#include "aws/http/text.h"
#include "aws/model/validate.h"
#include "aws/sigv4/claim.h"
#include "aws/sigv4/verify.h"
#include "base/log.h"

namespace strongroom::aws {
namespace {

/// One request on its way; lives in the coroutine that handles it.
struct Exchange {
  const HttpRequest& request;
  HttpResponse& response;
  const Service* service = nullptr;
  const Route* route = nullptr;
  std::string_view parameters{};  // Query: the form, in body or query
  Verified verified{};
  ports::WallTime time{};
  ArenaLease arena{};
  std::optional<boost::json::value> body{};  // emplaced, since assigning would copy it out of the arena
  std::optional<Call> call{};
};

bool IsMediaType(std::string_view header, std::string_view type) {
  return EqualsIgnoringCase(Trimmed(header.substr(0, header.find(';'))), type);
}

bool IsForm(const HttpRequest& request) {
  return IsMediaType(request.Get("content-type"), "application/x-www-form-urlencoded");
}

/// Access key ids are of such characters; what else a request names in their place is not shown.
bool IsKeyId(std::string_view text) {
  constexpr std::size_t kLongest = 128;
  return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

bool IsUnsigned(const Exchange& exchange) {
  return exchange.verified.credential &&
         exchange.verified.credential->caller.kind == ports::PrincipalKind::kWebIdentity;
}

/// Failures that somebody who guesses would see.
bool IsFailedSignature(const Exchange& exchange, const Error& failure) {
  if (exchange.verified.credential) return IsUnsigned(exchange);
  return failure.code() == Errc::kInvalidSignature || failure.code() == Errc::kUnrecognizedClient ||
         failure.code() == Errc::kExpiredToken;
}

}  // namespace

struct Dispatcher::State {
  DispatcherConfig config;
  std::vector<std::string> global_regions;  // of services without Regions
  Registry registry;
  std::unique_ptr<SigV4Verifier> verifier;
  std::shared_ptr<DispatchMetrics> metrics;
  std::optional<FailureBrake> brake;
  std::shared_ptr<const ports::Credential> anonymous;  // whom requests without a signature are of
  std::mutex extra_mutex;                              // guards config.metrics

  Result<const Route*> ChooseOperation(Exchange& exchange) const;
  Result<const Route*> ChooseAction(Exchange& exchange) const;
  Status Authenticate(Exchange& exchange);
  Status ReadBody(Exchange& exchange) const;
  Result<Call*> Prepare(Exchange& exchange);
  Result<Call*> PrepareBody(Exchange& exchange);
  Task<Result<Call*>> PrepareWithKey(Exchange& exchange);
  Task<void> Hold(const Exchange& exchange, std::optional<Error>& failure, std::chrono::steady_clock::time_point start);
  void Answer(Exchange& exchange, const Reply& reply) const;
  void Finish(Exchange& exchange, const Error* error, std::chrono::steady_clock::time_point start);
  void Record(const Exchange& exchange, const Reply* reply, const Error* error) const;
  bool AnswerUnsigned(const HttpRequest& request, HttpResponse& response);
};

Result<const Route*> Dispatcher::State::ChooseAction(Exchange& exchange) const {
  const HttpRequest& request = exchange.request;
  exchange.parameters = IsForm(request) ? request.body : request.query();
  const std::string scope = ScopeService(request);
  const Service* first_query = nullptr;
  for (const Service& service : config.services) {
    if (service.protocol != Protocol::kQuery) continue;
    if (first_query == nullptr) first_query = &service;
    if (service.signing_name == scope) exchange.service = &service;
  }
  const std::string action = FormParameter(exchange.parameters, "Action");
  if (scope.empty()) {
    for (const Service& service : config.services) {
      if (service.protocol != Protocol::kQuery) continue;
      const Route* route = registry.FindAction(service, action);
      if (route != nullptr && route->operation->anonymous) exchange.service = &service;
    }
  }
  if (exchange.service == nullptr) exchange.service = first_query;
  if (exchange.service == nullptr) return Error(Errc::kUnknownOperation, "");
  if (const Route* route = registry.FindAction(*exchange.service, action)) return route;
  if (action.empty()) return Error(Errc::kUnknownOperation, "The request names no Action.");
  return Error(Errc::kUnknownOperation, "The action " + action.substr(0, 128) + " is not valid for this endpoint.");
}

Result<const Route*> Dispatcher::State::ChooseOperation(Exchange& exchange) const {
  const HttpRequest& request = exchange.request;
  const HttpHeader* target = request.Find("x-amz-target");
  const bool query_form = target == nullptr && (IsForm(request) || !request.query().empty());
  if (request.path() != "/" || (request.method != "POST" && !(request.method == "GET" && query_form))) {
    exchange.response.status = 404;
    return Error(Errc::kUnknownOperation, "");
  }
  if (query_form) return ChooseAction(exchange);
  if (target == nullptr) return Error(Errc::kUnknownOperation, "");
  if (const Route* route = registry.FindTarget(target->value)) {
    exchange.service = route->service;
    return route;
  }
  return Error(Errc::kUnknownOperation, "");
}

Status Dispatcher::State::Authenticate(Exchange& exchange) {
  const VerifyOptions options{
      .regions = exchange.service->global ? global_regions : config.regions,
      .service = exchange.service->signing_name,
      .presigned = exchange.service->protocol == Protocol::kQuery ? Presigned::kAllowed : Presigned::kRefused,
      .skew = config.clock_skew};
  auto verified = verifier->Verify(exchange.request, options, exchange.time);
  if (!verified.ok() && verified.error().code() == Errc::kMissingAuthentication &&
      exchange.route->operation->anonymous) {
    exchange.verified.credential = anonymous;
    exchange.verified.region = config.regions.front();
    return {};
  }
  SR_TRY(exchange.verified, std::move(verified));
  return {};
}

Status Dispatcher::State::ReadBody(Exchange& exchange) const {
  const HttpRequest& request = exchange.request;
  const model::Shape& input = *exchange.route->shape->input;
  if (exchange.service->protocol == Protocol::kQuery) {
    SR_TRY(auto&& parsed, ParseQueryBody(exchange.parameters, input, *exchange.arena));
    exchange.body.emplace(std::move(parsed));
  } else {
    const std::string_view type = request.Get("content-type");
    if (!IsMediaType(type, "application/x-amz-json-1.1") && !IsMediaType(type, "application/json")) {
      return Error(Errc::kSerialization, "Content-Type must be application/x-amz-json-1.1.");
    }
    const std::string_view coding = request.Get("content-encoding");
    if (!coding.empty() && !EqualsIgnoringCase(coding, "identity")) {
      return Error(Errc::kSerialization, "Content-Encoding is not supported.");
    }
    SR_TRY(auto&& parsed, ParseJsonBody(request.body, *exchange.arena));
    exchange.body.emplace(std::move(parsed));
  }
  const boost::json::object& object = exchange.body->get_object();
  SR_CHECK(model::CheckTypes(object, input));
  return model::CheckConstraints(object, input, exchange.route->overrides);
}

/// Null when a signing key has to be fetched first: then PrepareWithKey goes on.
Result<Call*> Dispatcher::State::Prepare(Exchange& exchange) {
  exchange.time = config.clock->Now();
  SR_TRY(exchange.route, ChooseOperation(exchange));
  SR_CHECK(Authenticate(exchange));
  if (exchange.verified.wanted) return nullptr;
  return PrepareBody(exchange);
}

Task<Result<Call*>> Dispatcher::State::PrepareWithKey(Exchange& exchange) {
  // A second time when the key was pushed out of memory, or its access key changed, in between.
  for (int attempt = 0; attempt < 2 && exchange.verified.wanted; ++attempt) {
    ports::WantedKey wanted = std::move(*exchange.verified.wanted);
    exchange.verified.wanted.reset();
    Status fetched = co_await config.signing_keys->Fetch(std::move(wanted));
    if (!fetched.ok()) co_return std::move(fetched).error();
    SR_CO_CHECK(Authenticate(exchange));
  }
  if (exchange.verified.wanted) co_return Error(Errc::kUnavailable, "The signing key cannot be kept; try again.");
  co_return PrepareBody(exchange);
}

/// Holds back the answer to a request whose signature has failed.
Task<void> Dispatcher::State::Hold(const Exchange& exchange, std::optional<Error>& failure,
                                   std::chrono::steady_clock::time_point start) {
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
  const FailureBrake::Verdict verdict = brake->Failed(exchange.request.remote_address, start);
  if (verdict.too_many) failure.emplace(Error(Errc::kThrottled, "Rate exceeded"));
  if (verdict.hold.count() == 0) co_return;
  Timer timer(co_await boost::asio::this_coro::executor, start + verdict.hold);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable_t<LoopExecutor>{}, ignored));
}

Result<Call*> Dispatcher::State::PrepareBody(Exchange& exchange) {
  SR_CHECK(ReadBody(exchange));
  if (config.trail != nullptr) SR_CHECK(config.trail->Admit());
  const Operation& operation = *exchange.route->operation;
  exchange.call.emplace(Call{.caller = exchange.verified.credential->caller,
                             .region = exchange.verified.region,
                             .request_id = exchange.response.request_id,
                             .operation = operation.name(),
                             .iam_action = operation.iam_action,
                             .source_ip = exchange.request.remote_address,
                             .user_agent = exchange.request.Get("user-agent"),
                             .time = exchange.time,
                             .body = Fields(exchange.body->get_object())});
  if (config.authenticated) config.authenticated(*exchange.call, exchange.service->signing_name);
  if (exchange.service->admit) SR_CHECK(exchange.service->admit(exchange.service->instance, *exchange.call));
  return &*exchange.call;
}

void Dispatcher::State::Answer(Exchange& exchange, const Reply& reply) const {
  HttpResponse& response = exchange.response;
  response.status = 200;
  if (exchange.service->protocol == Protocol::kJson11) {
    response.content_type = kJsonType;
    if (reply.has_body()) ReplyWriter::Json(reply, response.body);
    return;
  }
  response.content_type = kXmlType;
  WipedBuffer& out = response.body;
  const std::string_view name = exchange.route->operation->name();
  const auto put = [&](std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) out.Append(part);
  };
  put({"<", name, "Response xmlns=\"", exchange.service->xml_namespace, "\">"});
  if (exchange.route->shape->has_output && reply.has_body()) {
    put({"<", name, "Result>"});
    ReplyWriter::Xml(reply, out);
    put({"</", name, "Result>"});
  }
  put({"<ResponseMetadata><RequestId>", response.request_id, "</RequestId></ResponseMetadata></", name, "Response>"});
}

void Dispatcher::State::Record(const Exchange& exchange, const Reply* reply, const Error* error) const {
  if (config.trail == nullptr || exchange.route == nullptr) return;
  EndedCall ended{.service = *exchange.service,
                  .operation = *exchange.route->operation,
                  .request = exchange.request,
                  .request_id = exchange.response.request_id,
                  .region = exchange.verified.region,
                  .time = config.clock->Now()};
  std::optional<SignatureClaim> claim;
  std::shared_ptr<const ports::Credential> claimed;
  if (exchange.call && exchange.call->proven) {
    ended.caller = &*exchange.call->proven;
  } else if (exchange.verified.credential) {
    ended.caller = &exchange.verified.credential->caller;
    ended.credential = &exchange.verified.credential;
  } else {
    claim.emplace();
    // As far as it reads; none of it is believed.
    static_cast<void>(ReadClaim(exchange.request, Presigned::kAllowed, *claim));
    if (IsKeyId(claim->key_id)) {
      ended.claimed_key = claim->key_id;
      claimed = config.credentials->Find(claim->key_id);
      if (claimed) ended.claimed_account = claimed->caller.account;
    }
    const auto region = std::ranges::find(config.regions, claim->region);
    if (region != config.regions.end()) ended.region = *region;
  }
  if (exchange.call) ended.call = &*exchange.call;
  if (exchange.body && exchange.body->is_object()) ended.parameters = &exchange.body->get_object();
  ended.reply = reply;
  if (error != nullptr) {
    ended.error_code = (*exchange.service->errors)[static_cast<std::size_t>(error->code())].type;
    ended.error_message = error->public_message();
  }
  config.trail->Record(ended);
}

void Dispatcher::State::Finish(Exchange& exchange, const Error* error, std::chrono::steady_clock::time_point start) {
  const auto took = std::chrono::steady_clock::now() - start;
  metrics->Count(exchange.route == nullptr ? metrics->no_operation() : exchange.route->metric,
                 error == nullptr ? Errc::kCount_ : error->code(), took);
}

bool Dispatcher::State::AnswerUnsigned(const HttpRequest& request, HttpResponse& response) {
  // The server leaves the body of an answer to HEAD out.
  if (request.method != "GET" && request.method != "HEAD") return false;
  if (request.target == "/healthz") {
    const Status healthy = config.health ? config.health() : Status();
    response.status = healthy ? 200 : 503;
    response.content_type = "text/plain; charset=utf-8";
    response.body.Append(healthy ? "ok\n" : healthy.error().public_message() + "\n");
    if (config.alarms) response.body.Append(config.alarms());
    return true;
  }
  if (request.target == "/metrics") {
    std::vector<prometheus::MetricFamily> families = metrics->Collect();
    {
      const std::lock_guard lock(extra_mutex);
      for (const auto& one : config.metrics) {
        for (auto& family : one->Collect()) families.push_back(std::move(family));
      }
    }
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body.Append(prometheus::TextSerializer().Serialize(families));
    return true;
  }
  return false;
}

Dispatcher::Dispatcher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dispatcher::~Dispatcher() = default;

Result<std::unique_ptr<Dispatcher>> Dispatcher::Create(DispatcherConfig config) {
  if (config.credentials == nullptr) return Error(Errc::kInvalidArgument, "The dispatcher needs credentials.");
  auto state = std::make_unique<State>();
  state->config = std::move(config);
  if (state->config.clock == nullptr) state->config.clock = &ports::SystemClock();
  constexpr std::string_view kHome = "us-east-1";
  state->global_regions = state->config.regions;
  if (std::ranges::find(state->global_regions, kHome) == state->global_regions.end())
    state->global_regions.emplace_back(kHome);
  SR_TRY(state->registry, Registry::Create(state->config.services));
  SR_TRY(state->verifier,
         SigV4Verifier::Create(*state->config.credentials, state->config.loops, state->config.signing_keys));
  state->brake.emplace(state->config.brake);
  auto anonymous = std::make_shared<ports::Credential>();
  anonymous->caller.kind = ports::PrincipalKind::kWebIdentity;
  state->anonymous = std::move(anonymous);
  std::vector<DispatchMetrics::Name> names;
  for (const auto& route : state->registry.routes()) {
    names.push_back({std::string(route->service->name), std::string(route->operation->name())});
  }
  state->metrics = std::make_shared<DispatchMetrics>(std::move(names), state->config.loops);
  return std::unique_ptr<Dispatcher>(new Dispatcher(std::move(state)));
}

void Dispatcher::AddMetrics(std::shared_ptr<prometheus::Collectable> metrics) {
  const std::lock_guard lock(state_->extra_mutex);
  state_->config.metrics.push_back(std::move(metrics));
}

Task<void> Dispatcher::Handle(const HttpRequest& request, HttpResponse& response) {
  response.request_id = NewRequestId();
  if (state_->AnswerUnsigned(request, response)) co_return;
  const auto start = std::chrono::steady_clock::now();
  const std::size_t empty_body = response.body.size();
  Exchange exchange{.request = request, .response = response};
  std::optional<Reply> reply;
  std::optional<Error> failure;
  try {
    auto prepared = state_->Prepare(exchange);
    if (prepared && *prepared == nullptr) prepared = co_await state_->PrepareWithKey(exchange);
    // What a request without a signature may cost is asked before, not after.
    if (prepared && IsUnsigned(exchange) && state_->brake->Exhausted(request.remote_address, start))
      prepared = Error(Errc::kThrottled, "Rate exceeded");
    if (prepared) {
      Result<Reply> answer = co_await exchange.route->operation->handler(exchange.service->instance, **prepared);
      if (answer) {
        reply.emplace(std::move(answer).value());
        state_->Answer(exchange, *reply);
        if (exchange.service->succeeded) exchange.service->succeeded(exchange.service->instance, **prepared);
      } else {
        failure.emplace(std::move(answer).error());
      }
    } else {
      failure.emplace(std::move(prepared).error());
    }
  } catch (const std::exception& unexpected) {
    failure.emplace(Error(Errc::kInternal, "Unexpected exception.").WithDetail(unexpected.what()));
  }
  // The trail has the reason, also where the answer says no more than that there were too many.
  state_->Record(exchange, failure ? nullptr : &*reply, failure ? &*failure : nullptr);
  if (failure && IsFailedSignature(exchange, *failure)) co_await state_->Hold(exchange, failure, start);
  if (state_->config.trail != nullptr && exchange.route != nullptr && state_->config.trail->holds_answers()) {
    Status durable = co_await state_->config.trail->Durable();
    if (!durable.ok()) failure.emplace(std::move(durable).error());
  }
  if (failure) {
    response.body.Truncate(empty_body);
    const unsigned path_status = response.status;
    WriteError(exchange.service, *failure, response);
    if (path_status == 404) response.status = 404;
  }
  state_->Finish(exchange, failure ? &*failure : nullptr, start);
}

void Dispatcher::Refuse(std::string_view reason, std::string_view content_type, HttpResponse& response) {
  response.request_id = NewRequestId();
  const unsigned status = response.status;
  const Errc code = status == 413 ? Errc::kRequestTooLarge : Errc::kSerialization;
  // Which service was meant is not known; all that take forms answer in XML of one shape.
  const auto query = std::ranges::find(state_->config.services, Protocol::kQuery, &Service::protocol);
  if (status < 500 && query != state_->config.services.end() &&
      IsMediaType(content_type, "application/x-www-form-urlencoded")) {
    WriteError(&*query, Error(code, std::string(reason)), response);
    response.status = status;
  } else {
    const std::string_view type = status == 413   ? "RequestEntityTooLargeException"
                                  : status == 503 ? "ServiceUnavailableException"
                                                  : "SerializationException";
    WriteJsonError(type, status, reason, MessageMember::kAsKms, response);
  }
  state_->metrics->Count(state_->metrics->no_operation(), code, {});
}

}  // namespace strongroom::aws
