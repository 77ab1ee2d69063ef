// For a crypto user whose password was changed in the cluster.
#include "xks_proxy/admin.h"
#include "xks_proxy/ops/all.h"

namespace strongroom::xks_proxy {
namespace {

Task<Result<aws::Reply>> SetXksProxyPassword(Admin& admin, aws::Call& call) {
  SR_CO_TRY(const std::string id, call.body.RequiredString("ProxyId"));
  SR_CO_TRY(SecretBuffer password, call.body.RequiredSecret("Password"));
  SR_CO_CHECK(admin.Authorize(call));
  const std::string account(call.account()), region(call.region);
  auto load = [account, region, id](store::Transaction& t) { return LoadProxy(t, account, region, id); };
  SR_CO_TRY(ProxyRow sealed, co_await admin.database().RunRead(std::move(load)));
  SR_CO_TRY(const ports::ClusterInfo cluster, co_await admin.ActiveCluster(call, sealed.cluster_id));
  SR_CO_CHECK(co_await admin.TryPassword(cluster, sealed.user_name, password));
  SR_CO_CHECK(co_await admin.SealPassword(sealed, cluster, std::move(password)));
  auto save = [account, region, id, fresh = sealed.sealed_password](store::Transaction& t) -> Status {
    SR_TRY(ProxyRow row, LoadProxy(t, account, region, id));
    row.sealed_password = fresh;
    return UpdateProxy(t, row);
  };
  SR_CO_CHECK(co_await admin.database().Run(std::move(save)));
  co_await admin.Refresh();
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::set_xks_proxy_password = {.target = "Strongroom.SetXksProxyPassword",
                                                             .iam_action = "strongroom:SetXksProxyPassword",
                                                             .handler = aws::Bind<Admin, &SetXksProxyPassword>};

}  // namespace strongroom::xks_proxy
