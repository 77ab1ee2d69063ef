#include "trail/record/record.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "aws/dispatch/reply_writer.h"
#include "trail/record/facts.h"
#include "trail/record/identity.h"

namespace strongroom::trail {
namespace {

using aws::ReplyWriter;
using aws::WipedBuffer;

constexpr std::size_t kKeptBytes = 64 * 1024;
/// Of what a caller can make long otherwise. Errors tell back what was sent.
constexpr std::size_t kLongestUserAgent = 1024, kLongestHost = 256, kLongestMessage = 4096, kLongestText = 4096;

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

std::string_view ErrorCode(std::string_view code) { return code == "AccessDeniedException" ? "AccessDenied" : code; }

/// Nothing in an ARN of the usual kind has to be escaped in JSON.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; });
}

void Parameters(const Shown::Plan* plan, const aws::EndedCall& ended, JsonOut& json) {
  WipedBuffer& out = json.out();
  out.Append(",\"requestParameters\":");
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
  if (ended.service.name != "sts") return false;
  const std::string_view name = ended.operation.name();
  return name.starts_with("Assume") || name == "GetSessionToken" || name == "GetFederationToken";
}

void TextsIn(const ports::AuditEvent::Texts& texts, WipedBuffer& out) {
  out.Append('{');
  bool first = true;
  for (const auto& [key, value] : texts) {
    if (!std::exchange(first, false)) out.Append(',');
    ReplyWriter::JsonText(key, out);
    out.Append(':');
    ReplyWriter::JsonText(std::string_view(value).substr(0, kLongestText), out);
  }
  out.Append('}');
}

void Answer(const Shown::Plan* plan, const aws::EndedCall& ended, JsonOut& json) {
  WipedBuffer& out = json.out();
  out.Append(",\"responseElements\":");
  const std::size_t before = out.size();
  const bool shows = plan != nullptr && ended.reply != nullptr && (!plan->read_only || GivesCredentials(ended));
  if (!shows || !Shown::WriteReply(*plan, *ended.reply, out)) {
    out.Append("null");
  } else if (ended.call != nullptr && !ended.call->audit_answer.empty()) {
    out.Truncate(out.size() - 1);  // the closing brace
    for (const auto& [name, value] : ended.call->audit_answer)
      json.Text(name, std::string_view(value).substr(0, kLongestText));
    out.Append('}');
  }
  if (out.size() - before > kLongestParameters) {
    out.Truncate(before);
    out.Append("{\"omitted\":true,\"reason\":\"responseElements too large\"}");
  }
}

void Additional(const Shown::Plan* plan, const aws::EndedCall& ended, JsonOut& json) {
  WipedBuffer& out = json.out();
  const std::size_t before = out.size();
  out.Append(",\"additionalEventData\":{");
  const std::size_t empty = out.size();
  if (ended.call != nullptr) {
    for (const auto& [name, value] : ended.call->audit_data) {
      out.Append('"');
      out.Append(name);
      out.Append("\":");
      ReplyWriter::JsonText(std::string_view(value).substr(0, kLongestText), out);
      out.Append(',');
    }
    for (const auto& [name, members] : ended.call->audit_objects) {
      out.Append('"');
      out.Append(name);
      out.Append("\":");
      TextsIn(members, out);
      out.Append(',');
    }
  }
  if (plan != nullptr && plan->read_only && ended.reply != nullptr) Shown::WriteAdditional(*plan, *ended.reply, out);
  if (out.size() == empty) return out.Truncate(before);
  out.Truncate(out.size() - 1);  // the last comma
  out.Append('}');
}

WipedBuffer& Scratch() {
  thread_local WipedBuffer scratch;
  scratch.Clear(kKeptBytes);
  return scratch;
}

/// The account that owns the foremost resource, when it is not the caller's.
std::string_view OtherAccount(const aws::EndedCall& ended) {
  if (ended.call == nullptr || ended.call->audit_resources.empty()) return {};
  const std::string_view owner = AccountOf(ended.call->audit_resources.front());
  return owner == ended.caller->account ? std::string_view() : owner;
}

bool SameCaller(const ports::Caller& a, const ports::Caller& b) {
  return a.kind == b.kind && a.session == b.session && a.access_key_id == b.access_key_id && a.arn == b.arn &&
         a.principal_id == b.principal_id && a.account == b.account && a.user_name == b.user_name &&
         a.role_arn == b.role_arn;
}

void Texts(std::string_view name, const ports::AuditEvent::Texts& texts, JsonOut& json) {
  if (texts.empty()) return;
  json.Name(name);
  TextsIn(texts, json.out());
}

/// What has been written becomes a piece.
void PutPiece(WipedBuffer& out, GroupWriter& to) {
  if (!out.empty()) to.Text(out.view());
  out.Clear();
}

void PutPiece(WipedBuffer& out, RecentText& recent, GroupWriter& to) {
  to.Text(out.view(), recent);
  out.Clear();
}

}  // namespace

