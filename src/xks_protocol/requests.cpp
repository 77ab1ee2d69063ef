#include "xks_protocol/requests.h"

#include <boost/json.hpp>

#include "xks_protocol/json_reader.h"
#include "xks_protocol/limits.h"

namespace strongroom::xks {
namespace json = boost::json;
namespace {

json::object Written(const RequestMetadata& m) {
  json::object out;
  const auto put = [&out](std::string_view name, const std::string& text) {
    if (!text.empty()) out[name] = text;
  };
  put("awsPrincipalArn", m.aws_principal_arn);
  put("awsSourceVpc", m.aws_source_vpc);
  put("awsSourceVpce", m.aws_source_vpce);
  put("kmsKeyArn", m.kms_key_arn);
  put("kmsOperation", m.kms_operation);
  put("kmsRequestId", m.kms_request_id);
  put("kmsViaService", m.kms_via_service);
  return out;
}

json::object With(const RequestMetadata& metadata) {
  json::object body;
  body["requestMetadata"] = Written(metadata);
  return body;
}

enum class Principal { kOptional, kRequired };

Result<RequestMetadata> ReadMetadata(const JsonReader& body, Principal principal) {
  SR_TRY(const json::object* object, body.RequiredObject("requestMetadata"));
  const JsonReader in(*object, Errc::kInvalidArgument, "requestMetadata.");
  RequestMetadata m;
  SR_TRY(m.kms_operation, in.RequiredText("kmsOperation"));
  SR_TRY(m.kms_request_id, in.RequiredText("kmsRequestId"));
  if (principal == Principal::kRequired) {
    SR_TRY(m.aws_principal_arn, in.RequiredText("awsPrincipalArn"));
  } else {
    SR_TRY(m.aws_principal_arn, in.OptionalText("awsPrincipalArn"));
  }
  SR_TRY(m.aws_source_vpc, in.OptionalText("awsSourceVpc"));
  SR_TRY(m.aws_source_vpce, in.OptionalText("awsSourceVpce"));
  SR_TRY(m.kms_key_arn, in.OptionalText("kmsKeyArn"));
  SR_TRY(m.kms_via_service, in.OptionalText("kmsViaService"));
  return m;
}

Status RequireAesGcm(const JsonReader& in) {
  SR_TRY(const std::string algorithm, in.RequiredText("encryptionAlgorithm"));
  if (algorithm != kAesGcm) return in.Wrong("encryptionAlgorithm", "must be AES_GCM");
  return {};
}

}  // namespace

std::string WriteHealthRequest(const RequestMetadata& metadata) {
  RequestMetadata shown;
  shown.kms_operation = metadata.kms_operation;
  shown.kms_request_id = metadata.kms_request_id;
  return json::serialize(With(shown));
}

std::string WriteKeyMetadataRequest(const RequestMetadata& metadata) { return json::serialize(With(metadata)); }

std::string WriteEncryptRequest(const RequestMetadata& metadata, ByteView plaintext, ByteView aad) {
  json::object body = With(metadata);
  body["plaintext"] = Base64(plaintext);
  body["encryptionAlgorithm"] = kAesGcm;
  if (!aad.empty()) body["additionalAuthenticatedData"] = Base64(aad);
  body["ciphertextDataIntegrityValueAlgorithm"] = kSha256Name;
  return json::serialize(body);
}

std::string WriteDecryptRequest(const RequestMetadata& metadata, const CiphertextParts& parts, ByteView aad) {
  json::object body = With(metadata);
  body["ciphertext"] = Base64(parts.ciphertext);
  body["encryptionAlgorithm"] = kAesGcm;
  body["initializationVector"] = Base64(parts.iv);
  body["authenticationTag"] = Base64(parts.tag);
  if (!parts.metadata.empty()) body["ciphertextMetadata"] = Base64(parts.metadata);
  if (!aad.empty()) body["additionalAuthenticatedData"] = Base64(aad);
  return json::serialize(body);
}

std::string ApiPath(Api api, std::string_view key_id) {
  if (api == Api::kHealth) return "/health";
  std::string path = "/keys/";
  path.append(key_id);
  switch (api) {
    case Api::kEncrypt: return path + "/encrypt";
    case Api::kDecrypt: return path + "/decrypt";
    default: return path + "/metadata";
  }
}

Result<RequestMetadata> ParseHealthRequest(const json::object& body) {
  return ReadMetadata(JsonReader(body, Errc::kInvalidArgument), Principal::kOptional);
}

Result<RequestMetadata> ParseKeyMetadataRequest(const json::object& body) {
  return ReadMetadata(JsonReader(body, Errc::kInvalidArgument), Principal::kRequired);
}

Result<EncryptRequest> ParseEncryptRequest(const json::object& body) {
  const JsonReader in(body, Errc::kInvalidArgument);
  EncryptRequest r;
  SR_TRY(r.metadata, ReadMetadata(in, Principal::kRequired));
  SR_CHECK(RequireAesGcm(in));
  SR_TRY(r.plaintext, in.RequiredSecret("plaintext", {1, kMostPlaintextBytes}));
  SR_TRY(r.aad, in.OptionalBlob("additionalAuthenticatedData", kMostAadBytes));
  SR_TRY(const std::string algorithm, in.OptionalText("ciphertextDataIntegrityValueAlgorithm"));
  if (!algorithm.empty() && algorithm != kSha256Name)
    return in.Wrong("ciphertextDataIntegrityValueAlgorithm", "must be SHA_256");
  r.wants_integrity = !algorithm.empty();
  return r;
}

Result<DecryptRequest> ParseDecryptRequest(const json::object& body) {
  const JsonReader in(body, Errc::kInvalidArgument);
  DecryptRequest r;
  SR_TRY(r.metadata, ReadMetadata(in, Principal::kRequired));
  SR_CHECK(RequireAesGcm(in));
  SR_TRY(r.ciphertext, in.RequiredBlob("ciphertext", {1, kMostPlaintextBytes}));
  SR_TRY(r.iv, in.RequiredBlob("initializationVector", {kShortIvBytes, kLongIvBytes}));
  if (r.iv.size() != kShortIvBytes && r.iv.size() != kLongIvBytes)
    return in.Wrong("initializationVector", "must have a length of 12 or 16");
  SR_TRY(r.tag, in.RequiredBlob("authenticationTag", {kTagBytes, kTagBytes}));
  SR_TRY(r.ciphertext_metadata, in.OptionalBlob("ciphertextMetadata", kMostMetadataBytes));
  SR_TRY(r.aad, in.OptionalBlob("additionalAuthenticatedData", kMostAadBytes));
  return r;
}

}  // namespace strongroom::xks
