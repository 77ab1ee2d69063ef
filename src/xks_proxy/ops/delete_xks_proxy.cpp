// Ends a proxy: its path and its credential. The keys stay in the cluster.
#include "xks_proxy/admin.h"
#include "xks_proxy/ops/all.h"

namespace strongroom::xks_proxy {
namespace {

Task<Result<aws::Reply>> DeleteXksProxy(Admin& admin, aws::Call& call) {
  SR_CO_TRY(const std::string id, call.body.RequiredString("ProxyId"));
  SR_CO_CHECK(admin.Authorize(call));
  auto remove = [account = std::string(call.account()), region = std::string(call.region), id](store::Transaction& t) {
    return DeleteProxy(t, account, region, id);
  };
  SR_CO_CHECK(co_await admin.database().Run(std::move(remove)));
  co_await admin.Refresh();
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::delete_xks_proxy = {.target = "Strongroom.DeleteXksProxy",
                                                       .iam_action = "strongroom:DeleteXksProxy",
                                                       .handler = aws::Bind<Admin, &DeleteXksProxy>};

}  // namespace strongroom::xks_proxy
