#include "trail/record/identity.h"

#include "aws/dispatch/reply_writer.h"
#include "aws/dispatch/time_text.h"

namespace strongroom::trail {
namespace {

using aws::ReplyWriter;
using aws::WipedBuffer;
using ports::Caller;
using ports::PrincipalKind;

void Text(std::string_view name, std::string_view text, WipedBuffer& out) {
  out.Append(",\"");
  out.Append(name);
  out.Append("\":");
  ReplyWriter::JsonText(text, out);
}

std::string_view TypeOf(PrincipalKind kind) noexcept {
  switch (kind) {
    case PrincipalKind::kRoot: return "Root";
    case PrincipalKind::kUser: return "IAMUser";
    case PrincipalKind::kAssumedRole: return "AssumedRole";
    case PrincipalKind::kFederatedUser: return "FederatedUser";
    case PrincipalKind::kService: return "AWSService";
    case PrincipalKind::kWebIdentity: return "WebIdentityUser";
  }
  return "Unknown";
}

/// Without fractions, as records have it.
std::string Seconds(ports::WallTime time) {
  return aws::FormatIsoTime(std::chrono::floor<std::chrono::seconds>(time)).substr(0, 19) + "Z";
}

void SessionContext(const Caller& caller, WipedBuffer& out) {
  const ports::Session& session = *caller.session;
  out.Append(",\"sessionContext\":{");
  if (caller.kind == PrincipalKind::kAssumedRole) {
    out.Append("\"sessionIssuer\":{\"type\":\"Role\"");
    Text("principalId", std::string_view(caller.principal_id).substr(0, caller.principal_id.find(':')), out);
    Text("arn", caller.role_arn, out);
    Text("accountId", caller.account, out);
    Text("userName", std::string_view(caller.role_arn).substr(caller.role_arn.rfind('/') + 1), out);
    out.Append("},");
  }
  if (!session.federated_provider.empty()) {
    out.Append("\"webIdFederationData\":{\"federatedProvider\":");
    ReplyWriter::JsonText(session.federated_provider, out);
    out.Append(",\"attributes\":{}},");
  }
  out.Append("\"attributes\":{\"creationDate\":\"");
  out.Append(Seconds(session.issued_at));
  out.Append("\",\"mfaAuthenticated\":\"");
  out.Append(session.mfa_at ? "true" : "false");
  out.Append("\"}");
  if (!session.source_identity.empty()) Text("sourceIdentity", session.source_identity, out);
  out.Append('}');
}

}  // namespace

void WriteIdentity(const Caller& caller, WipedBuffer& out) {
  out.Append("{\"type\":\"");
  out.Append(TypeOf(caller.kind));
  out.Append('"');
  if (caller.kind == PrincipalKind::kService) {
    Text("invokedBy", caller.arn, out);
    return out.Append('}');
  }
  if (!caller.principal_id.empty()) Text("principalId", caller.principal_id, out);
  if (caller.kind == PrincipalKind::kWebIdentity) {
    if (!caller.user_name.empty()) Text("userName", caller.user_name, out);
    Text("identityProvider", caller.arn, out);
    return out.Append('}');
  }
  Text("arn", caller.arn, out);
  Text("accountId", caller.account, out);
  if (!caller.access_key_id.empty()) Text("accessKeyId", caller.access_key_id, out);
  if (caller.kind == PrincipalKind::kUser) Text("userName", caller.user_name, out);
  if (caller.session) SessionContext(caller, out);
  out.Append('}');
}

void WriteForeignIdentity(const Caller& caller, WipedBuffer& out) {
  out.Append("{\"type\":\"AWSAccount\"");
  Text("principalId", caller.principal_id, out);
  Text("accountId", caller.account, out);
  out.Append('}');
}

std::string_view UserName(const Caller& caller) noexcept {
  switch (caller.kind) {
    case PrincipalKind::kRoot: return "root";
    case PrincipalKind::kAssumedRole:
    case PrincipalKind::kFederatedUser: {
      const std::string_view id = caller.principal_id;
      const std::size_t colon = id.rfind(':');
      return colon == std::string_view::npos ? id : id.substr(colon + 1);
    }
    case PrincipalKind::kService: return caller.arn;
    case PrincipalKind::kUser:
    case PrincipalKind::kWebIdentity: return caller.user_name;
  }
  return {};
}

}  // namespace strongroom::trail
