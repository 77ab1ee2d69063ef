// Source: CloudHSMv2 API Reference, "DescribeBackups".
#include <algorithm>
#include <charconv>

#include "cloudhsm/ops/all.h"
#include "cloudhsm/page.h"
#include "cloudhsm/present.h"
#include "cloudhsm/service.h"

namespace strongroom::cloudhsm {
namespace {

struct Request {
  std::string account, region;
  std::vector<std::string> ids, sources, clusters, states, never_expires;
  bool shared = false;
  BackupOrder order;
  std::size_t limit = 50;
};
constexpr std::int64_t kBatch = 50;  // of shared ones, between which others have their turn

struct Page {
  std::vector<std::pair<BackupRow, Tags>> backups;
  bool more = false;
};

bool Has(const std::vector<std::string>& list, std::string_view value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

std::string_view ListName(const Request& r) { return r.shared ? "shared-backups" : "backups"; }

Result<Request> Parse(const aws::Call& call) {
  Request r{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_TRY(auto filters, call.body.StringListMap("Filters"));
  for (auto& [name, values] : filters) {
    std::vector<std::string>* wanted = name == "backupIds"         ? &r.ids
                                       : name == "sourceBackupIds" ? &r.sources
                                       : name == "clusterIds"      ? &r.clusters
                                       : name == "states"          ? &r.states
                                       : name == "neverExpires"    ? &r.never_expires
                                                                   : nullptr;
    if (wanted == nullptr)
      return Error(Errc::kInvalidArgument,
                   "The filter " + name +
                       " is not supported. Use backupIds, sourceBackupIds, clusterIds, states or neverExpires.");
    *wanted = std::move(values);
  }
  for (const std::string& value : r.never_expires)
    if (value != "true" && value != "false")
      return Error(Errc::kInvalidArgument, "The filter neverExpires takes true or false.");
  SR_TRY(r.shared, call.body.BoolOr("Shared", false));
  SR_TRY(r.order.ascending, call.body.BoolOr("SortAscending", false));
  SR_TRY(const std::int64_t limit, call.body.IntOr("MaxResults", 50));
  r.limit = static_cast<std::size_t>(limit);
  SR_TRY(const auto token, call.body.OptionalString("NextToken"));
  if (token) {
    SR_TRY(const std::string text, ReadToken(ListName(r), *token));
    const auto slash = text.find('/');
    std::int64_t created = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), created);
    if (slash == std::string::npos || failed != std::errc() || end != text.data() + slash)
      return Error(Errc::kInvalidMarker, "The NextToken is not valid.");
    r.order.after = std::pair(created, text.substr(slash + 1));
  }
  return r;
}

bool Matches(const Request& r, const BackupRow& backup) {
  return Has(r.ids, backup.backup_id) && (r.sources.empty() || Has(r.sources, backup.source_backup_id.value_or(""))) &&
         (r.clusters.empty() || Has(r.clusters, backup.cluster_id.value_or(""))) && Has(r.states, Name(backup.state)) &&
         Has(r.never_expires, backup.never_expires ? "true" : "false");
}

Result<Page> Collect(store::Transaction& t, const Request& r) {
  Page page;
  SR_TRY(std::vector<BackupRow> all, ListBackups(t, r.account, r.region));
  const auto place = [](const BackupRow& backup) { return std::pair(backup.created_at, backup.backup_id); };
  std::sort(all.begin(), all.end(), [&](const BackupRow& a, const BackupRow& b) {
    return r.order.ascending ? place(a) < place(b) : place(b) < place(a);
  });
  for (BackupRow& backup : all) {
    const auto& after = r.order.after;
    if (after && (r.order.ascending ? place(backup) <= *after : place(backup) >= *after)) continue;
    if (!Matches(r, backup)) continue;
    if (page.backups.size() == r.limit) {
      page.more = true;
      break;
    }
    SR_TRY(Tags tags, LoadTags(t, r.account, r.region, backup.backup_id));
    page.backups.emplace_back(std::move(backup), std::move(tags));
  }
  return page;
}

/// Those of other accounts that the caller may see by their policies, each of which decides for itself. A page has no
/// place of a backup that is not shown, so that its token tells of none.
Task<Result<Page>> CollectShared(CloudHsm& service, const aws::Call& call, Request r) {
  Page page;
  for (bool last = false; !last;) {
    auto read = [account = r.account, region = r.region, order = r.order](store::Transaction& t) {
      return ListSharedBackups(t, account, region, order, kBatch);
    };
    SR_CO_TRY(std::vector<SharedBackup> batch, co_await service.database().RunRead(std::move(read)));
    last = static_cast<std::int64_t>(batch.size()) < kBatch;
    for (SharedBackup& shared : batch) {
      BackupRow& backup = shared.backup;
      r.order.after = std::pair(backup.created_at, backup.backup_id);
      if (!Matches(r, backup)) continue;
      const Status allowed = co_await service.AuthorizeShared(call, shared);
      if (!allowed.ok() && allowed.error().code() != Errc::kAccessDenied) co_return allowed.error();
      if (!allowed.ok()) continue;
      if (page.backups.size() == r.limit) {
        page.more = true;
        co_return page;
      }
      page.backups.emplace_back(std::move(backup), Tags());  // the tags are their owner's
    }
  }
  co_return page;
}

Task<Result<Page>> CollectOwn(CloudHsm& service, Request r) {
  auto collect = [request = std::move(r)](store::Transaction& t) { return Collect(t, request); };
  co_return co_await service.database().RunRead(std::move(collect));
}

Task<Result<aws::Reply>> DescribeBackups(CloudHsm& service, aws::Call& call) {
  SR_CO_CHECK(co_await service.Authorize(call, ""));
  SR_CO_TRY(Request request, Parse(call));
  const std::string_view list = ListName(request);
  auto collected =
      request.shared ? CollectShared(service, call, std::move(request)) : CollectOwn(service, std::move(request));
  SR_CO_TRY(const Page page, co_await std::move(collected));
  std::vector<aws::Reply> backups;
  for (const auto& [backup, tags] : page.backups) backups.push_back(PresentBackup(backup, tags));
  aws::Reply reply;
  reply.Objects("Backups", std::move(backups));
  if (page.more) {
    const BackupRow& last = page.backups.back().first;
    reply.Text("NextToken", MakeToken(list, std::to_string(last.created_at) + "/" + last.backup_id));
  }
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::describe_backups = {.target = "BaldrApiService.DescribeBackups",
                                                       .iam_action = "cloudhsm:DescribeBackups",
                                                       .handler = aws::Bind<CloudHsm, &DescribeBackups>};
}  // namespace strongroom::cloudhsm
