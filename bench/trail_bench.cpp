// What a record of a Decrypt costs on its way, and LookupEvents among many events: fills a store with segments as front
// ends do, then looks up.
//
//   strongroom_trail_bench                         the cost of a record
//   strongroom_trail_bench DIRECTORY [EVENTS]      default 10,000,000; a store that is there already is used again
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <limits>

#include "aws/dispatch/request_id.h"
#include "store/database.h"
#include "trail/lookup.h"
#include "trail/record/facts.h"
#include "trail/testing/made_records.h"

namespace {

using namespace strongroom;
using Steady = std::chrono::steady_clock;

constexpr std::int64_t kStart = 1'800'000'000'000;
constexpr int kKeys = 1000;

/// Of this thread.
double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double Since(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

/// Mostly Decrypt, by 1,000 keys, as fast as a busy front end; a CreateKey in each 100,000.
Status Fill(store::Database& database, std::int64_t events) {
  trail::testing::StoreFiller filler(database, "host-1");
  for (std::int64_t i = 0; i < events; ++i) {
    trail::testing::Made made{.millis = kStart + i / 10};
    made.key = "key-" + std::to_string(i * 7919 % kKeys);
    if (i % 100'000 == 77'777) {
      made.name = "CreateKey";
      made.read_only = false;
      made.key = "made-" + std::to_string(i);
    }
    if (i % 3 == 0) made.access_key = "AKIATHIRD00000000000";
    filler.Add(made);
    if (filler.waiting_bytes() >= trail::kSegmentBytes) SR_CHECK(filler.Close());
  }
  return filler.Close();
}

Task<Result<aws::Reply>> NoDecrypt(void*, aws::Call&) { co_return aws::Reply(); }

/// The steps of one Decrypt's record, each measured alone: on the request's loop, on the writer's and on the keeper's
/// thread.
void PrintCost() {
  constexpr int kRecords = 200'000;
  static constexpr aws::Operation kDecrypt{
      .target = "TrentService.Decrypt", .iam_action = "kms:Decrypt", .handler = &NoDecrypt};
  static constexpr std::array<const aws::Operation*, 1> kRows{&kDecrypt};
  const aws::Service service{
      .name = "kms", .signing_name = "kms", .event_source = "kms.amazonaws.com", .operations = kRows};
  const trail::Shown shown(std::span(&service, 1));
  const auto credential = std::make_shared<ports::Credential>();
  ports::Caller& caller = credential->caller;
  caller.kind = ports::PrincipalKind::kUser;
  caller.account = "111122223333";
  caller.arn = "arn:aws:iam::111122223333:user/Alice";
  caller.principal_id = "AIDACKCEVSQ6C2EXAMPLE";
  caller.user_name = "Alice";
  caller.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  const boost::json::value body = boost::json::parse(
      R"({"CiphertextBlob":"AAAA","KeyId":"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
          "EncryptionContext":{"Department":"IT","Purpose":"Test"}})");
  const aws::HttpHeader headers[] = {
      {"Host", "127.81.4.1:8443"}, {"User-Agent", "aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64 kms.decrypt"}};
  const aws::HttpRequest request{.method = "POST",
                                 .target = "/",
                                 .headers = headers,
                                 .body = {},
                                 .remote_address = "192.0.2.7",
                                 .tls_version = "TLSv1.3",
                                 .tls_cipher = "TLS_AES_256_GCM_SHA384"};
  aws::Call call{.caller = caller, .region = "eu-central-1", .body = aws::Fields(body.get_object())};
  call.audit_resources = {"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"};
  aws::Reply reply;
  reply.Text("KeyMaterialId", std::string(64, 'a'));
  const std::shared_ptr<const ports::Credential> verified = credential;
  // In groups as large as the writer takes them, so that what is measured is in the caches as it is in service.
  constexpr int kGroup = 500;
  double made = 0, chained = 0, indexed = 0;
  std::size_t record_bytes = 0, packed_bytes = 0;
  std::string groups;
  trail::Recorder recorder;
  trail::Chain chain;
  trail::Indexer indexer(trail::SegmentHeader{.front_end = "bench"});
  for (int group = 0; group < kRecords / kGroup; ++group) {
    double start = CpuSeconds();
    for (int i = 0; i < kGroup; ++i) {
      const std::string request_id = aws::NewRequestId();
      recorder.Call(shown,
                    {.service = service,
                     .operation = kDecrypt,
                     .request = request,
                     .request_id = request_id,
                     .region = "eu-central-1",
                     .caller = &caller,
                     .credential = &verified,
                     .call = &call,
                     .parameters = &body.get_object(),
                     .reply = &reply,
                     .time = std::chrono::system_clock::now()},
                    {});
    }
    made += CpuSeconds() - start;
    groups = recorder.groups().Take(std::move(groups));
    record_bytes += groups.size();
    start = CpuSeconds();
    chain.Link(groups);
    chained += CpuSeconds() - start;
    start = CpuSeconds();
    if (!indexer.Feed(groups).ok()) std::abort();
    if (group % 50 == 49)
      for (const auto& block : indexer.Take().blocks) packed_bytes += block.packed.size();
    indexed += CpuSeconds() - start;
  }
  const auto report = [](const char* what, double seconds) {
    std::printf("%-24s %6.2f us of CPU per record\n", what, seconds * 1e6 / kRecords);
  };
  report("made (with its id)", made);
  report("chained", chained);
  report("compressed and indexed", indexed);
  std::printf("%-24s %6.0f bytes, compressed %.0f\n", "", static_cast<double>(record_bytes) / kRecords,
              static_cast<double>(packed_bytes) / kRecords);
}

struct Ask {
  const char* what;
  const char* attribute;
  std::string value;
  std::int64_t start = 0, end = std::numeric_limits<std::int64_t>::max();
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    PrintCost();
    return 0;
  }
  const std::int64_t events = argc > 2 ? std::atoll(argv[2]) : 10'000'000;
  const std::filesystem::path file = std::filesystem::path(argv[1]) / "trail.sqlite";
  const bool there = std::filesystem::exists(file);
  store::Config config;
  config.sqlite_path = file;
  auto database = store::Database::Open(config);
  if (!database.ok()) return 1;
  if (!there) {
    const auto start = Steady::now();
    const Status filled = Fill(**database, events);
    if (!filled.ok()) {
      std::fprintf(stderr, "%s\n", filled.error().ForLog().c_str());
      return 1;
    }
    std::printf("filled: %lld events in %.1f s, %.0f bytes each\n", static_cast<long long>(events), Since(start),
                static_cast<double>(std::filesystem::file_size(file)) / static_cast<double>(events));
  }
  trail::LookupQuery query{.account = "111122223333", .region = "eu-central-1"};
  query.end_millis = std::numeric_limits<std::int64_t>::max();
  std::string id;
  const std::int64_t middle = kStart + events / 20;
  auto first = (*database)->Read([&](store::Transaction& t) {
    trail::LookupQuery one = query;
    one.end_millis = middle;
    return trail::Lookup(t, one);
  });
  if (first.ok() && !first->events.empty()) id = trail::EventIdIn(first->events.back().json);
  const Ask asks[] = {
      {"newest", "", ""},
      {"by event id", "EventId", id},
      {"rare event name", "EventName", "CreateKey"},
      {"frequent event name", "EventName", "Decrypt"},
      {"changes only", "ReadOnly", "false"},
      {"one of 1000 keys", "ResourceName", "arn:aws:kms:eu-central-1:111122223333:key/key-77"},
      {"a key used once", "ResourceName", "arn:aws:kms:eu-central-1:111122223333:key/made-77777"},
      {"resource type", "ResourceType", "AWS::KMS::Key"},
      {"event source", "EventSource", "kms.amazonaws.com"},
      {"access key", "AccessKeyId", "AKIATHIRD00000000000"},
      {"user without events", "Username", "nobody"},
      {"a second in the middle", "", "", middle, middle + 1000},
      {"rare name, first half", "EventName", "CreateKey", 0, middle},
  };
  for (const Ask& ask : asks) {
    query.attribute = ask.attribute;
    query.value = ask.value;
    query.start_millis = ask.start;
    query.end_millis = ask.end;
    double worst = 0, best = 1e9;
    std::size_t found = 0;
    for (int i = 0; i < 5; ++i) {
      const auto start = Steady::now();
      const auto page = (*database)->Read([&](store::Transaction& t) { return trail::Lookup(t, query); });
      const double took = Since(start) * 1000;
      if (!page.ok()) {
        std::fprintf(stderr, "%s: %s\n", ask.what, page.error().ForLog().c_str());
        return 1;
      }
      found = page->events.size();
      worst = std::max(worst, took);
      best = std::min(best, took);
    }
    std::printf("%-24s %3zu events  best %7.2f ms  worst %7.2f ms\n", ask.what, found, best, worst);
  }
  return 0;
}
