#include "aws/sigv4/signer.h"

#include <algorithm>

#include "aws/http/text.h"
#include "aws/sigv4/canonical.h"
#include "aws/sigv4/signing_keys.h"

namespace strongroom::aws {

Result<std::string> SignedHttp(const SignRequest& request, std::string_view access_key_id, const SecretBuffer& secret) {
  std::string date;
  std::vector<std::string> names;
  std::vector<HttpHeader> headers;
  for (const auto& [name, value] : request.headers) {
    headers.push_back({name, value});
    names.push_back(name);
    std::ranges::transform(names.back(), names.back().begin(), LowerAscii);
    if (names.back() == "x-amz-date") date = value;
  }
  if (date.size() < 8) return Error(Errc::kInvalidArgument, "X-Amz-Date is missing.");
  std::ranges::sort(names);
  const std::string signed_names = fmt::format("{}", fmt::join(names, ";"));
  const HttpRequest shown{.method = request.method, .target = request.target, .headers = headers, .body = request.body};

  std::string canonical(request.method);
  canonical += '\n';
  AppendCanonicalPath(shown.path(), PathForm::kNormalized, canonical);
  canonical += '\n';
  AppendCanonicalQuery(shown.query(), "", canonical);
  canonical += '\n';
  const std::vector<std::string_view> views(names.begin(), names.end());
  AppendCanonicalHeaders(shown, views, canonical);
  canonical += '\n' + signed_names + '\n' + Hex(crypto::Sha256(AsBytes(request.body)));

  const std::string day = date.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, request.region, request.service);
  const std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, Hex(crypto::Sha256(AsBytes(canonical))));
  SR_TRY(const SecretBuffer key, SigningKeyMaker::Derive(secret, day, request.region, request.service));
  const std::string signature = Hex(crypto::HmacSha256(key, {AsBytes(text)}));

  std::string http = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  for (const auto& [name, value] : request.headers) http += fmt::format("{}: {}\r\n", name, value);
  http += fmt::format("Authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}\r\n",
                      access_key_id, scope, signed_names, signature);
  http += fmt::format("Content-Length: {}\r\n\r\n", request.body.size());
  http.append(request.body);
  return http;
}

}  // namespace strongroom::aws
