#include "sigv4/sign.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "crypto/hash.h"
#include "crypto/sigv4_key.h"

namespace strongroom::sigv4 {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

}  // namespace

Result<SignatureParts> Sign(const Signable& request, std::string_view access_key_id, const SecretBuffer& start) {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string date;
  for (const auto& [name, value] : request.headers) {
    auto& added = headers.emplace_back(Lower(name), std::string());
    AppendCanonicalValue(value, added.second);
    if (added.first == "x-amz-date") date = value;
  }
  if (!ParseBasicTime(date)) return Error(Errc::kInvalidArgument, "X-Amz-Date is missing or malformed.");
  std::ranges::sort(headers);

  SignatureParts parts;
  std::string names;
  std::string& canonical = parts.canonical_request;
  canonical.append(request.method).append("\n");
  AppendCanonicalPath(request.path, request.path_form, canonical);
  canonical += '\n';
  AppendCanonicalQuery(request.query, "", canonical);
  canonical += '\n';
  for (const auto& [name, value] : headers) {
    canonical.append(name).append(":").append(value).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  canonical.append("\n").append(names).append("\n").append(request.payload);

  const std::string day = date.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, request.region, request.service);
  parts.string_to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, Hex(crypto::Sha256(AsBytes(canonical))));
  SR_TRY(const SecretBuffer key,
         crypto::DeriveSigningKey(start, {.date = day, .region = request.region, .service = request.service}));
  parts.signature = Hex(crypto::HmacSha256(key, {AsBytes(parts.string_to_sign)}));
  parts.authorization = fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}", access_key_id,
                                    scope, names, parts.signature);
  return parts;
}

}  // namespace strongroom::sigv4
