#include "aws_client/s3_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "aws_client/xml.h"
#include "sigv4/canonical.h"

namespace strongroom::aws_client {
namespace {

constexpr int kAttempts = 8;
constexpr std::size_t kLargestAnswer = std::size_t{16} << 20;  // a page of 1,000 objects
constexpr std::size_t kLongestKey = 1024;

bool IsBucketName(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return name.size() >= 3 && name.size() <= 63 && plain(name.front()) && plain(name.back()) &&
         name.find("..") == std::string_view::npos &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '-' || c == '.'; });
}

bool IsAws(const Endpoint& endpoint) {
  const std::string_view host = endpoint.HostName();
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") || host.ends_with(".amazonaws.eu");
}

void AppendEncodedPath(std::string_view path, std::string& out) {
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (start > 0) out += '/';
    sigv4::AppendPercentEncoded(path.substr(start, end - start), out);
    start = end + 1;
  }
}

std::string QueryOf(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!query.empty()) query += '&';
    sigv4::AppendPercentEncoded(name, query);
    query += '=';
    sigv4::AppendPercentEncoded(value, query);
  }
  return query;
}

Errc S3Errc(const ServiceError& error, int status) {
  const std::string_view code = error.code;
  if (code == "NoSuchKey" || code == "NoSuchBucket" || code == "NotFound" || code == "NoSuchUpload")
    return Errc::kNotFound;
  if (code == "PreconditionFailed") return Errc::kAlreadyExists;
  if (code == "ConditionalRequestConflict" || code == "OperationAborted") return Errc::kConflict;
  if (code == "BadDigest" || code == "XAmzContentSHA256Mismatch" || code == "InvalidDigest") return Errc::kCorrupted;
  if (code == "QuotaExceeded" || code == "InsufficientStorage" || code == "XMinioStorageFull" || status == 507) {
    return Errc::kResourceExhausted;
  }
  if (code == "AllAccessDisabled" || code == "AccountProblem" || code == "InvalidObjectState")
    return Errc::kAccessDenied;
  const Errc common = CommonErrc(code, status);
  return common == Errc::kInternal ? Errc::kInvalidArgument : common;
}

bool IsAddress(std::string_view host) {
  in6_addr address{};
  const std::string text(host);
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 || ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

bool StandsInHost(Addressing wanted, const Endpoint& endpoint, std::string_view bucket) {
  if (wanted == Addressing::kPath || (wanted == Addressing::kAuto && !IsAws(endpoint))) return false;
  const bool dotted = bucket.find('.') != std::string_view::npos;
  return !IsAddress(endpoint.HostName()) && !(dotted && endpoint.scheme == "https");
}

Result<S3Url> ParseS3Url(std::string_view url) {
  constexpr std::string_view kScheme = "s3://";
  const auto wrong = [&](std::string_view why) {
    if (why.ends_with('.')) why.remove_suffix(1);
    return Error(Errc::kInvalidArgument, fmt::format("The address is not s3://BUCKET/PREFIX: {}.", why));
  };
  if (!url.starts_with(kScheme)) return wrong("it does not begin with s3://");
  url.remove_prefix(kScheme.size());
  S3Url parsed;
  parsed.bucket = url.substr(0, url.find('/'));
  if (!IsBucketName(parsed.bucket)) {
    return wrong("a bucket's name has 3 to 63 lower-case letters, digits, hyphens and dots");
  }
  std::string_view prefix = url.substr(parsed.bucket.size());
  if (prefix.starts_with('/')) prefix.remove_prefix(1);
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.empty()) return parsed;
  if (const auto good = CheckObjectName(prefix); !good.ok()) return wrong(good.error().public_message());
  parsed.prefix = std::string(prefix) + '/';
  return parsed;
}

Result<std::unique_ptr<S3Client>> S3Client::Create(const Aws& aws, S3Url url, std::string_view endpoint) {
  const RetryOptions retry{.max_attempts = aws.config->max_attempts.value_or(kAttempts)};
  std::unique_ptr<S3Client> client(new S3Client(aws, std::move(url), retry));
  std::string own(endpoint);
  if (own.empty()) {
    SR_TRY(const auto configured, aws.config->EndpointUrl("s3"));
    own = configured.value_or("");
  }
  if (!own.empty()) {
    SR_TRY(client->own_endpoint_, ParseEndpoint(own));
  }
  // A server of one's own often has no Regions; what AWS's tools sign for then is taken.
  std::string region = aws.config->region;
  if (region.empty() && client->own_endpoint_) region = "us-east-1";
  SR_TRY(client->place_, client->PlaceIn(std::move(region)));
  return client;
}

