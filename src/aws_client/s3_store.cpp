#include "aws_client/s3_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "aws_client/directory_files.h"
#include "aws_client/s3_checksum.h"
#include "aws_client/s3_client.h"
#include "aws_client/s3_upload.h"
#include "aws_client/s3_xml.h"
#include "crypto/hash.h"

namespace strongroom::aws_client {
namespace {

constexpr std::size_t kMostDeletes = 1000;

/// What is read of one object, over as many transfers as it takes.
class Reading {
 public:
  Reading(S3Client& client, std::string_view name, std::optional<ByteRange> range, const ByteSink& sink)
      : client_(client), name_(name), range_(range), sink_(sink) {}

  Result<ObjectInfo> All() {
    if (range_ && range_->length == 0) return S3Head(client_, name_);
    for (int attempts = 1;;) {
      HttpResponse partial;
      const std::uint64_t before = read_;
      auto answer = Once(partial);
      if (answer.ok()) return Finish(*answer);
      const Error& failed = answer.error();
      if (sink_failed_ || RetryOf(failed) == Retry::kNever) return failed;
      if (first_.status == 0) first_ = std::move(partial);
      // A transfer that got further has not failed in the way that attempts are counted for.
      attempts = read_ > before ? 1 : attempts + 1;
      const auto wait = client_.caller().policy().Next(attempts, Retry::kTransient);
      if (!wait) return failed;
      SR_CHECK(Wait(*wait, client_.caller().stop()));
    }
  }

 private:
  Result<HttpResponse> Once(HttpResponse& partial) {
    const ByteSink counted = [this](ByteView bytes) -> Status {
      if (range_ && bytes.size() > range_->length - read_) {
        sink_failed_ = true;
        return NotPartial();
      }
      if (!range_) sha256_.Update(bytes);
      Status taken = sink_(bytes);
      sink_failed_ = sink_failed_ || !taken.ok();
      if (taken.ok()) read_ += bytes.size();
      return taken;
    };
    S3Request request{.method = "GET",
                      .name = name_,
                      .headers = {{"X-Amz-Checksum-Mode", "ENABLED"}},
                      .sink = &counted,
                      .action = "s3:GetObject"};
    const std::uint64_t from = (range_ ? range_->offset : 0) + read_;
    if (range_) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-{}", from, range_->offset + range_->length - 1));
    } else if (read_ > 0) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-", from));
    }
    // What goes on is the same object, or nothing.
    if (read_ > 0) request.headers.emplace_back("If-Match", std::string(first_.Header("etag")));
    const std::uint64_t had = read_;
    SR_TRY(auto answer, client_.Send(request, &partial));
    if (answer.response.status == 416) {  // from the object's end on, where there is nothing
      past_end_ = true;
      return std::move(answer.response);
    }
    if (answer.error.code == "PreconditionFailed") {
      return Error(Errc::kConflict, fmt::format("{} was replaced as it was read.", client_.NameInMessages(name_)));
    }
    if (!answer.ok()) return client_.Refusal(request, answer);
    if ((range_ || had > 0) && answer.response.status != 206) return NotPartial();
    return std::move(answer.response);
  }

  Error NotPartial() const {
    return Error(Errc::kCorrupted,
                 fmt::format("The server sends all of {} where a part was asked for.", client_.NameInMessages(name_)));
  }

  Result<ObjectInfo> Finish(const HttpResponse& last) {
    if (past_end_) return S3Head(client_, name_);
    if (first_.status == 0) first_ = {.status = last.status, .headers = last.headers};
    ObjectInfo info{.name = std::string(name_), .etag = std::string(first_.Header("etag"))};
    info.size = (range_ ? range_->offset : 0) + read_;
    if (range_) {
      const std::string_view content = last.Header("content-range");
      const std::size_t slash = content.rfind('/');
      const char* const end = content.data() + content.size();
      if (slash == std::string_view::npos || std::from_chars(content.data() + slash + 1, end, info.size).ptr != end) {
        return Error(Errc::kCorrupted, "The server does not say which part of an object it sends.");
      }
      return info;
    }
    const std::string stored = StoredSha256(first_.headers);
    if (!stored.empty() && Base64(sha256_.Finish()) != stored) {
      return Error(Errc::kCorrupted,
                   fmt::format("What was read of {} does not have the SHA-256 that it was stored with.",
                               client_.NameInMessages(name_)));
    }
    return info;
  }

  S3Client& client_;
  const std::string_view name_;
  const std::optional<ByteRange> range_;
  const ByteSink& sink_;
  crypto::Sha256Stream sha256_;
  HttpResponse first_;
  std::uint64_t read_ = 0;
  bool sink_failed_ = false, past_end_ = false;
};

