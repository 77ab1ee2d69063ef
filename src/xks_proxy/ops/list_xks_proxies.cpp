// The account's proxies in all regions, without anything secret.
#include "xks_proxy/admin.h"
#include "xks_proxy/ops/all.h"

namespace strongroom::xks_proxy {
namespace {

struct Listed {
  std::vector<ProxyRow> rows;
  std::int64_t now = 0;
};

Task<Result<aws::Reply>> ListXksProxies(Admin& admin, aws::Call& call) {
  SR_CO_CHECK(admin.Authorize(call));
  auto list = [account = std::string(call.account())](store::Transaction& t) -> Result<Listed> {
    Listed listed;
    SR_TRY(listed.now, t.NowMillis());
    SR_TRY(listed.rows, ListProxies(t, account));
    return listed;
  };
  SR_CO_TRY(const Listed listed, co_await admin.database().RunRead(std::move(list)));
  std::vector<aws::Reply> shown;
  for (const ProxyRow& row : listed.rows) shown.push_back(Show(row, listed.now));
  aws::Reply reply;
  reply.Objects("Proxies", std::move(shown));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::list_xks_proxies = {.target = "Strongroom.ListXksProxies",
                                                       .iam_action = "strongroom:ListXksProxies",
                                                       .handler = aws::Bind<Admin, &ListXksProxies>};

}  // namespace strongroom::xks_proxy
