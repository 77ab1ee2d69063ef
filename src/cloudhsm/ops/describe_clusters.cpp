// Source: CloudHSMv2 API Reference, "DescribeClusters".
#include <algorithm>

#include "cloudhsm/ops/all.h"
#include "cloudhsm/page.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region;
  std::vector<std::string> ids, vpcs, states;
  std::string after;
  std::size_t limit = 25;
};
struct Page {
  std::vector<std::pair<ClusterRow, Tags>> clusters;
  bool more = false;
};

constexpr std::int64_t kBatch = 64;

Result<Request> Parse(const aws::Call& call) {
  Request r{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_TRY(auto filters, call.body.StringListMap("Filters"));
  for (auto& [name, values] : filters) {
    if (name == "clusterIds")
      r.ids = std::move(values);
    else if (name == "vpcIds")
      r.vpcs = std::move(values);
    else if (name == "states")
      r.states = std::move(values);
    else
      return Error(Errc::kInvalidArgument,
                   "The filter " + name + " is not supported. Use clusterIds, vpcIds or states.");
  }
  SR_TRY(const std::int64_t limit, call.body.IntOr("MaxResults", 25));
  r.limit = static_cast<std::size_t>(limit);
  SR_TRY(const auto token, call.body.OptionalString("NextToken"));
  if (token) {
    SR_TRY(r.after, ReadToken("clusters", *token));
  }
  return r;
}

bool Has(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool Matches(const Request& r, const ClusterRow& cluster) {
  if (!r.ids.empty() && !Has(r.ids, cluster.cluster_id)) return false;
  if (!r.vpcs.empty() && !Has(r.vpcs, cluster.vpc_id)) return false;
  if (!r.states.empty()) return Has(r.states, Name(cluster.state));
  // A deleted cluster is shown to who asks for it by name, so that a client that waits for the end sees it.
  return cluster.state != ClusterState::kDeleted || !r.ids.empty();
}

Result<Page> Collect(store::Transaction& t, const Request& r) {
  Page page;
  std::string after = r.after;
  for (;;) {
    SR_TRY(std::vector<ClusterRow> batch, ListClusters(t, r.account, r.region, after, kBatch));
    for (ClusterRow& cluster : batch) {
      after = cluster.cluster_id;
      if (!Matches(r, cluster)) continue;
      if (page.clusters.size() == r.limit) {
        page.more = true;
        return page;
      }
      SR_TRY(Tags tags, LoadTags(t, r.account, r.region, cluster.cluster_id));
      page.clusters.emplace_back(std::move(cluster), std::move(tags));
    }
    if (batch.size() < static_cast<std::size_t>(kBatch)) return page;
  }
}

Task<Result<aws::Reply>> DescribeClusters(CloudHsm& service, aws::Call& call) {
  SR_CO_CHECK(co_await service.Authorize(call, ""));
  SR_CO_TRY(Request request, Parse(call));
  auto collect = [request = std::move(request)](store::Transaction& t) { return Collect(t, request); };
  SR_CO_TRY(const Page page, co_await service.database().RunRead(std::move(collect)));
  std::vector<aws::Reply> clusters;
  for (const auto& [cluster, tags] : page.clusters) clusters.push_back(PresentCluster(cluster, tags));
  aws::Reply reply;
  reply.Objects("Clusters", std::move(clusters));
  if (page.more) reply.Text("NextToken", MakeToken("clusters", page.clusters.back().first.cluster_id));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::describe_clusters = {.target = "BaldrApiService.DescribeClusters",
                                                        .iam_action = "cloudhsm:DescribeClusters",
                                                        .handler = aws::Bind<CloudHsm, &DescribeClusters>};
}  // namespace strongroom::cloudhsm