/// Whose trail a record is for, and how it tells the caller.
struct Recorder::Recipient {
  enum class Form : std::uint8_t { kOwn, kForeign, kUnknown } form = Form::kOwn;
  std::string_view account, region;
  unsigned id = 0;      // tells the call's records apart
  bool shared = false;  // there are two
};

/// What calls of one operation by one caller with one program have in common.
struct Recorder::Context {
  const aws::Operation* operation = nullptr;
  ports::Caller caller;
  /// Whose `caller` is. Not kept alive, but its place is not given to another while this is here.
  std::weak_ptr<const ports::Credential> credential;
  Recipient::Form form{};
  std::string account, region, address, agent, host, tls_version, tls_cipher, key;

  SharedText facts, head, about, read_only, tail, tail_end;
  SharedPieces begin, middle, end;
  RecentText parameters, answer;

  bool IsOf(const std::shared_ptr<const ports::Credential>* other) const noexcept {
    return other != nullptr && !credential.owner_before(*other) && !other->owner_before(credential);
  }
};

/// What resources of one kind and account have in common.
struct Recorder::ResourceKind {
  std::string account;
  SharedText begin, type;
};

struct Recorder::Resource {
  std::string account;
  std::shared_ptr<ResourceKind> kind;
  SharedText arn, json;
  SharedPieces alone;
  bool plain = true;
};

struct Recorder::Tables {
  static constexpr std::size_t kContexts = 64, kResources = 256, kKinds = 64;
  std::array<std::unique_ptr<Context>, kContexts> contexts;
  std::array<std::unique_ptr<Resource>, kResources> resources;
  Resource* recent = nullptr;
  std::array<std::shared_ptr<ResourceKind>, kKinds> kinds;
  SharedText event_id{"\",\"eventID\":\""}, resources_begin{",\"resources\":["}, resource_end{"\"}"}, next{","},
      last_resource{"\"}]"}, shared_begin{",\"sharedEventID\":\""}, quote{"\""};
};

Recorder::Recorder() : tables_(std::make_unique<Tables>()) {}
Recorder::~Recorder() = default;

bool Recorder::IsNobodys(const aws::EndedCall& ended) {
  return ended.caller == nullptr || (ended.caller->account.empty() && OtherAccount(ended).empty());
}

