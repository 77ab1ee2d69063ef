#include "trail/record/record.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "aws/dispatch/reply_writer.h"
#include "trail/record/facts.h"
#include "trail/record/identity.h"

namespace strongroom::trail {
namespace {

using aws::ReplyWriter;
using aws::WipedBuffer;

constexpr std::size_t kKeptBytes = 64 * 1024;
constexpr std::size_t kLongestUserAgent = 1024;

std::int64_t Millis(ports::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

class JsonOut {
 public:
  explicit JsonOut(WipedBuffer& out) : out_(out) {}
  /// `,"name":"text"`; the name is written as it is.
  void Text(std::string_view name, std::string_view text) {
    Name(name);
    ReplyWriter::JsonText(text, out_);
  }
  void TextIfAny(std::string_view name, std::string_view text) {
    if (!text.empty()) Text(name, text);
  }
  void Raw(std::string_view name, std::string_view json) {
    Name(name);
    out_.Append(json);
  }
  void Name(std::string_view name) {
    out_.Append(",\"");
    out_.Append(name);
    out_.Append("\":");
  }
  WipedBuffer& out() { return out_; }

 private:
  WipedBuffer& out_;
};

void U16(std::size_t value, char* to) {
  to[0] = static_cast<char>(value >> 8);
  to[1] = static_cast<char>(value & 0xff);
}
void U32(std::size_t value, char* to) {
  U16(value >> 16, to);
  U16(value & 0xffff, to + 2);
}

/// One record behind the others, once its JSON is there.
void Append(std::int64_t millis, const Facts& facts, std::string_view json, std::string& out) {
  const std::size_t at = out.size();
  out.resize(at + 14);
  AppendFacts(facts, out);
  const std::size_t facts_bytes = out.size() - at - 14;
  U32(10 + facts_bytes + json.size(), out.data() + at);
  U32(static_cast<std::size_t>(static_cast<std::uint64_t>(millis) >> 32), out.data() + at + 4);
  U32(static_cast<std::size_t>(millis) & 0xffffffff, out.data() + at + 8);
  U16(facts_bytes, out.data() + at + 12);
  out.append(json);
}

/// The text of one time; a thread's calls of one second share it.
std::string_view TimeText(std::int64_t millis) {
  thread_local std::int64_t second = -1;
  thread_local std::array<char, 32> text{};
  thread_local std::size_t size = 0;
  if (const std::int64_t now = millis / 1000; now != second) {
    const std::time_t time = now;
    std::tm parts{};
    gmtime_r(&time, &parts);
    size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    second = now;
  }
  return {text.data(), size};
}

std::string_view ErrorCode(std::string_view code) { return code == "AccessDeniedException" ? "AccessDenied" : code; }

void Resources(const std::vector<std::string>& arns, std::string_view account, JsonOut& json, Facts& facts) {
  if (arns.empty()) return;
  json.Name("resources");
  WipedBuffer& out = json.out();
  bool first = true;
  for (const std::string& arn : arns) {
    const std::string_view owner = AccountOf(arn);
    const std::string_view type = ResourceType(arn);
    out.Append(first ? "[{\"accountId\":" : ",{\"accountId\":");
    first = false;
    ReplyWriter::JsonText(owner.empty() ? account : owner, out);
    json.TextIfAny("type", type);
    json.Text("ARN", arn);
    out.Append('}');
    facts.resources.push_back({type, arn});
  }
  out.Append(']');
}

void Parameters(const Shown::Plan* plan, const aws::EndedCall& ended, JsonOut& json) {
  json.Name("requestParameters");
  WipedBuffer& out = json.out();
  // What is not as the model has it may have anything anywhere.
  if (plan == nullptr || ended.parameters == nullptr || ended.call == nullptr) return out.Append("null");
  const std::size_t before = out.size();
  Shown::WriteParameters(*plan, *ended.parameters, out);
  if (out.size() - before == 2) {
    out.Truncate(before);
    out.Append("null");
  } else if (out.size() - before > kLongestParameters) {
    out.Truncate(before);
    out.Append("{\"omitted\":true,\"reason\":\"requestParameters too large\"}");
  }
}

/// STS changes nothing, but who got which credentials is what its records are for.
bool GivesCredentials(const aws::EndedCall& ended) {
  const std::string_view name = ended.operation.name();
  return ended.service.name == "sts" &&
         (name.starts_with("Assume") || name == "GetSessionToken" || name == "GetFederationToken");
}

void Answer(const Shown::Plan* plan, const aws::EndedCall& ended, JsonOut& json) {
  json.Name("responseElements");
  WipedBuffer& out = json.out();
  const std::size_t before = out.size();
  const bool shows = plan != nullptr && ended.reply != nullptr && (!plan->read_only || GivesCredentials(ended));
  if (!shows || !Shown::WriteReply(*plan, *ended.reply, out)) out.Append("null");
  if (out.size() - before > kLongestParameters) {
    out.Truncate(before);
    out.Append("{\"omitted\":true,\"reason\":\"responseElements too large\"}");
  }
}

void Additional(const Shown::Plan* plan, const aws::EndedCall& ended, JsonOut& json) {
  WipedBuffer& out = json.out();
  const std::size_t before = out.size();
  json.Name("additionalEventData");
  out.Append('{');
  const std::size_t empty = out.size();
  if (ended.call != nullptr) {
    for (const auto& [name, value] : ended.call->audit_data) {
      out.Append('"');
      out.Append(name);
      out.Append("\":");
      ReplyWriter::JsonText(value, out);
      out.Append(',');
    }
  }
  if (plan != nullptr && plan->read_only && ended.reply != nullptr) Shown::WriteAdditional(*plan, *ended.reply, out);
  if (out.size() == empty) return out.Truncate(before);
  out.Truncate(out.size() - 1);  // the last comma
  out.Append('}');
}

void Tls(const aws::HttpRequest& request, JsonOut& json) {
  if (request.tls_version.empty()) return;
  json.Name("tlsDetails");
  WipedBuffer& out = json.out();
  out.Append("{\"tlsVersion\":");
  ReplyWriter::JsonText(request.tls_version, out);
  json.Text("cipherSuite", request.tls_cipher);
  json.TextIfAny("clientProvidedHostHeader", request.Get("host").substr(0, 256));
  out.Append('}');
}

WipedBuffer& Scratch() {
  thread_local WipedBuffer scratch;
  scratch.Clear(kKeptBytes);
  return scratch;
}
Facts& ScratchFacts() {
  thread_local Facts facts;
  facts.resources.clear();
  return facts;
}

/// The account that owns the foremost resource, when it is not the caller's.
std::string_view OtherAccount(const aws::EndedCall& ended) {
  if (ended.call == nullptr || ended.call->audit_resources.empty()) return {};
  const std::string_view owner = AccountOf(ended.call->audit_resources.front());
  return owner == ended.caller->account ? std::string_view() : owner;
}

void AppendFor(const Shown& shown, const aws::EndedCall& ended, std::string_view recipient, std::string_view shared_id,
               std::string& to) {
  const ports::Caller& caller = *ended.caller;
  const bool own = caller.account.empty() || recipient == caller.account;
  const Shown::Plan* plan = shown.Find(ended.operation);
  const std::int64_t millis = Millis(ended.time);
  Facts& facts = ScratchFacts();
  facts.read_only = plan != nullptr && plan->read_only;
  facts.account = recipient;
  facts.region = ended.region;
  facts.source = ended.service.event_source;
  facts.name = ended.operation.name();
  facts.user = own ? UserName(caller) : std::string_view();
  facts.access_key = own ? std::string_view(caller.access_key_id) : std::string_view();

  WipedBuffer& out = Scratch();
  JsonOut json(out);
  out.Append("{\"eventVersion\":\"1.11\",\"userIdentity\":");
  if (own) {
    WriteIdentity(caller, out);
  } else {
    WriteForeignIdentity(caller, out);
  }
  json.Raw("eventTime", "\"");
  out.Append(TimeText(millis));
  out.Append('"');
  json.Text("eventSource", facts.source);
  json.Text("eventName", facts.name);
  json.Text("awsRegion", facts.region);
  json.Text("sourceIPAddress", ended.request.remote_address);
  json.Text("userAgent", ended.request.Get("user-agent").substr(0, kLongestUserAgent));
  if (!ended.error_code.empty()) {
    json.Text("errorCode", ErrorCode(ended.error_code));
    json.TextIfAny("errorMessage", ended.error_message);
  }
  Parameters(plan, ended, json);
  Answer(plan, ended, json);
  Additional(plan, ended, json);
  json.Text("requestID", ended.request_id);
  json.Text("eventID", NewEventId(millis));
  json.Raw("readOnly", facts.read_only ? "true" : "false");
  if (ended.call != nullptr) Resources(ended.call->audit_resources, recipient, json, facts);
  json.Raw("eventType", "\"AwsApiCall\"");
  json.Raw("managementEvent", "true");
  json.Text("recipientAccountId", recipient);
  json.TextIfAny("sharedEventID", shared_id);
  json.Raw("eventCategory", "\"Management\"");
  Tls(ended.request, json);
  out.Append('}');
  Append(millis, facts, out.view(), to);
}

void Texts(std::string_view name, const ports::AuditEvent::Texts& texts, JsonOut& json) {
  if (texts.empty()) return;
  json.Name(name);
  WipedBuffer& out = json.out();
  bool first = true;
  for (const auto& [key, value] : texts) {
    out.Append(first ? '{' : ',');
    first = false;
    ReplyWriter::JsonText(key, out);
    out.Append(':');
    ReplyWriter::JsonText(value, out);
  }
  out.Append('}');
}

}  // namespace

void AppendCall(const Shown& shown, const aws::EndedCall& ended, std::string& out) {
  if (ended.caller == nullptr) return;
  const std::string_view other = OtherAccount(ended);
  // Who comes with another's token only (AssumeRoleWithWebIdentity) is of no account: the role's has the record.
  const std::string_view own = ended.caller->account;
  if (own.empty() && other.empty()) return;
  if (own.empty() || other.empty()) return AppendFor(shown, ended, own.empty() ? other : own, {}, out);
  const std::string shared_id = NewEventId(Millis(ended.time));
  AppendFor(shown, ended, own, shared_id, out);
  AppendFor(shown, ended, other, shared_id, out);
}

void AppendEvent(const ports::AuditEvent& event, ports::WallTime now, std::string& to) {
  const bool is_call = event.kind == ports::AuditEvent::Kind::kForeignCall;
  const std::int64_t millis = Millis(now);
  Facts& facts = ScratchFacts();
  facts.read_only = event.read_only;
  facts.account = event.account;
  facts.region = event.region;
  facts.source = event.event_source;
  facts.name = event.event_name;
  facts.user = {};
  facts.access_key = event.access_key_id;

  WipedBuffer& out = Scratch();
  JsonOut json(out);
  out.Append("{\"eventVersion\":\"1.11\",\"userIdentity\":{");
  if (is_call) {
    out.Append("\"type\":\"Unknown\"");
    json.Text("accountId", event.account);
    json.TextIfAny("accessKeyId", event.access_key_id);
  } else {
    out.Append("\"accountId\":");
    ReplyWriter::JsonText(event.account, out);
    json.Text("invokedBy", "AWS Internal");
  }
  out.Append('}');
  json.Text("eventTime", TimeText(millis));
  json.Text("eventSource", facts.source);
  json.Text("eventName", facts.name);
  json.Text("awsRegion", facts.region);
  json.Text("sourceIPAddress", is_call ? std::string_view(event.source_ip) : "AWS Internal");
  json.Text("userAgent", is_call ? std::string_view(event.user_agent).substr(0, kLongestUserAgent) : "AWS Internal");
  json.TextIfAny("errorCode", event.error_code);
  json.TextIfAny("errorMessage", event.error_message);
  if (is_call && !event.details.empty()) {
    Texts("requestParameters", event.details, json);
  } else {
    json.Raw("requestParameters", "null");
  }
  json.Raw("responseElements", "null");
  Texts("additionalEventData", event.additional, json);
  json.TextIfAny("requestID", event.request_id);
  json.Text("eventID", NewEventId(millis));
  json.Raw("readOnly", facts.read_only ? "true" : "false");
  Resources(event.resources, event.account, json, facts);
  json.Raw("eventType", is_call ? "\"AwsApiCall\"" : "\"AwsServiceEvent\"");
  json.Raw("managementEvent", "true");
  json.Text("recipientAccountId", event.account);
  if (!is_call) Texts("serviceEventDetails", event.details, json);
  json.Raw("eventCategory", "\"Management\"");
  out.Append('}');
  Append(millis, facts, out.view(), to);
}

}  // namespace strongroom::trail
