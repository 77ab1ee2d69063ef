#include "xks_proxy/audit_line.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json.hpp>

#include "base/log.h"

namespace strongroom::xks_proxy {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostChars = 256;
constexpr std::array<std::string_view, 4> kApiNames{"GetHealthStatus", "GetKeyMetadata", "Encrypt", "Decrypt"};

std::string Clean(std::string_view text) {
  std::string out(text.substr(0, kMostChars));
  std::ranges::replace_if(
      out, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

}  // namespace

std::string Format(const AuditLine& line) {
  json::object out;
  const auto put = [&out](std::string_view name, std::string_view text) {
    if (!text.empty()) out[name] = Clean(text);
  };
  put("proxy", line.proxy_id);
  put("api", kApiNames[static_cast<std::size_t>(line.api)]);
  put("externalKey", line.key_id);
  if (const xks::RequestMetadata* m = line.metadata) {
    put("awsPrincipalArn", m->aws_principal_arn);
    put("awsSourceVpc", m->aws_source_vpc);
    put("awsSourceVpce", m->aws_source_vpce);
    put("kmsKeyArn", m->kms_key_arn);
    put("kmsOperation", m->kms_operation);
    put("kmsRequestId", m->kms_request_id);
    put("kmsViaService", m->kms_via_service);
  }
  put("remoteAddress", line.remote_address);
  put("result", line.result);
  put("why", line.why);
  out["microseconds"] = line.took.count();
  return json::serialize(out);
}

void Write(const AuditLine& line) { log::Info("xks {}", Format(line)); }

bool WorthALine(std::uint64_t& suppressed) {
  static std::atomic<std::int64_t> last{0};
  static std::atomic<std::uint64_t> skipped{0};
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  std::int64_t before = last.load();
  if (before != now && last.compare_exchange_strong(before, now)) {
    suppressed = skipped.exchange(0);
    return true;
  }
  skipped.fetch_add(1);
  return false;
}

}  // namespace strongroom::xks_proxy