Recorder::Context& Recorder::ContextOf(const Shown::Plan* plan, const aws::EndedCall& ended,
                                       const Recipient& recipient) {
  static const ports::Caller kNobody;
  const bool unknown = recipient.form == Recipient::Form::kUnknown;
  const ports::Caller& caller = unknown ? kNobody : *ended.caller;
  const std::string_view key = unknown ? ended.claimed_key : std::string_view(caller.access_key_id);
  const aws::HttpRequest& request = ended.request;
  const std::string_view sent = ended.call != nullptr ? ended.call->user_agent : request.Get("user-agent");
  const std::string_view agent = sent.substr(0, kLongestUserAgent);
  const std::string_view host = request.Get("host").substr(0, kLongestHost);
  constexpr std::hash<std::string_view> kHash;
  const std::size_t hash = kHash(key) ^ kHash(request.remote_address) * 31 ^
                           reinterpret_cast<std::uintptr_t>(&ended.operation) / sizeof(aws::Operation) ^ recipient.id;
  std::unique_ptr<Context>& slot = tables_->contexts[hash % Tables::kContexts];
  if (slot && slot->operation == &ended.operation && slot->form == recipient.form && slot->key == key &&
      slot->account == recipient.account && slot->region == recipient.region &&
      slot->address == request.remote_address && slot->agent == agent && slot->host == host &&
      slot->tls_cipher == request.tls_cipher && slot->tls_version == request.tls_version &&
      (unknown || slot->IsOf(ended.credential) || SameCaller(slot->caller, caller)))
    return *slot;
  slot = std::make_unique<Context>();
  Context& made = *slot;
  made.operation = &ended.operation;
  made.caller = caller;
  if (!unknown && ended.credential != nullptr) made.credential = *ended.credential;
  made.form = recipient.form;
  made.account = recipient.account;
  made.region = recipient.region;
  made.address = request.remote_address;
  made.agent = agent;
  made.host = host;
  made.tls_version = request.tls_version;
  made.tls_cipher = request.tls_cipher;
  made.key = key;

  const bool own = recipient.form == Recipient::Form::kOwn;
  const bool read_only = plan != nullptr && plan->read_only;
  std::string facts;
  AppendFacts({.read_only = read_only,
               .account = recipient.account,
               .region = recipient.region,
               .source = ended.service.event_source,
               .name = ended.operation.name(),
               .user = own ? UserName(caller) : std::string_view(),
               .access_key = recipient.form == Recipient::Form::kForeign ? std::string_view() : key,
               .resources = {}},
              facts);
  made.facts = SharedText(facts);

  WipedBuffer out;
  JsonOut json(out);
  out.Append("{\"eventVersion\":\"1.11\",\"userIdentity\":");
  switch (recipient.form) {
    case Recipient::Form::kOwn: WriteIdentity(caller, out); break;
    case Recipient::Form::kForeign: WriteForeignIdentity(caller, out); break;
    case Recipient::Form::kUnknown:
      out.Append("{\"type\":\"Unknown\"");
      json.TextIfAny("accessKeyId", key);
      out.Append('}');
  }
  out.Append(",\"eventTime\":\"");
  made.head = SharedText(out.view());
  out.Clear();
  out.Append('"');
  json.Text("eventSource", ended.service.event_source);
  json.Text("eventName", ended.operation.name());
  json.Text("awsRegion", recipient.region);
  json.Text("sourceIPAddress", request.remote_address);
  json.Text("userAgent", agent);
  made.about = SharedText(out.view());
  out.Clear();
  out.Append('"');
  json.Raw("readOnly", read_only ? "true" : "false");
  made.read_only = SharedText(out.view());
  out.Clear();
  json.Raw("eventType", "\"AwsApiCall\"");
  json.Raw("managementEvent", "true");
  json.Text("recipientAccountId", recipient.account);
  made.tail = SharedText(out.view());
  out.Clear();
  json.Raw("eventCategory", "\"Management\"");
  if (!request.tls_version.empty()) {
    out.Append(",\"tlsDetails\":{\"tlsVersion\":");
    ReplyWriter::JsonText(request.tls_version, out);
    json.Text("cipherSuite", request.tls_cipher);
    json.TextIfAny("clientProvidedHostHeader", host);
    out.Append('}');
  }
  out.Append('}');
  made.tail_end = SharedText(out.view());
  return made;
}

std::shared_ptr<Recorder::ResourceKind> Recorder::KindOf(std::string_view type, std::string_view account) {
  constexpr std::hash<std::string_view> kHash;
  std::shared_ptr<ResourceKind>& slot = tables_->kinds[(kHash(type) ^ kHash(account) * 31) % Tables::kKinds];
  if (slot && slot->type.text() == type && slot->account == account) return slot;
  slot = std::make_shared<ResourceKind>();
  slot->account = account;
  slot->type.Assign(type);
  WipedBuffer out;
  JsonOut json(out);
  out.Append("{\"accountId\":");
  ReplyWriter::JsonText(account, out);
  json.TextIfAny("type", type);
  out.Append(",\"ARN\":\"");
  slot->begin.Assign(out.view());
  return slot;
}

