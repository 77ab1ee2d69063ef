#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws_client/http.h"
#include "base/bytes.h"

namespace strongroom::aws_client {

/// What goes with bytes that are sent and has to come back for them.
struct SentChecksum {
  std::string sha256_hex{}, sha256_base64{};
  std::string md5_hex{};  // only for a server that does not keep a SHA-256; empty where MD5 is switched off (FIPS)
  HttpHeaders headers{};
};
SentChecksum ChecksumOf(ByteView bytes, bool server_knows_sha256);

/// MD5 is no security here: it is what S3's older servers have against damage on the way. Empty where OpenSSL has none.
Bytes Md5(ByteView bytes);

/// Whether an ETag can be the MD5 of an object: 32 hex digits, in quotes or not.
bool LooksLikeMd5(std::string_view etag);
std::string WithoutQuotes(std::string_view etag);

/// Compares an answer to PutObject or UploadPart with what was sent. `knows_sha256` is told what the answer shows.
/// Errors: kCorrupted.
Status CheckStored(const SentChecksum& sent, ByteView bytes, const HttpResponse& answer, bool& knows_sha256);

/// The SHA-256 of a whole object that an answer tells, in base64; empty when it tells none.
std::string StoredSha256(const HttpHeaders& answer);
/// That of an object in parts, which is over the parts' SHA-256: "BASE64-PARTS"; empty when the answer tells none.
std::string StoredSha256OfParts(const HttpHeaders& answer);
/// The same of parts whose SHA-256 are given, in order, in base64; empty for texts that are none.
std::string Sha256OfParts(const std::vector<std::string_view>& sha256_base64);

}  // namespace strongroom::aws_client
