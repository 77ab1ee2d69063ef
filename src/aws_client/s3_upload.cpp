#include "aws_client/s3_upload.h"

#include <fmt/format.h>

#include <charconv>
#include <mutex>
#include <optional>

#include "aws_client/directory_files.h"
#include "aws_client/s3_checksum.h"
#include "aws_client/s3_xml.h"

namespace strongroom::aws_client {
namespace {

class S3Upload final : public Upload {
 public:
  S3Upload(std::shared_ptr<S3Client> client, std::string name, std::string id, std::size_t part_bytes)
      : client_(std::move(client)), name_(std::move(name)), id_(std::move(id)), part_bytes_(part_bytes) {}

  Status Part(std::uint32_t number, ByteView bytes) override {
    if (number < 1 || number > kMostParts) return Error(Errc::kInvalidArgument, "A part's number is out of bounds.");
    if (bytes.empty() || bytes.size() > part_bytes_) {
      return Error(Errc::kInvalidArgument, fmt::format("Part {} has a size that is out of bounds.", number));
    }
    for (int attempts = 1;; ++attempts) {
      const SentChecksum sent = ChecksumOf(bytes, client_->knows_sha256);
      const S3Request request{.method = "PUT",
                              .name = name_,
                              .query = {{"partNumber", fmt::format("{}", number)}, {"uploadId", id_}},
                              .headers = sent.headers,
                              .body = bytes,
                              .body_sha256 = sent.sha256_hex,
                              .action = "s3:PutObject"};
      SR_TRY(const auto answer, client_->Send(request));
      Status stored = answer.ok() ? Status() : Status(client_->Refusal(request, answer));
      bool knows = client_->knows_sha256;
      if (answer.ok()) {
        stored = CheckStored(sent, bytes, answer.response, knows);
        if (!knows) client_->knows_sha256 = false;
      }
      if (stored.ok()) {
        const std::lock_guard lock(mutex_);
        parts_[number] = {.size = bytes.size(),
                          .etag = std::string(answer.response.Header("etag")),
                          .sha256_base64 = knows ? sent.sha256_base64 : ""};
        return {};
      }
      // Damaged on the way there or back: a part that is sent again takes the other's place.
      if (stored.error().code() != Errc::kCorrupted) return stored;
      const auto wait = client_->caller().policy().Next(attempts, Retry::kTransient);
      if (!wait) return stored;
      SR_CHECK(Wait(*wait, client_->caller().stop()));
    }
  }

  Result<ObjectInfo> Complete(PutIf put_if) override {
    const std::lock_guard lock(mutex_);
    std::map<std::uint32_t, std::size_t> sizes;
    std::uint64_t size = 0;
    for (const auto& [number, part] : parts_) {
      sizes[number] = part.size;
      size += part.size;
    }
    SR_CHECK(CheckParts(sizes, part_bytes_));
    if (put_if != PutIf::kAny) {
      const auto there = S3Head(*client_, name_);
      if (there.ok()) {
        return Error(Errc::kAlreadyExists, fmt::format("{} exists already.", client_->NameInMessages(name_)));
      }
      if (there.error().code() != Errc::kNotFound) return there.error();
    }
    const std::string document = CompleteDocument(parts_);
    S3Request request{.method = "POST",
                      .name = name_,
                      .query = {{"uploadId", id_}},
                      .headers = {{"Content-Type", "application/xml"}},
                      .body = AsBytes(document),
                      .action = "s3:PutObject"};
    const HttpHeaders plain = request.headers;
    std::optional<Error> conflict;
    for (int attempts = 1;; ++attempts) {
      const bool conditional = put_if != PutIf::kAny && client_->knows_conditions;
      request.headers = plain;
      if (conditional) request.headers.emplace_back("If-None-Match", "*");
      SR_TRY(const auto answer, client_->Send(request));
      if (conditional && answer.error.code == "NotImplemented") {
        client_->knows_conditions = false;
        continue;
      }
      Retry retry = Retry::kNever;
      Error failed(Errc::kCorrupted, "S3's answer to CompleteMultipartUpload cannot be understood.");
      if (answer.ok()) {
        // S3 begins its answer before it has joined the parts, so that an error may stand behind a status of 200.
        const auto completed = ParseCompleted(answer.response.Text());
        if (completed.ok() && completed->error_code.empty()) {
          done_ = true;
          return ObjectInfo{.name = name_, .size = size, .etag = completed->etag};
        }
        retry = Retry::kTransient;
        if (completed.ok()) {
          ServiceAnswer inner;
          inner.response.status = 500;
          inner.error = {.code = completed->error_code, .message = completed->error_message};
          failed = client_->Refusal(request, inner);
          if (failed.code() != Errc::kUnavailable && failed.code() != Errc::kThrottled) retry = Retry::kNever;
        }
      } else {
        failed = client_->Refusal(request, answer);
      }
      // An attempt whose answer was lost has used the upload up, or made the object that is in the way now, or is still
      // at it. libcurl may have made such an attempt, too.
      const Errc errc = failed.code();
      if (errc == Errc::kNotFound || errc == Errc::kAlreadyExists || errc == Errc::kConflict) {
        HttpHeaders headers;
        auto there = S3Head(*client_, name_, &headers);
        if (there.ok() && IsOurs(*there, headers, size)) {
          done_ = true;
          return there;
        }
      }
      if (errc == Errc::kConflict) {
        retry = Retry::kTransient;
        conflict = failed;
      }
      if (errc == Errc::kNotFound) {
        // After a conflict S3 has dropped the upload: what was in the way is the answer then.
        if (conflict) return *conflict;
        return Error(Errc::kConflict, fmt::format("The unfinished upload of {} is gone: the server, its rules for old "
                                                  "uploads or somebody else has dropped it.",
                                                  client_->NameInMessages(name_)))
            .WithDetail(failed.public_message());
      }
      const auto wait = client_->caller().policy().Next(attempts, retry);
      if (!wait) return failed;
      SR_CHECK(Wait(*wait, client_->caller().stop()));
    }
  }