Recorder::Resource& Recorder::ResourceOf(std::string_view arn, std::string_view account) {
  const auto is_this = [&](const Resource* one) {
    return one != nullptr && one->kind && one->arn.text() == arn && one->account == account;
  };
  if (is_this(tables_->recent)) return *tables_->recent;
  const std::size_t hash = std::hash<std::string_view>()(arn);
  std::unique_ptr<Resource>& slot = tables_->resources[hash % Tables::kResources];
  if (!slot) slot = std::make_unique<Resource>();
  Resource& made = *slot;
  tables_->recent = &made;
  if (is_this(&made)) return made;
  const std::string_view owner = AccountOf(arn);
  made.account = account;
  made.kind = KindOf(ResourceType(arn), owner.empty() ? account : owner);
  made.arn.Assign(arn);
  made.alone.Forget();
  made.plain = IsPlain(arn);
  if (!made.plain) {
    WipedBuffer out;
    ReplyWriter::JsonText(arn, out);
    made.json.Assign(out.view().substr(1, out.size() - 2));
  }
  return made;
}

template <class Arns>
void Recorder::Resources(const Arns& arns, std::string_view account) {
  if (arns.empty()) return;
  const auto put = [this](Resource& one, SharedText& before, SharedText& after) {
    groups_.Text(before);
    groups_.Resource(one.kind->type, one.arn);
    groups_.Text(one.kind->begin);
    groups_.Text(one.plain ? one.arn : one.json);
    groups_.Text(after);
  };
  const std::size_t count = std::min<std::size_t>(arns.size(), kMostResources);
  if (count == 1) {
    Resource& one = ResourceOf(arns[0], account);
    return groups_.Pieces(one.alone, [&] { put(one, tables_->resources_begin, tables_->last_resource); });
  }
  for (std::size_t i = 0; i < count; ++i) {
    put(ResourceOf(arns[i], account), i == 0 ? tables_->resources_begin : tables_->next,
        i + 1 == count ? tables_->last_resource : tables_->resource_end);
  }
}

void Recorder::CallFor(const Shown& shown, const aws::EndedCall& ended, const Recipient& recipient) {
  const Shown::Plan* plan = shown.Find(ended.operation);
  Context& context = ContextOf(plan, ended, recipient);
  const std::int64_t millis = Millis(ended.time);
  WipedBuffer& out = Scratch();
  JsonOut json(out);
  groups_.Begin(millis);
  groups_.Facts(context.facts);
  groups_.Pieces(context.begin, [&] {
    groups_.Text(context.head);
    groups_.Time();
    groups_.Text(context.about);
  });
  if (!ended.error_code.empty()) {
    json.Text("errorCode", ErrorCode(ended.error_code));
    json.TextIfAny("errorMessage", ended.error_message.substr(0, kLongestMessage));
    PutPiece(out, groups_);
  }
  Parameters(plan, ended, json);
  PutPiece(out, context.parameters, groups_);
  Answer(plan, ended, json);
  Additional(plan, ended, json);
  out.Append(",\"requestID\":\"");
  PutPiece(out, context.answer, groups_);
  const bool derived = groups_.Uuid(ended.request_id);
  const auto event_id = [&](unsigned number) {
    if (derived) return groups_.EventId(number);
    groups_.Text(NewEventId(millis));
  };
  const auto middle = [&] {
    groups_.Text(tables_->event_id);
    event_id(recipient.id);
    groups_.Text(context.read_only);
  };
  const auto end = [&] {
    groups_.Text(context.tail);
    if (recipient.shared) {
      groups_.Text(tables_->shared_begin);
      event_id(2);
      groups_.Text(tables_->quote);
    }
    groups_.Text(context.tail_end);
  };
  if (derived) {
    groups_.Pieces(context.middle, middle);
  } else {
    ReplyWriter::JsonText(ended.request_id, out);
    groups_.Text(out.view().substr(1, out.size() - 2));
    out.Clear();
    middle();
  }
  if (ended.call != nullptr) Resources(ended.call->audit_resources, recipient.account);
  if (recipient.shared) {
    end();
  } else {
    groups_.Pieces(context.end, end);
  }
  groups_.End();
}