class S3Store final : public ObjectStore {
 public:
  explicit S3Store(std::shared_ptr<S3Client> client) : client_(std::move(client)) {}

  std::string Description() const override {
    std::string text = client_->NameInMessages("");
    if (text.ends_with('/')) text.pop_back();
    return text;
  }

  Status Check() override {
    SR_CHECK(client_->Ask({.method = "HEAD", .action = "s3:ListBucket"}));
    return {};
  }

  Result<ObjectInfo> Put(std::string_view name, ByteView bytes, PutIf put_if) override {
    SR_CHECK(CheckObjectName(name));
    if (put_if == PutIf::kAbsent) SR_CHECK(MustBeAbsent(name));
    if (put_if == PutIf::kAbsentToServer && !client_->knows_conditions) return NoConditions();
    for (int attempts = 1;; ++attempts) {
      const SentChecksum sent = ChecksumOf(bytes, client_->knows_sha256);
      S3Request request{.method = "PUT",
                        .name = name,
                        .headers = sent.headers,
                        .body = bytes,
                        .body_sha256 = sent.sha256_hex,
                        .action = "s3:PutObject"};
      request.headers.emplace_back("Content-Type", "application/octet-stream");
      const bool conditional = put_if != PutIf::kAny && client_->knows_conditions;
      if (conditional) request.headers.emplace_back("If-None-Match", "*");
      SR_TRY(const auto answer, client_->Send(request));
      if (conditional && answer.error.code == "NotImplemented") {
        client_->knows_conditions = false;
        if (put_if == PutIf::kAbsentToServer) return NoConditions();
        continue;
      }
      Status stored = answer.ok() ? Status() : Status(client_->Refusal(request, answer));
      if (answer.ok()) {
        bool knows = true;
        stored = CheckStored(sent, bytes, answer.response, knows);
        if (!knows) client_->knows_sha256 = false;
      }
      if (stored.ok()) {
        return ObjectInfo{
            .name = std::string(name), .size = bytes.size(), .etag = std::string(answer.response.Header("etag"))};
      }
      const Errc errc = stored.error().code();
      // It was absent before, so an attempt whose answer was lost may have put it there. libcurl has tried again, too.
      if (errc == Errc::kAlreadyExists) {
        SR_TRY(const auto ours, Ours(name, bytes, sent));
        if (ours) return *ours;
      }
      // Two writers at once: the other one may have failed, so it is asked again.
      if (errc != Errc::kCorrupted && errc != Errc::kConflict) return std::move(stored).error();
      const auto wait = client_->caller().policy().Next(attempts, Retry::kTransient);
      if (!wait) return std::move(stored).error();
      SR_CHECK(Wait(*wait, client_->caller().stop()));
    }
  }

  Result<std::unique_ptr<Upload>> StartUpload(std::string_view name, std::size_t part_bytes) override {
    SR_CHECK(CheckObjectName(name));
    SR_CHECK(CheckPartSize(part_bytes));
    return StartS3Upload(client_, std::string(name), part_bytes);
  }

  Result<ObjectInfo> Get(std::string_view name, std::optional<ByteRange> range, const ByteSink& sink) override {
    SR_CHECK(CheckObjectName(name));
    return Reading(*client_, name, range, sink).All();
  }

  Result<ObjectInfo> Head(std::string_view name) override {
    SR_CHECK(CheckObjectName(name));
    return S3Head(*client_, name);
  }

  Result<ObjectPage> List(std::string_view prefix, std::string_view start_after, std::size_t most) override {
    SR_CHECK(CheckListing(prefix, most));
    const std::string& own = client_->url().prefix;
    std::string after = start_after.empty() ? "" : own + std::string(start_after);
    ObjectPage page;
    do {
      S3Request request{.query = {{"list-type", "2"},
                                  {"encoding-type", "url"},
                                  {"max-keys", fmt::format("{}", most - page.objects.size())},
                                  {"prefix", own + std::string(prefix)}},
                        .action = "s3:ListBucket"};
      if (!after.empty()) request.query.emplace_back("start-after", after);
      SR_TRY(const auto answer, client_->Ask(request));
      SR_TRY(auto listed, ParseListing(answer.response.Text(), own));
      if (listed.page.more && listed.last <= after) {
        return Error(Errc::kCorrupted, "A list of objects is said to go on, but does not.");
      }
      after = listed.last;
      std::ranges::move(listed.page.objects, std::back_inserter(page.objects));
      page.more = listed.page.more;
      // A page may hold nothing but what is not ours.
    } while (page.more && page.objects.empty());
    return page;
  }

