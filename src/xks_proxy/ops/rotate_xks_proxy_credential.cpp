// A new credential; the one before counts for a while, so that KMS can be told in between.
#include "xks_proxy/admin.h"
#include "xks_proxy/ops/all.h"

namespace strongroom::xks_proxy {
namespace {

constexpr std::int64_t kDay = 24 * 3600;

/// Takes what was drawn for `drawn`; what was the credential meanwhile becomes the one before.
Result<ProxyRow> Replace(store::Transaction& t, const ProxyRow& drawn, std::int64_t seconds) {
  SR_TRY(ProxyRow row, LoadProxy(t, drawn.account, drawn.region, drawn.proxy_id));
  SR_TRY(const std::int64_t now, t.NowMillis());
  row.previous_access_key_id.reset();
  row.sealed_previous_secret.reset();
  row.previous_until = 0;
  if (seconds > 0) {
    row.previous_access_key_id = row.access_key_id;
    row.sealed_previous_secret = row.sealed_secret;
    row.previous_until = now + seconds * 1000;
  }
  row.access_key_id = drawn.access_key_id;
  row.sealed_secret = drawn.sealed_secret;
  SR_CHECK(UpdateProxy(t, row));
  return row;
}

Task<Result<aws::Reply>> RotateXksProxyCredential(Admin& admin, aws::Call& call) {
  ProxyRow drawn;
  drawn.account = call.account();
  drawn.region = call.region;
  SR_CO_TRY(drawn.proxy_id, call.body.RequiredString("ProxyId"));
  SR_CO_TRY(const std::int64_t seconds, call.body.IntOr("PreviousValidSeconds", kDay));
  SR_CO_CHECK(admin.Authorize(call));
  SR_CO_TRY(SecretBuffer secret, co_await admin.DrawCredential(drawn));
  auto replace = [drawn, seconds](store::Transaction& t) { return Replace(t, drawn, seconds); };
  SR_CO_TRY(const ProxyRow row, co_await admin.database().Run(std::move(replace)));
  co_await admin.Refresh();
  aws::Reply reply = Show(row, 0);
  reply.SecretText("RawSecretAccessKey", std::move(secret));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::rotate_xks_proxy_credential = {
    .target = "Strongroom.RotateXksProxyCredential",
    .iam_action = "strongroom:RotateXksProxyCredential",
    .handler = aws::Bind<Admin, &RotateXksProxyCredential>};

}  // namespace strongroom::xks_proxy
