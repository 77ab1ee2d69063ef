// Source: AWS KMS API Reference, "DescribeCustomKeyStores"; spec/kms.md 7.
#include "kms/keys/metadata.h"
#include "kms/keystore/requests.h"
#include "kms/ops/all.h"
#include "kms/page.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

aws::Reply ShowProxy(const ProxyRow& proxy) {
  aws::Reply shown;
  shown.Text("Connectivity", proxy.connectivity)
      .Text("AccessKeyId", proxy.access_key_id)
      .Text("UriEndpoint", proxy.endpoint)
      .Text("UriPath", proxy.path);
  if (!proxy.vpc_service.empty()) shown.Text("VpcEndpointServiceName", proxy.vpc_service);
  if (!proxy.vpc_owner.empty()) shown.Text("VpcEndpointServiceOwner", proxy.vpc_owner);
  return shown;
}

aws::Reply Show(const CustomStoreRow& row) {
  aws::Reply entry;
  entry.Text("CustomKeyStoreId", row.store_id).Text("CustomKeyStoreName", row.name);
  if (!row.external()) entry.Text("CloudHsmClusterId", row.cluster_id).Text("TrustAnchorCertificate", row.trust_anchor);
  entry.Text("ConnectionState", std::string(Name(row.state)));
  if (row.state == ConnectionState::kFailed)
    entry.Text("ConnectionErrorCode", row.error_code.value_or("INTERNAL_ERROR"));
  entry.Timestamp("CreationDate", ToWallTime(row.created_millis)).Text("CustomKeyStoreType", row.type);
  if (row.external()) entry.Object("XksProxyConfiguration", ShowProxy(row.proxy));
  return entry;
}

Task<Result<aws::Reply>> DescribeCustomKeyStores(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string id, call.body.StringOr("CustomKeyStoreId", ""));
  SR_CO_TRY(const std::string name, call.body.StringOr("CustomKeyStoreName", ""));
  if (!id.empty() && !name.empty())
    co_return Error(Errc::kInvalidArgument, "Specify CustomKeyStoreId or CustomKeyStoreName, not both.");
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  SR_CO_TRY(const Page page, ParsePage(kms, call, {.default_limit = 1000, .max_limit = 1000}, ""));
  const bool one = !id.empty() || !name.empty();
  const std::string after = one ? std::string() : page.after;
  const std::int64_t limit = one ? 1000 : page.limit + 1;
  auto list = [account = std::string(call.account()), region = std::string(call.region), after,
               limit](store::Transaction& t) { return ListCustomStores(t, account, region, after, limit); };
  SR_CO_TRY(auto rows, co_await kms.database().RunRead(std::move(list)));
  if (one) {
    std::erase_if(rows, [&](const CustomStoreRow& row) { return id.empty() ? row.name != name : row.store_id != id; });
    if (rows.empty()) co_return NoSuchStore(id.empty() ? name : id);
  }
  const bool more = !one && CutPage(page, rows);
  std::vector<aws::Reply> shown;
  for (const CustomStoreRow& row : rows) shown.push_back(Show(row));
  aws::Reply reply;
  reply.Objects("CustomKeyStores", std::move(shown));
  FinishPage(kms, page, more, more ? rows.back().name : "", reply);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::describe_custom_key_stores = {.target = "TrentService.DescribeCustomKeyStores",
                                                                 .iam_action = "kms:DescribeCustomKeyStores",
                                                                 .handler = aws::Bind<Kms, &DescribeCustomKeyStores>};

}  // namespace strongroom::kms
