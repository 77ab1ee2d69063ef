// A key fit to be an external key: AES-256, not extractable, labelled with its XKS key id, of the proxy's crypto user.
#include "xks_proxy/admin.h"
#include "xks_proxy/ops/all.h"

namespace strongroom::xks_proxy {
namespace {

/// In the operator's words: here no KMS listens.
Error Explain(Error error, const std::string& key_id) {
  switch (error.code()) {
    case Errc::kAlreadyExists: return Error(Errc::kAlreadyExists, "The crypto user has a key " + key_id + " already.");
    case Errc::kLimitExceeded: return error;
    case Errc::kLoginFailed:
    case Errc::kUserNotFound:
    case Errc::kUserLocked:
    case Errc::kPermission:
      return Error(Errc::kInvalidState,
                   "The cluster refuses the proxy's crypto user; `strongroom xks set-password` tells "
                   "the proxy a new password.");
    default: return Error(Errc::kUnavailable, "The cluster's HSMs cannot do it now.").WithDetail(error.ForLog());
  }
}

Task<Result<aws::Reply>> CreateXksKey(Admin& admin, aws::Call& call) {
  SR_CO_TRY(const std::string id, call.body.RequiredString("ProxyId"));
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_CHECK(admin.Authorize(call));
  const ProxyPtr proxy = admin.proxies().WithId(id);
  if (!proxy || proxy->row.account != call.account() || proxy->row.region != call.region)
    co_return Error(Errc::kNotFound, "There is no external key store proxy " + id + ".");
  if (!proxy->keys) co_return *proxy->failure;
  const auto found = co_await proxy->keys->Find(key_id);
  if (found.ok() || found.error().code() == Errc::kInvalidState)
    co_return Error(Errc::kAlreadyExists, "The crypto user has a key " + key_id + " already.");
  if (found.error().code() != Errc::kNotFound) co_return Explain(found.error(), key_id);
  const auto made = co_await proxy->keys->Create(key_id);
  if (!made.ok()) co_return Explain(made.error(), key_id);
  aws::Reply reply;
  reply.Text("XksKeyId", std::move(key_id)).Int("KeyHandle", static_cast<std::int64_t>(*made));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::create_xks_key = {.target = "Strongroom.CreateXksKey",
                                                     .iam_action = "strongroom:CreateXksKey",
                                                     .handler = aws::Bind<Admin, &CreateXksKey>};

}  // namespace strongroom::xks_proxy