Result<S3Client::Place> S3Client::PlaceIn(std::string region) const {
  Place place;
  if (own_endpoint_) {
    place.endpoint = *own_endpoint_;
  } else {
    SR_TRY(place.endpoint, DefaultEndpoint("s3", region));
  }
  place.region = std::move(region);
  if (StandsInHost(aws_.config->addressing, place.endpoint, url_.bucket)) {
    place.endpoint.host = fmt::format("{}.{}", url_.bucket, place.endpoint.host);
  } else {
    place.path = "/" + url_.bucket;
  }
  return place;
}

bool S3Client::Follow(const ServiceAnswer& answer) {
  const std::string_view code = answer.error.code;
  const int status = answer.response.status;
  if (status != 301 && status != 307 && status != 400) return false;
  std::string region(answer.response.Header("x-amz-bucket-region"));
  if (region.empty() && (code == "AuthorizationHeaderMalformed" || code == "PermanentRedirect")) {
    const auto parsed = XmlAnswer::Parse(answer.response.Text(), "Error");
    if (parsed.ok()) region = ChildText(parsed->root(), "Region");
  }
  const std::lock_guard lock(mutex_);
  if (region.empty() || region == place_.region || !CheckRegion(region).ok()) return false;
  auto place = PlaceIn(region);
  if (!place.ok()) return false;
  place_ = *std::move(place);
  return true;
}

Result<ServiceAnswer> S3Client::Send(const S3Request& request, HttpResponse* partial) {
  if (url_.prefix.size() + request.name.size() > kLongestKey) {
    return Error(Errc::kInvalidArgument, fmt::format("{} is longer than the {} bytes that S3 allows.",
                                                     NameInMessages(request.name), kLongestKey));
  }
  for (int moves = 0;; ++moves) {
    Place place;
    {
      const std::lock_guard lock(mutex_);
      place = place_;
    }
    ServiceRequest sent;
    sent.service = "s3";
    sent.region = place.region;
    sent.endpoint = &place.endpoint;
    sent.method = request.method;
    sent.path = place.path;
    if (!request.name.empty()) {
      sent.path += '/';
      AppendEncodedPath(url_.prefix, sent.path);
      AppendEncodedPath(request.name, sent.path);
    }
    if (sent.path.empty()) sent.path = "/";
    sent.query = QueryOf(request.query);
    sent.headers = request.headers;
    sent.body = request.body;
    sent.body_sha256 = request.body_sha256;
    sent.is_s3 = true;
    sent.sink = request.sink;
    sent.largest_answer = kLargestAnswer;
    sent.read_error = ReadXmlError;
    SR_TRY(auto answer, caller_.Call(sent, partial));
    if (answer.ok() || moves == 2 || !Follow(answer)) return answer;
  }
}

std::string S3Client::NameInMessages(std::string_view name) const {
  return fmt::format("s3://{}/{}{}", url_.bucket, url_.prefix, name);
}

Error S3Client::Refusal(const S3Request& request, const ServiceAnswer& answer) const {
  const Errc errc = S3Errc(answer.error, answer.response.status);
  const std::string what =
      fmt::format("{}{}{}", answer.error.code, answer.error.message.empty() ? "" : ": ", answer.error.message);
  const std::string id =
      fmt::format("S3 request {}", PrintableText(answer.response.Header("x-amz-request-id"), kLongestCode));
  const std::string object = NameInMessages(request.name);
  std::string text;
  switch (errc) {
    case Errc::kAccessDenied:
      text = fmt::format(
          "S3 does not allow {} on arn:aws:s3:::{}{}{}{} ({}). The bucket's policy or the caller's own "
          "policies have to allow it.",
          request.action, url_.bucket, request.name.empty() ? "" : "/", request.name.empty() ? "" : url_.prefix,
          request.name, what);
      break;
    case Errc::kNotFound:
      // S3 says NoSuchBucket or NoSuchUpload to who writes.
      if (request.method == "PUT" && !answer.error.code.starts_with("NoSuch")) {
        const std::lock_guard lock(mutex_);
        text = fmt::format("{} has no place for {} ({}): is this the address of an S3 server?", place_.endpoint.Url(),
                           object, what);
        break;
      }
      text = answer.error.code == "NoSuchBucket" || request.name.empty()
                 ? fmt::format("The bucket {} does not exist ({}).", url_.bucket, what)
                 : fmt::format("{} does not exist ({}).", object, what);
      break;
    case Errc::kAlreadyExists: text = fmt::format("{} exists already.", object); break;
    default: text = fmt::format("S3 refuses {} on {}: {}", request.action, object, what);
  }
  return Error(errc, std::move(text)).WithDetail(id);
}

Result<ServiceAnswer> S3Client::Ask(const S3Request& request, HttpResponse* partial) {
  SR_TRY(auto answer, Send(request, partial));
  if (!answer.ok()) return Refusal(request, answer);
  return answer;
}

}  // namespace strongroom::aws_client