  Status Abort() override {
    {
      const std::lock_guard lock(mutex_);
      if (done_) return {};
    }
    return AbortS3Upload(*client_, name_, id_);
  }

 private:
  /// An object of parts has a SHA-256 of their SHA-256; where the server keeps none, the MD5 of their MD5s for an ETag,
  /// and "-" and their number. With encryption by KMS on the server's side the ETags are no MD5s.
  bool IsOurs(const ObjectInfo& there, const HttpHeaders& headers, std::uint64_t size) const {
    if (there.size != size) return false;
    std::vector<std::string_view> sha256;
    Bytes md5s;
    for (const auto& [number, part] : parts_) {
      if (!part.sha256_base64.empty()) sha256.push_back(part.sha256_base64);
      const auto digest = FromHex(WithoutQuotes(part.etag));
      if (digest.ok()) Append(md5s, *digest);
    }
    const std::string stored = StoredSha256OfParts(headers);
    if (!stored.empty() && sha256.size() == parts_.size()) return stored == Sha256OfParts(sha256);
    return WithoutQuotes(there.etag) == fmt::format("{}-{}", Hex(Md5(md5s)), parts_.size());
  }

  const std::shared_ptr<S3Client> client_;
  const std::string name_, id_;
  const std::size_t part_bytes_;
  std::mutex mutex_;
  std::map<std::uint32_t, SentPart> parts_;
  bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<Upload>> StartS3Upload(std::shared_ptr<S3Client> client, std::string name,
                                              std::size_t part_bytes) {
  S3Request request{.method = "POST", .name = name, .query = {{"uploads", ""}}, .action = "s3:PutObject"};
  if (client->knows_sha256) request.headers.emplace_back("X-Amz-Checksum-Algorithm", "SHA256");
  SR_TRY(const auto answer, client->Ask(request));
  SR_TRY(std::string id, ParseUploadId(answer.response.Text()));
  return std::unique_ptr<Upload>(
      std::make_unique<S3Upload>(std::move(client), std::move(name), std::move(id), part_bytes));
}

Status AbortS3Upload(S3Client& client, std::string_view name, std::string_view upload_id) {
  const S3Request request{.method = "DELETE",
                          .name = name,
                          .query = {{"uploadId", std::string(upload_id)}},
                          .action = "s3:AbortMultipartUpload"};
  SR_TRY(const auto answer, client.Send(request));
  if (answer.ok() || answer.response.status == 404) return {};
  return client.Refusal(request, answer);
}

Result<ObjectInfo> S3Head(S3Client& client, std::string_view name, HttpHeaders* headers) {
  const S3Request request{
      .method = "HEAD", .name = name, .headers = {{"X-Amz-Checksum-Mode", "ENABLED"}}, .action = "s3:GetObject"};
  SR_TRY(auto answer, client.Ask(request));
  ObjectInfo info{.name = std::string(name), .etag = std::string(answer.response.Header("etag"))};
  const std::string_view length = answer.response.Header("content-length");
  const auto [end, failed] = std::from_chars(length.data(), length.data() + length.size(), info.size);
  if (failed != std::errc() || end != length.data() + length.size() || length.empty()) {
    return Error(Errc::kCorrupted, fmt::format("S3 does not say how long {} is.", client.NameInMessages(name)));
  }
  if (headers != nullptr) *headers = std::move(answer.response.headers);
  return info;
}

}  // namespace strongroom::aws_client
