#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "aws_client/aws.h"
#include "aws_client/s3_store.h"
#include "aws_client/service_call.h"

namespace strongroom::aws_client {

struct S3Request {
  std::string_view method = "GET";
  /// Of the object, without the prefix; empty: the bucket.
  std::string_view name{};
  std::vector<std::pair<std::string, std::string>> query{};  // plain
  HttpHeaders headers{};
  ByteView body{};
  std::string body_sha256{};
  const ByteSink* sink = nullptr;
  std::string_view action{};  // "s3:GetObject", for messages
};

/// Whether the bucket stands in the host's name ("bucket.s3.eu-central-1.amazonaws.com") or in the path, as AWS's own
/// tools choose: "virtual" and "path" are followed, and where neither is set the host is AWS's alone. An address of
/// numbers has no names below it, and no certificate fits a bucket's name with dots, so that these stand in the path
/// always.
bool StandsInHost(Addressing wanted, const Endpoint& endpoint, std::string_view bucket);

/// Requests to one bucket: addressing, the bucket's Region, and S3's errors in our codes.
/// Threads   any number of calls at once.
class S3Client {
 public:
  static Result<std::unique_ptr<S3Client>> Create(const Aws& aws, S3Url url, std::string_view endpoint);

  /// A refusal is an Error here but for those that `Refusal` tells.
  Result<ServiceAnswer> Send(const S3Request& request, HttpResponse* partial = nullptr);
  /// What an answer that is no 2xx means, as an Error that names the object and, when not allowed, the permission.
  Error Refusal(const S3Request& request, const ServiceAnswer& answer) const;
  /// Send, with a refusal as an Error.
  Result<ServiceAnswer> Ask(const S3Request& request, HttpResponse* partial = nullptr);

  const S3Url& url() const noexcept { return url_; }
  std::string NameInMessages(std::string_view name) const;
  ServiceCaller& caller() noexcept { return caller_; }

  /// Whether the server answers with the SHA-256 that it was given. True until an answer came without.
  std::atomic<bool> knows_sha256 = true;
  /// Whether the server takes If-None-Match. True until it has answered that it does not.
  std::atomic<bool> knows_conditions = true;

 private:
  S3Client(const Aws& aws, S3Url url, RetryOptions retry)
      : aws_(aws), url_(std::move(url)), caller_(aws.http, aws.credentials, retry) {}
  struct Place {
    Endpoint endpoint{};
    std::string region{};
    std::string path{};  // "/bucket" with path style
  };
  Result<Place> PlaceIn(std::string region) const;
  bool Follow(const ServiceAnswer& answer);

  const Aws aws_;
  const S3Url url_;
  std::optional<Endpoint> own_endpoint_{};  // not AWS's
  ServiceCaller caller_;
  mutable std::mutex mutex_;
  Place place_{};
};

}  // namespace strongroom::aws_client
