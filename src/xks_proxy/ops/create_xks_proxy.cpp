// Makes a proxy once its crypto user's password has been tried on the cluster.
#include "base/ids.h"
#include "xks_proxy/admin.h"
#include "xks_proxy/ops/all.h"
#include "xks_proxy/path.h"

namespace strongroom::xks_proxy {
namespace {

struct Request {
  ProxyRow row;
  SecretBuffer password;
};

Result<Request> Parse(const aws::Call& call) {
  Request r;
  r.row.account = call.account();
  r.row.region = call.region;
  r.row.proxy_id = NewHexId("xksp-");
  SR_TRY(r.row.cluster_id, call.body.RequiredString("ClusterId"));
  SR_TRY(r.row.user_name, call.body.RequiredString("UserName"));
  SR_TRY(r.row.path_prefix, call.body.StringOr("PathPrefix", "/" + r.row.proxy_id));
  SR_TRY(r.row.signing_region, call.body.StringOr("SigningRegion", call.region));
  SR_TRY(r.password, call.body.RequiredSecret("Password"));
  if (!IsPathPrefix(r.row.path_prefix))
    return Error(Errc::kInvalidArgument,
                 "A path prefix is empty, or \"/\" and names of letters, digits, \"_\" and \"-\" with \"/\" between "
                 "them.");
  return r;
}

Task<Result<aws::Reply>> CreateXksProxy(Admin& admin, aws::Call& call) {
  SR_CO_TRY(Request r, Parse(call));
  SR_CO_CHECK(admin.Authorize(call));
  SR_CO_TRY(const ports::ClusterInfo cluster, co_await admin.ActiveCluster(call, r.row.cluster_id));
  SR_CO_CHECK(co_await admin.TryPassword(cluster, r.row.user_name, r.password));
  SR_CO_CHECK(co_await admin.SealPassword(r.row, cluster, std::move(r.password)));
  SR_CO_TRY(SecretBuffer secret, co_await admin.DrawCredential(r.row));
  auto insert = [row = r.row](store::Transaction& t) { return InsertProxy(t, row); };
  SR_CO_CHECK(co_await admin.database().Run(std::move(insert)));
  co_await admin.Refresh();
  aws::Reply reply = Show(r.row, 0);
  reply.SecretText("RawSecretAccessKey", std::move(secret));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::create_xks_proxy = {.target = "Strongroom.CreateXksProxy",
                                                       .iam_action = "strongroom:CreateXksProxy",
                                                       .handler = aws::Bind<Admin, &CreateXksProxy>};

}  // namespace strongroom::xks_proxy
