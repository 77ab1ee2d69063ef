// Source: CloudTrail API Reference, "LookupEvents".
#include <limits>

#include "aws/dispatch/question.h"
#include "trail/lookup.h"
#include "trail/ops/all.h"
#include "trail/record/facts.h"
#include "trail/service.h"

namespace strongroom::trail {
namespace {

constexpr std::int64_t kMostResults = 50;

std::int64_t MillisOf(ports::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Result<LookupQuery> Parse(const aws::Call& call) {
  LookupQuery query{.account = std::string(call.account()), .region = std::string(call.region)};
  SR_TRY(const auto attributes, call.body.PairList("LookupAttributes", "AttributeKey", "AttributeValue"));
  if (attributes.size() > 1) return Error(Errc::kLimitExceeded, "Only one lookup attribute may be given.");
  if (!attributes.empty()) {
    query.attribute = attributes[0].first;
    query.value = attributes[0].second;
    if (query.attribute == "ReadOnly" && query.value != "true" && query.value != "false")
      return Error(Errc::kLimitExceeded, "The value of ReadOnly is true or false.");
  }
  SR_TRY(const auto start, call.body.OptionalTimestamp("StartTime"));
  SR_TRY(const auto end, call.body.OptionalTimestamp("EndTime"));
  query.start_millis = start ? MillisOf(*start) : 0;
  // Records tell seconds: the end's whole second counts.
  query.end_millis = end ? MillisOf(*end) + 999 : std::numeric_limits<std::int64_t>::max();
  if (start && end && *start > *end) return Error(Errc::kInvalidState, "The start time is later than the end time.");
  SR_TRY(const std::int64_t most, call.body.IntOr("MaxResults", kMostResults));
  query.most = static_cast<std::size_t>(most);
  SR_TRY(query.token, call.body.StringOr("NextToken", ""));
  return query;
}

aws::Reply Show(LookupEvent event) {
  aws::Reply shown;
  shown.Text("EventId", std::string(EventIdIn(event.json)));
  shown.Text("EventName", std::move(event.name)).Text("ReadOnly", event.read_only ? "true" : "false");
  if (!event.access_key.empty()) shown.Text("AccessKeyId", std::move(event.access_key));
  shown.Timestamp("EventTime", ports::WallTime(std::chrono::milliseconds(event.millis / 1000 * 1000)));
  shown.Text("EventSource", std::move(event.source));
  if (!event.user.empty()) shown.Text("Username", std::move(event.user));
  std::vector<aws::Reply> resources;
  for (auto& [type, name] : event.resources) {
    aws::Reply resource;
    if (!type.empty()) resource.Text("ResourceType", std::move(type));
    resource.Text("ResourceName", std::move(name));
    resources.push_back(std::move(resource));
  }
  shown.Objects("Resources", std::move(resources)).Text("CloudTrailEvent", std::move(event.json));
  return shown;
}

Task<Result<aws::Reply>> LookupEvents(CloudTrail& service, aws::Call& call) {
  SR_CO_TRY(LookupQuery query, Parse(call));
  const ports::Question question = aws::QuestionOf(call);
  SR_CO_CHECK(service.authorizer.Authorize(question));
  aws::Reply reply;
  // There are no insights: what is looked for among them is not found.
  if (call.body.Has("EventCategory")) {
    reply.Objects("Events", {});
    co_return reply;
  }
  auto read = [query = std::move(query)](store::Transaction& t) { return Lookup(t, query); };
  SR_CO_TRY(LookupPage page, co_await service.database.RunRead(std::move(read)));
  std::vector<aws::Reply> events;
  for (LookupEvent& event : page.events) events.push_back(Show(std::move(event)));
  reply.Objects("Events", std::move(events));
  if (!page.next_token.empty()) reply.Text("NextToken", std::move(page.next_token));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::lookup_events = {
    .target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
    .iam_action = "cloudtrail:LookupEvents",
    .handler = aws::Bind<CloudTrail, &LookupEvents>};

}  // namespace strongroom::trail
