// Switches a proxy off and logs its crypto user out everywhere, whose password can then be changed. Its password is
// forgotten: SetXksProxyPassword switches it on again.
#include "xks_proxy/admin.h"
#include "xks_proxy/ops/all.h"

namespace strongroom::xks_proxy {
namespace {

Task<Result<aws::Reply>> DisableXksProxy(Admin& admin, aws::Call& call) {
  SR_CO_TRY(const std::string id, call.body.RequiredString("ProxyId"));
  SR_CO_CHECK(admin.Authorize(call));
  auto forget = [account = std::string(call.account()), region = std::string(call.region),
                 id](store::Transaction& t) -> Status {
    SR_TRY(ProxyRow row, LoadProxy(t, account, region, id));
    row.sealed_password.clear();
    return UpdateProxy(t, row);
  };
  SR_CO_CHECK(co_await admin.database().Run(std::move(forget)));
  co_await admin.Refresh();
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::disable_xks_proxy = {.target = "Strongroom.DisableXksProxy",
                                                        .iam_action = "strongroom:DisableXksProxy",
                                                        .handler = aws::Bind<Admin, &DisableXksProxy>};

}  // namespace strongroom::xks_proxy
