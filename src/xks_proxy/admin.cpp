#include "xks_proxy/admin.h"

#include <sodium.h>

#include <chrono>

#include "aws/dispatch/question.h"
#include "base/log.h"
#include "xks_proxy/ops/all.h"

namespace strongroom::xks_proxy {
namespace {

constexpr std::size_t kKeyIdChars = 24;   // KMS takes 20 to 30 of [A-Z2-7]
constexpr std::size_t kSecretChars = 48;  // KMS takes 43 to 64
constexpr std::chrono::seconds kTryFor{10};

constexpr auto kOwnErrors = std::to_array<aws::WireError>({
    {Errc::kInvalidArgument, "ValidationException", 400},
    {Errc::kAccessDenied, "AccessDeniedException", 400},
    {Errc::kNotFound, "NotFoundException", 400},
    {Errc::kAlreadyExists, "AlreadyExistsException", 400},
    {Errc::kConflict, "ConflictException", 400},
    {Errc::kLimitExceeded, "LimitExceededException", 400},
    {Errc::kInvalidState, "InvalidStateException", 400},
    {Errc::kClusterNotFound, "ClusterNotFoundException", 400},
    {Errc::kClusterNotActive, "ClusterNotActiveException", 400},
    {Errc::kTimeout, "DependencyTimeoutException", 500},
});
constexpr auto kUnused = aws::Join(
    aws::kOfKmsAlone, std::to_array<Errc>({Errc::kUnsupported, Errc::kInvalidArn, Errc::kInvalidMarker, Errc::kTag}));
constexpr aws::WireErrors kWireErrors =
    aws::CompleteTable(kOwnErrors, aws::kCommonJsonErrors, {Errc::kInternal, "InternalException", 500}, kUnused);

std::string NewAccessKeyId() {
  constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id;
  for (std::size_t i = 0; i < kKeyIdChars; ++i) id += kBase32[::randombytes_uniform(kBase32.size())];
  return id;
}

Result<SecretBuffer> NewSecret() {
  return SecretBuffer::Produce(kSecretChars, [](std::span<std::uint8_t> out) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static_assert(kAlphabet.size() == 64);
    ::randombytes_buf(out.data(), out.size());
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(kAlphabet[byte & 63]);
    return out.size();
  });
}

/// What the operator can do about a login that failed.
Error Explain(const Error& error) {
  switch (error.code()) {
    case Errc::kLoginFailed:
      return Error(Errc::kInvalidArgument, "The cluster refuses this password for the crypto user.");
    case Errc::kUserNotFound: return Error(Errc::kInvalidArgument, "The cluster has no crypto user of this name.");
    case Errc::kUserLocked:
      return Error(Errc::kInvalidArgument, "The crypto user is locked; an officer of the cluster unlocks it.");
    default: return Error(Errc::kUnavailable, "The cluster's HSMs cannot be reached.").WithDetail(error.ForLog());
  }
}

}  // namespace

Status Admin::Authorize(const aws::Call& call) const { return parts_.authorizer.Authorize(aws::QuestionOf(call)); }

Task<Result<ports::ClusterInfo>> Admin::ActiveCluster(const aws::Call& call, std::string cluster_id) {
  std::string account(call.account()), region(call.region);
  SR_CO_TRY(auto cluster, co_await parts_.clusters.Find(std::move(account), std::move(region), cluster_id));
  if (!cluster) co_return Error(Errc::kClusterNotFound, "There is no cluster " + cluster_id + " in this region.");
  if (cluster->state != ports::ClusterState::kActive)
    co_return Error(Errc::kClusterNotActive, "Cluster " + cluster_id + " is not active.");
  co_return std::move(*cluster);
}

Task<Status> Admin::TryPassword(const ports::ClusterInfo& cluster, std::string user_name,
                                const SecretBuffer& password) {
  SR_CO_TRY(SecretBuffer copy, password.Clone());
  SR_CO_TRY(const auto client, parts_.proxies.MakeClient(cluster, user_name, std::move(copy)));
  const Status reached = co_await client->Probe(hsm_client::Clock::now() + kTryFor);
  client->Close();
  if (!reached.ok()) co_return Explain(reached.error());
  co_return Status();
}

Task<Status> Admin::SealPassword(ProxyRow& row, const ports::ClusterInfo& cluster, SecretBuffer password) {
  std::string purpose(kPasswordPurpose);
  SR_CO_TRY(row.sealed_password, co_await parts_.sealer.Seal(
                                     std::move(purpose), PasswordName(row, cluster.trust_anchor), std::move(password)));
  co_return Status();
}

Task<Result<SecretBuffer>> Admin::DrawCredential(ProxyRow& row) {
  row.access_key_id = NewAccessKeyId();
  SR_CO_TRY(SecretBuffer secret, NewSecret());
  SR_CO_TRY(SecretBuffer to_seal, secret.Clone());
  std::string purpose(kSecretPurpose);
  SR_CO_TRY(row.sealed_secret,
            co_await parts_.sealer.Seal(std::move(purpose), SecretName(row, row.access_key_id), std::move(to_seal)));
  co_return secret;
}

Task<void> Admin::Refresh() {
  const Status done = co_await parts_.proxies.Reload();
  if (!done.ok()) LogError("reading external key store proxies", done.error());
}

aws::Reply Show(const ProxyRow& row, std::int64_t now_millis) {
  aws::Reply shown;
  shown.Text("ProxyId", row.proxy_id)
      .Text("ClusterId", row.cluster_id)
      .Text("ClusterRegion", row.region)
      .Text("UserName", row.user_name)
      .Bool("Enabled", row.enabled())
      .Text("XksProxyUriPath", row.UriPath())
      .Text("SigningRegion", row.signing_region)
      .Text("AccessKeyId", row.access_key_id);
  if (row.previous_access_key_id && row.previous_until > now_millis) {
    shown.Text("PreviousAccessKeyId", *row.previous_access_key_id);
    shown.Timestamp("PreviousValidUntil", ports::WallTime(std::chrono::milliseconds(row.previous_until)));
  }
  return shown;
}

aws::Service Describe(Admin& admin) {
  return {.name = "strongroom",
          .signing_name = "strongroom",
          .event_source = "strongroom",
          .operations = kAllRows,
          .instance = &admin,
          .errors = &kWireErrors};
}

}  // namespace strongroom::xks_proxy