  Status Delete(std::span<const std::string> names) override {
    for (const std::string& name : names) SR_CHECK(CheckObjectName(name));
    for (; !names.empty(); names = names.subspan(std::min(kMostDeletes, names.size()))) {
      std::vector<std::string> keys;
      for (const std::string& name : names.first(std::min(kMostDeletes, names.size()))) {
        keys.push_back(client_->url().prefix + name);
      }
      const std::string document = DeleteDocument(keys);
      S3Request request{.method = "POST",
                        .query = {{"delete", ""}},
                        .headers = {{"Content-Type", "application/xml"}},
                        .body = AsBytes(document),
                        .action = "s3:DeleteObject"};
      // S3 wants a checksum here; without MD5 (FIPS), it is the other one.
      if (const Bytes md5 = Md5(request.body); !md5.empty()) {
        request.headers.emplace_back("Content-MD5", Base64(md5));
      } else {
        request.headers.emplace_back("X-Amz-Checksum-Sha256", Base64(crypto::Sha256(request.body)));
      }
      SR_TRY(const auto answer, client_->Ask(request));
      SR_TRY(auto failed, ParseDeleted(answer.response.Text()));
      if (failed.code.empty() || failed.code == "NoSuchKey") continue;
      S3Request one = request;
      const std::string name = failed.key.substr(std::min(client_->url().prefix.size(), failed.key.size()));
      one.name = name;
      ServiceAnswer inner;
      inner.response.status = 400;
      inner.error = {.code = failed.code, .message = failed.message};
      return client_->Refusal(one, inner);
    }
    return {};
  }

  Result<std::size_t> DropUnfinishedUploads(std::string_view prefix, std::chrono::seconds age) override {
    SR_CHECK(CheckListing(prefix, 1));
    const std::string& own = client_->url().prefix;
    const auto until = std::chrono::system_clock::now() - age;
    std::size_t dropped = 0;
    ListedUploads listed;
    do {
      S3Request request{.query = {{"uploads", ""}, {"encoding-type", "url"}, {"prefix", own + std::string(prefix)}},
                        .action = "s3:ListBucketMultipartUploads"};
      if (!listed.next_key.empty()) request.query.emplace_back("key-marker", listed.next_key);
      if (!listed.next_upload_id.empty()) request.query.emplace_back("upload-id-marker", listed.next_upload_id);
      SR_TRY(const auto answer, client_->Send(request));
      if (answer.error.code == "NotImplemented") return dropped;  // some servers do not list them
      if (!answer.ok()) return client_->Refusal(request, answer);
      SR_TRY(listed, ParseUploads(answer.response.Text()));
      for (const ListedUpload& upload : listed.uploads) {
        // The server's clock is another one, so that the age of zero is not compared with it.
        const bool young = age.count() > 0 && (!upload.started || *upload.started > until);
        if (young || !upload.key.starts_with(own)) continue;
        SR_CHECK(AbortS3Upload(*client_, std::string_view(upload.key).substr(own.size()), upload.upload_id));
        ++dropped;
      }
    } while (listed.more && !listed.next_key.empty());
    return dropped;
  }

 private:
  Status MustBeAbsent(std::string_view name) {
    const auto there = S3Head(*client_, name);
    if (there.ok()) {
      return Error(Errc::kAlreadyExists, fmt::format("{} exists already.", client_->NameInMessages(name)));
    }
    if (there.error().code() != Errc::kNotFound) return there.error();
    return {};
  }

  static Error NoConditions() { return Error(Errc::kUnsupported, "The server does not know If-None-Match."); }

  /// The object that is in the way, when it is what an attempt of ours, whose answer was lost, has put there.
  Result<std::optional<ObjectInfo>> Ours(std::string_view name, ByteView bytes, const SentChecksum& sent) {
    HttpHeaders headers;
    auto there = S3Head(*client_, name, &headers);
    if (!there.ok()) return std::move(there).error();
    const std::string stored = StoredSha256(headers);
    const bool same = there->size == bytes.size() &&
                      (stored.empty() ? WithoutQuotes(there->etag) == Hex(Md5(bytes)) : stored == sent.sha256_base64);
    return same ? std::optional(*std::move(there)) : std::nullopt;
  }

  const std::shared_ptr<S3Client> client_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenS3Store(const Aws& aws, std::string_view url, std::string_view endpoint) {
  SR_TRY(auto parsed, ParseS3Url(url));
  SR_TRY(std::shared_ptr<S3Client> client, S3Client::Create(aws, std::move(parsed), endpoint));
  return std::unique_ptr<ObjectStore>(std::make_unique<S3Store>(std::move(client)));
}

}  // namespace strongroom::aws_client
