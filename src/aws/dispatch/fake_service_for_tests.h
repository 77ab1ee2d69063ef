#pragma once

// Services with a few operations, credentials and a movable clock, for this component's tests.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "aws/dispatch/dispatcher.h"
#include "aws/sigv4/canonical.h"
#include "aws/sigv4/signer.h"
#include "crypto/hash.h"
#include "ports/credentials.h"

namespace strongroom::aws::testing_kit {

inline constexpr std::string_view kKeyId = "AKIATESTTESTTESTTEST";
inline constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

class FakeClock final : public ports::Clock {
 public:
  ports::WallTime Now() const noexcept override { return now; }
  ports::WallTime now = ports::WallTime(std::chrono::seconds(1'772'366'400));  // 2026-03-01T12:00:00Z
};

class FakeCredentials final : public ports::Credentials {
 public:
  std::shared_ptr<const ports::Credential> Find(std::string_view id) const override {
    return id == one->caller.access_key_id ? one : nullptr;
  }
  static std::shared_ptr<ports::Credential> Make(std::string_view id, std::string_view secret) {
    auto made = std::make_shared<ports::Credential>();
    made->caller.account = "111122223333";
    made->caller.arn = "arn:aws:iam::111122223333:root";
    made->caller.principal_id = "111122223333";
    made->caller.access_key_id = id;
    made->secret = SecretBuffer::CopyOf(AsBytes(secret)).value();
    return made;
  }
  std::shared_ptr<ports::Credential> one = Make(kKeyId, kSecret);
};

struct FakeKms {
  int calls = 0;
};

inline Task<Result<Reply>> EchoEncrypt(FakeKms& kms, Call& call) {
  ++kms.calls;
  SR_CO_TRY(std::string key, call.body.RequiredString("KeyId"));
  SR_CO_TRY(SecretBuffer plaintext, call.body.RequiredSecret("Plaintext"));
  if (key == "missing") co_return Error(Errc::kNotFound, "Key 'missing' does not exist");
  if (key == "silent") co_return Error(Errc::kBadCiphertext, "");
  if (key == "denied") co_return Error(Errc::kAccessDenied, "User is not authorized");
  if (key == "broken") co_return Error(Errc::kCorrupted, "inner words").WithDetail("row 7");
  if (key == "throws") throw std::runtime_error("boom");
  call.AuditResource(key);
  Reply reply;
  reply.Text("KeyId", "arn:\"" + key + "\"").Secret("CiphertextBlob", std::move(plaintext));
  co_return reply;
}
inline Task<Result<Reply>> EnableNothing(FakeKms& kms, Call&) {
  ++kms.calls;
  co_return Reply::NoBody();
}
inline Task<Result<Reply>> Schedule(FakeKms& kms, Call& call) {
  ++kms.calls;
  SR_CO_TRY(const std::int64_t days, call.body.IntOr("PendingWindowInDays", 30));
  Reply reply;
  reply.Int("PendingWindowInDays", days).Timestamp("DeletionDate", call.time + std::chrono::milliseconds(123));
  co_return reply;
}
inline Task<Result<Reply>> CreateKey(FakeKms& kms, Call& call) {
  ++kms.calls;
  SR_CO_TRY(const auto tags, call.body.PairList("Tags", "TagKey", "TagValue"));
  Reply metadata;
  metadata.Bool("Enabled", true).Int("Tags", static_cast<std::int64_t>(tags.size()));
  Reply reply;
  reply.Object("KeyMetadata", std::move(metadata));
  co_return reply;
}
inline Task<Result<Reply>> WhoAmI(FakeKms&, Call& call) {
  Reply reply;
  reply.Text("UserId", call.caller.principal_id)
      .Text("Account", call.caller.account)
      .Text("Arn", "<&>" + call.caller.arn);
  co_return reply;
}
inline Task<Result<Reply>> Assume(FakeKms&, Call& call) {
  SR_CO_TRY(const std::string name, call.body.RequiredString("RoleSessionName"));
  SR_CO_TRY(const auto tags, call.body.PairList("Tags", "Key", "Value"));
  SR_CO_TRY(const std::int64_t duration, call.body.IntOr("DurationSeconds", 3600));
  Reply inner;
  inner.Text("Arn", name);
  std::vector<std::string> keys;
  for (const auto& tag : tags) keys.push_back(tag.first + "=" + tag.second);
  Reply reply;
  reply.Object("AssumedRoleUser", std::move(inner)).Texts("Tags", std::move(keys)).Int("PackedPolicySize", duration);
  co_return reply;
}

/// Believes tokens that begin with "good", without a signature.
inline Task<Result<Reply>> AssumeWithToken(FakeKms& kms, Call& call) {
  ++kms.calls;
  SR_CO_TRY(const std::string token, call.body.RequiredString("WebIdentityToken"));
  if (!token.starts_with("good")) co_return Error(Errc::kInvalidArgument, "no such token");
  ports::Caller& proven = call.proven.emplace();
  proven.kind = ports::PrincipalKind::kWebIdentity;
  proven.account = "444455556666";
  if (token == "good, but") co_return Error(Errc::kAccessDenied, "not this role");
  Reply reply;
  reply.Text("Audience", "here");
  co_return reply;
}

inline constexpr Operation kEncrypt{"TrentService.Encrypt", "kms:Encrypt", Bind<FakeKms, &EchoEncrypt>};
inline constexpr Operation kEnable{"TrentService.EnableKey", "kms:EnableKey", Bind<FakeKms, &EnableNothing>};
inline constexpr Operation kSchedule{"TrentService.ScheduleKeyDeletion", "kms:ScheduleKeyDeletion",
                                     Bind<FakeKms, &Schedule>};
inline constexpr Operation kCreateKey{"TrentService.CreateKey", "kms:CreateKey", Bind<FakeKms, &CreateKey>};
inline constexpr Operation kWhoAmI{"sts.GetCallerIdentity", "sts:GetCallerIdentity", Bind<FakeKms, &WhoAmI>};
inline constexpr Operation kAssume{"sts.AssumeRole", "sts:AssumeRole", Bind<FakeKms, &Assume>};
inline constexpr std::array kKmsRows{&kEncrypt, &kEnable, &kSchedule, &kCreateKey};
inline constexpr Operation kAssumeWithToken{"sts.AssumeRoleWithWebIdentity", "sts:AssumeRoleWithWebIdentity",
                                            Bind<FakeKms, &AssumeWithToken>, true};
inline constexpr std::array kStsRows{&kWhoAmI, &kAssume, &kAssumeWithToken};
inline constexpr auto kUnused = [] {
  std::array<Errc, kErrcCount> all{};
  for (std::size_t i = 0; i < kErrcCount; ++i) all[i] = static_cast<Errc>(i);
  return all;
}();
inline constexpr auto kKmsErrors =
    CompleteTable(std::to_array<WireError>({{Errc::kInvalidArgument, "ValidationException", 400},
                                            {Errc::kAccessDenied, "AccessDeniedException", 400},
                                            {Errc::kBadCiphertext, "InvalidCiphertextException", 400},
                                            {Errc::kNotFound, "NotFoundException", 400}}),
                  kCommonJsonErrors, {Errc::kInternal, "KMSInternalException", 500}, kUnused);
inline constexpr auto kStsErrors =
    CompleteTable(std::array<WireError, 0>{}, kCommonQueryErrors, {Errc::kInternal, "InternalFailure", 500}, kUnused);
inline constexpr auto kOverrides =
    std::to_array<ConstraintOverride>({{"ScheduleKeyDeletion", "PendingWindowInDays", 7, 30}});

/// Keeps what it was told, and can say that nothing may be done or that nothing became durable.
class CountingTrail final : public CallTrail {
 public:
  struct Seen {
    std::string source, name, region, account, source_ip, parameters, reply, error_code, error_message;
    std::vector<std::string> resources;
    std::string claimed_key, claimed_account;
  };
  Status Admit() const override { return admits; }
  bool holds_answers() const noexcept override { return holds; }
  Task<Status> Durable() override { co_return durable; }
  void Record(const EndedCall& ended) override {
    Seen seen{
        std::string(ended.service.event_source),
        std::string(ended.operation.name()),
        std::string(ended.region),
        ended.caller == nullptr ? "" : ended.caller->account,
        std::string(ended.request.remote_address),
        ended.parameters == nullptr ? "" : boost::json::serialize(*ended.parameters),
        ended.reply == nullptr || ended.reply->members().empty() ? "" : std::string(ended.reply->members()[0].name),
        std::string(ended.error_code),
        std::string(ended.error_message),
        ended.call == nullptr ? std::vector<std::string>() : ended.call->audit_resources,
        std::string(ended.claimed_key),
        std::string(ended.claimed_account)};
    const std::lock_guard lock(mutex);
    events.push_back(std::move(seen));
  }
  Status admits, durable;
  bool holds = false;
  std::mutex mutex;
  std::vector<Seen> events;
};

/// Everything wired up; `dispatcher` is ready for a server or for direct calls.
struct FakeEndpoint {
  FakeClock clock;
  FakeCredentials credentials;
  FakeKms kms;
  CountingTrail trail;
  std::unique_ptr<Dispatcher> dispatcher;

  explicit FakeEndpoint(std::size_t loops = 1, ports::SigningKeySource* keys = nullptr,
                        FailureBrake::Options brake = {}) {
    DispatcherConfig config;
    config.brake = brake;
    config.regions = {"eu-central-1", "us-east-1"};
    config.credentials = &credentials;
    config.signing_keys = keys;
    config.clock = &clock;
    config.trail = &trail;
    config.loops = loops;
    config.services = {Service{.name = "kms",
                               .signing_name = "kms",
                               .event_source = "kms.amazonaws.com",
                               .operations = kKmsRows,
                               .instance = &kms,
                               .errors = &kKmsErrors,
                               .overrides = kOverrides},
                       Service{.name = "sts",
                               .signing_name = "sts",
                               .event_source = "sts.amazonaws.com",
                               .protocol = Protocol::kQuery,
                               .xml_namespace = "https://sts.amazonaws.com/doc/2011-06-15/",
                               .operations = kStsRows,
                               .instance = &kms,
                               .errors = &kStsErrors}};
    dispatcher = std::move(Dispatcher::Create(std::move(config)).value());
  }

  /// A signed request's bytes, as a client sends them.
  std::string Signed(std::string_view service, std::string_view target, std::string_view body) const {
    SignRequest request{.method = "POST", .target = "/", .body = body, .region = "eu-central-1", .service = service};
    request.headers = {{"Host", "localhost"}, {"X-Amz-Date", FormatBasicTime(clock.now)}};
    if (!target.empty()) {
      request.headers.push_back({"X-Amz-Target", std::string(target)});
      request.headers.push_back({"Content-Type", "application/x-amz-json-1.1"});
    } else {
      request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    }
    return SignedHttp(request, kKeyId, SecretBuffer::CopyOf(AsBytes(kSecret)).value()).value();
  }
};

}  // namespace strongroom::aws::testing_kit