unsigned Recorder::Call(const Shown& shown, const aws::EndedCall& ended, const Home& home) {
  using Form = Recipient::Form;
  if (ended.caller == nullptr) {
    CallFor(shown, ended,
            {Form::kUnknown, ended.claimed_account.empty() ? std::string_view(home.account) : ended.claimed_account,
             ended.region.empty() ? std::string_view(home.region) : ended.region});
    return 1;
  }
  const std::string_view own = ended.caller->account;
  const std::string_view other = OtherAccount(ended);
  // Who comes with another's token only (AssumeRoleWithWebIdentity) is of no account: the role's has the record.
  if (own.empty() || other.empty()) {
    const std::string_view account = !own.empty() ? own : !other.empty() ? other : std::string_view(home.account);
    CallFor(shown, ended, {Form::kOwn, account, ended.region});
    return 1;
  }
  CallFor(shown, ended, {Form::kOwn, own, ended.region, 0, true});
  CallFor(shown, ended, {Form::kForeign, other, ended.region, 1, true});
  return 2;
}

void Recorder::Event(const ports::AuditEvent& event, ports::WallTime now) {
  const bool is_call = event.kind == ports::AuditEvent::Kind::kForeignCall;
  const std::int64_t millis = Millis(now);
  std::string facts;
  AppendFacts({.read_only = event.read_only,
               .account = event.account,
               .region = event.region,
               .source = event.event_source,
               .name = event.event_name,
               .user = {},
               .access_key = event.access_key_id,
               .resources = {}},
              facts);
  WipedBuffer& out = Scratch();
  JsonOut json(out);
  groups_.Begin(millis);
  groups_.Facts(facts);
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
  out.Append("},\"eventTime\":\"");
  PutPiece(out, groups_);
  groups_.Time();
  out.Append('"');
  json.Text("eventSource", event.event_source);
  json.Text("eventName", event.event_name);
  json.Text("awsRegion", event.region);
  json.Text("sourceIPAddress", is_call ? std::string_view(event.source_ip) : "AWS Internal");
  json.Text("userAgent", is_call ? std::string_view(event.user_agent).substr(0, kLongestUserAgent) : "AWS Internal");
  PutPiece(out, groups_);
  json.TextIfAny("errorCode", event.error_code);
  json.TextIfAny("errorMessage", std::string_view(event.error_message).substr(0, kLongestMessage));
  if (is_call && !event.details.empty()) {
    Texts("requestParameters", event.details, json);
  } else {
    json.Raw("requestParameters", "null");
  }
  PutPiece(out, groups_);
  json.Raw("responseElements", "null");
  Texts("additionalEventData", event.additional, json);
  if (!event.request_id.empty()) {
    out.Append(",\"requestID\":\"");
    PutPiece(out, groups_);
    if (!groups_.Uuid(event.request_id)) {
      ReplyWriter::JsonText(event.request_id, out);
      groups_.Text(out.view().substr(1, out.size() - 2));
      out.Clear();
    }
    out.Append('"');
  }
  // A program chooses its own request ids: none is believed to be unlike the others.
  out.Append(",\"eventID\":\"");
  PutPiece(out, groups_);
  groups_.Uuid(NewEventId(millis));
  out.Append('"');
  json.Raw("readOnly", event.read_only ? "true" : "false");
  PutPiece(out, groups_);
  Resources(event.resources, event.account);
  json.Raw("eventType", is_call ? "\"AwsApiCall\"" : "\"AwsServiceEvent\"");
  json.Raw("managementEvent", "true");
  json.Text("recipientAccountId", event.account);
  if (!is_call) Texts("serviceEventDetails", event.details, json);
  json.Raw("eventCategory", "\"Management\"");
  out.Append('}');
  PutPiece(out, groups_);
  groups_.End();
}

}  // namespace strongroom::trail
