#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "secret/secret_buffer.h"
#include "xks_protocol/integrity.h"

namespace strongroom::xks {

/// On whose behalf KMS asks. Empty texts are left out; GetHealthStatus has kms_operation and kms_request_id only.
struct RequestMetadata {
  std::string aws_principal_arn, aws_source_vpc, aws_source_vpce;
  std::string kms_key_arn;  // absent while CreateKey looks at the external key
  std::string kms_operation, kms_request_id, kms_via_service;
};

// KMS's side. `plaintext` is what KMS has encrypted already, so nothing in these bodies is secret.

std::string WriteHealthRequest(const RequestMetadata& metadata);
std::string WriteKeyMetadataRequest(const RequestMetadata& metadata);
/// Always asks for the integrity value.
std::string WriteEncryptRequest(const RequestMetadata& metadata, ByteView plaintext, ByteView aad);
std::string WriteDecryptRequest(const RequestMetadata& metadata, const CiphertextParts& parts, ByteView aad);

/// The path of an API below the proxy's own ("/prefix/kms/xks/v1").
enum class Api : std::uint8_t { kHealth, kKeyMetadata, kEncrypt, kDecrypt };
/// "/health" or "/keys/<key id>/encrypt". `key_id` as IsKeyId has it.
std::string ApiPath(Api api, std::string_view key_id);

// The proxy's side. Errors of all: kInvalidArgument (the proxy's ValidationException) with a text that names the member
// and what is wrong with it, never the value; kResourceExhausted when the locked pool is full. Unknown members are
// ignored. `body` is the request's JSON, parsed into memory that the caller wipes.

/// For GetHealthStatus: kmsOperation and kmsRequestId are required.
Result<RequestMetadata> ParseHealthRequest(const boost::json::object& body);
/// For GetKeyMetadata: awsPrincipalArn is required, too.
Result<RequestMetadata> ParseKeyMetadataRequest(const boost::json::object& body);

struct EncryptRequest {
  RequestMetadata metadata;
  SecretBuffer plaintext;  // 1 to kMostPlaintextBytes
  Bytes aad;
  bool wants_integrity = false;
};
Result<EncryptRequest> ParseEncryptRequest(const boost::json::object& body);

struct DecryptRequest {
  RequestMetadata metadata;
  Bytes ciphertext;  // 1 to kMostPlaintextBytes
  Bytes iv, tag;
  Bytes ciphertext_metadata;
  Bytes aad;
};
Result<DecryptRequest> ParseDecryptRequest(const boost::json::object& body);

}  // namespace strongroom::xks
