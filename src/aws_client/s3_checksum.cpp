#include "aws_client/s3_checksum.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "crypto/hash.h"

namespace strongroom::aws_client {
namespace {

constexpr std::string_view kSha256Header = "x-amz-checksum-sha256";

Error Damaged(std::string_view by) {
  return Error(Errc::kCorrupted, fmt::format("What was stored is not what was sent: its {} differs.", by));
}

}  // namespace

Bytes Md5(ByteView bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_md5(), nullptr) != 1) return {};
  return Bytes(digest, digest + size);
}

std::string WithoutQuotes(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

bool LooksLikeMd5(std::string_view etag) {
  const std::string bare = WithoutQuotes(etag);
  return bare.size() == 32 && bare.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

SentChecksum ChecksumOf(ByteView bytes, bool server_knows_sha256) {
  const crypto::Sha256Digest digest = crypto::Sha256(bytes);
  SentChecksum sent{.sha256_hex = Hex(digest), .sha256_base64 = Base64(digest)};
  if (server_knows_sha256) {
    sent.headers.emplace_back("X-Amz-Checksum-Sha256", sent.sha256_base64);
  } else if (const Bytes md5 = Md5(bytes); !md5.empty()) {
    sent.md5_hex = Hex(md5);
    sent.headers.emplace_back("Content-MD5", Base64(md5));
  }
  return sent;
}

Status CheckStored(const SentChecksum& sent, ByteView bytes, const HttpResponse& answer, bool& knows_sha256) {
  const std::string_view stored = answer.Header(kSha256Header);
  knows_sha256 = !stored.empty();
  if (knows_sha256) {
    if (stored != sent.sha256_base64) return Damaged("SHA-256");
    return {};
  }
  const std::string_view etag = answer.Header("etag");
  // With encryption by KMS on the server's side, an ETag of the same form is something else.
  if (!LooksLikeMd5(etag) || answer.Header("x-amz-server-side-encryption").starts_with("aws:kms")) return {};
  const std::string md5 = sent.md5_hex.empty() ? Hex(Md5(bytes)) : sent.md5_hex;
  if (!md5.empty() &&
      !std::ranges::equal(md5, WithoutQuotes(etag), [](char a, char b) { return a == (b | 0x20) || a == b; })) {
    return Damaged("MD5");
  }
  return {};
}

namespace {

std::string Told(const HttpHeaders& answer, bool of_parts) {
  for (const auto& [name, value] : answer) {
    if (name == kSha256Header && (value.find('-') != std::string::npos) == of_parts) return value;
  }
  return "";
}

}  // namespace

std::string StoredSha256(const HttpHeaders& answer) { return Told(answer, false); }
std::string StoredSha256OfParts(const HttpHeaders& answer) { return Told(answer, true); }

std::string Sha256OfParts(const std::vector<std::string_view>& sha256_base64) {
  Bytes all;
  for (const std::string_view part : sha256_base64) {
    const auto digest = FromBase64(part);
    if (!digest.ok() || digest->empty()) return "";
    Append(all, *digest);
  }
  return fmt::format("{}-{}", Base64(crypto::Sha256(all)), sha256_base64.size());
}

}  // namespace strongroom::aws_client
