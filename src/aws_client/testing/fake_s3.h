#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aws_client/s3_checksum.h"
#include "aws_client/testing/fake_server.h"
#include "aws_client/xml.h"
#include "crypto/hash.h"
#include "sigv4/canonical.h"

namespace strongroom::aws_client::testing_kit {

/// One bucket, "backup", as S3 has it: conditions, checksums, ranges, parts, pages. Before each request `fault` may
/// answer in its place, and `after` may change the answer; both are called one at a time.
class FakeS3 {
 public:
  struct Object {
    std::string content, etag, sha256;
  };
  std::function<std::optional<FakeReply>(const FakeRequest&)> fault{};
  std::function<void(const FakeRequest&, FakeReply&)> after{};
  bool knows_sha256 = true, knows_conditions = true;
  bool ignores_conditions = false;  // takes the header and does not do as it says
  bool etags_are_md5 = true;        // of objects in parts; with encryption by KMS on S3's side they are not
  std::map<std::string, Object> objects;
  std::map<std::string, std::pair<std::string, std::map<int, std::string>>> uploads;  // id: key, parts
  std::vector<std::string> log;                                                       // "PUT /backup/x?query"

  FakeS3() : server_([this](const FakeRequest& request) { return Answer(request); }) {}
  std::string Url() const { return server_.Url(); }
  std::size_t Count(std::string_view method, std::string_view in) {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const std::string& line : log) count += line.starts_with(method) && line.find(in) != std::string::npos;
    return count;
  }

  static FakeReply Refuse(int status, std::string_view code, std::string_view more = "") {
    return {.status = status,
            .body = fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>as it is</Message>{}</Error>",
                                code, more)};
  }

 private:
  FakeReply Answer(const FakeRequest& request) {
    const std::lock_guard lock(mutex_);
    log.push_back(request.method + " " + request.path + "?" + request.query);
    if (fault) {
      if (auto reply = fault(request)) return *reply;
    }
    FakeReply reply = Do(request);
    if (after) after(request, reply);
    return reply;
  }
  static std::string Query(const FakeRequest& request, std::string_view name) {
    return sigv4::QueryParameter(request.query, name).value_or("");
  }
  static bool Has(const FakeRequest& request, std::string_view name) {
    return sigv4::QueryParameter(request.query, name).has_value();
  }
  FakeReply Do(const FakeRequest& request) {
    if (request.Header("x-amz-content-sha256") != Hex(crypto::Sha256(AsBytes(request.body)))) {
      return Refuse(400, "XAmzContentSHA256Mismatch");
    }
    if (!request.Header("content-md5").empty() && request.Header("content-md5") != Base64(Md5(AsBytes(request.body)))) {
      return Refuse(400, "BadDigest");
    }
    const std::string path = sigv4::PercentDecode(request.path);
    if (!path.starts_with("/backup")) return Refuse(404, "NoSuchBucket");
    const std::string key = path.size() > 8 ? path.substr(8) : "";
    if (key.empty()) return Bucket(request);
    if (request.method == "PUT") return Put(request, key);
    if (request.method == "POST") return Post(request, key);
    if (request.method == "DELETE") {
      if (uploads.erase(Query(request, "uploadId")) == 0) return Refuse(404, "NoSuchUpload");
      return {.status = 204};
    }
    return Read(request, key);
  }
  FakeReply Bucket(const FakeRequest& request) {
    if (request.method == "HEAD") return {};
    if (request.method == "POST") return DeleteMany(request);
    if (Has(request, "uploads")) {
      std::string body = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>";
      for (const auto& [id, upload] : uploads) {
        if (!upload.first.starts_with(Query(request, "prefix"))) continue;
        body += "<Upload>";
        AppendElement(body, "Key", upload.first);
        AppendElement(body, "UploadId", id);
        body += "<Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>";
      }
      return {.body = body + "</ListMultipartUploadsResult>"};
    }
    const std::string prefix = Query(request, "prefix"), after_key = Query(request, "start-after");
    std::size_t most = std::stoul(Query(request, "max-keys"));
    std::string body =
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><EncodingType>url</EncodingType>";
    bool more = false;
    for (auto at = objects.upper_bound(after_key); at != objects.end(); ++at) {
      if (!at->first.starts_with(prefix)) continue;
      if (most-- == 0) {
        more = true;
        break;
      }
      std::string name;
      sigv4::AppendPercentEncoded(at->first, name);
      body += fmt::format("<Contents><Key>{}</Key><Size>{}</Size><ETag>{}</ETag></Contents>", name,
                          at->second.content.size(), at->second.etag);
    }
    return {.body = body + fmt::format("<IsTruncated>{}</IsTruncated></ListBucketResult>", more)};
  }
  FakeReply DeleteMany(const FakeRequest& request) {
    const auto parsed = XmlAnswer::Parse(request.body, "Delete");
    if (!parsed.ok()) return Refuse(400, "MalformedXML");
    for (const auto& entry : parsed->root().children("Object")) objects.erase(std::string(ChildText(entry, "Key")));
    return {.body = "<DeleteResult/>"};
  }
  FakeReply Stored(const std::string& etag, const std::string& content) const {
    FakeReply reply{.headers = {{"ETag", etag}}};
    if (knows_sha256) reply.headers["x-amz-checksum-sha256"] = Base64(crypto::Sha256(AsBytes(content)));
    return reply;
  }
  FakeReply Put(const FakeRequest& request, const std::string& key) {
    const std::string checksum = request.Header("x-amz-checksum-sha256");
    if (!checksum.empty() && checksum != Base64(crypto::Sha256(AsBytes(request.body)))) return Refuse(400, "BadDigest");
    const std::string etag = "\"" + Hex(Md5(AsBytes(request.body))) + "\"";
    if (Has(request, "partNumber")) {
      const auto upload = uploads.find(Query(request, "uploadId"));
      if (upload == uploads.end()) return Refuse(404, "NoSuchUpload");
      upload->second.second[std::stoi(Query(request, "partNumber"))] = request.body;
      return Stored(etag, request.body);
    }
    if (request.Header("if-none-match") == "*" && !ignores_conditions) {
      if (!knows_conditions) return Refuse(501, "NotImplemented");
      if (objects.contains(key)) return Refuse(412, "PreconditionFailed");
    }
    objects[key] = {request.body, etag, knows_sha256 ? Base64(crypto::Sha256(AsBytes(request.body))) : ""};
    return Stored(etag, request.body);
  }
  FakeReply Post(const FakeRequest& request, const std::string& key) {
    if (Has(request, "uploads")) {
      const std::string id = fmt::format("upload-{}", ++last_upload_);
      uploads[id] = {key, {}};
      return {.body = "<InitiateMultipartUploadResult><UploadId>" + id + "</UploadId></InitiateMultipartUploadResult>"};
    }
    const auto upload = uploads.find(Query(request, "uploadId"));
    if (upload == uploads.end()) return Refuse(404, "NoSuchUpload");
    if (request.Header("if-none-match") == "*" && !ignores_conditions) {
      if (!knows_conditions) return Refuse(501, "NotImplemented");
      if (objects.contains(key)) return Refuse(412, "PreconditionFailed");
    }
    const auto parsed = XmlAnswer::Parse(request.body, "CompleteMultipartUpload");
    if (!parsed.ok()) return Refuse(400, "MalformedXML");
    std::string content;
    Bytes digests;
    std::vector<std::string> sha256;
    for (const auto& part : parsed->root().children("Part")) {
      const std::string& bytes = upload->second.second[std::stoi(std::string(ChildText(part, "PartNumber")))];
      const Bytes md5 = Md5(AsBytes(bytes));
      if (WithoutQuotes(ChildText(part, "ETag")) != Hex(md5)) return Refuse(400, "InvalidPart");
      if (knows_sha256 && ChildText(part, "ChecksumSHA256") != Base64(crypto::Sha256(AsBytes(bytes)))) {
        return Refuse(400, "InvalidPart");
      }
      content += bytes;
      Append(digests, md5);
      sha256.push_back(Base64(crypto::Sha256(AsBytes(bytes))));
    }
    const std::string etag = fmt::format("\"{}-{}\"", Hex(Md5(digests)), upload->second.second.size());
    const std::string etag_here = etags_are_md5 ? etag : "\"0123456789abcdef0123456789abcdef-7\"";
    objects[key] = {content, etag_here,
                    knows_sha256 ? Sha256OfParts(std::vector<std::string_view>(sha256.begin(), sha256.end())) : ""};
    uploads.erase(upload);
    return {.body =
                fmt::format("<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>", etag)};
  }
  FakeReply Read(const FakeRequest& request, const std::string& key) {
    const auto found = objects.find(key);
    if (found == objects.end()) return Refuse(404, "NoSuchKey");
    const auto& [content, etag, sha256] = found->second;
    if (!request.Header("if-match").empty() && request.Header("if-match") != etag)
      return Refuse(412, "PreconditionFailed");
    FakeReply reply{.headers = {{"ETag", etag}}, .body = content};
    if (!sha256.empty()) reply.headers["x-amz-checksum-sha256"] = sha256;
    if (request.method == "HEAD") reply.headers["Content-Length"] = std::to_string(content.size());
    const std::string range = request.Header("range");
    if (!range.empty()) {
      const std::size_t dash = range.find('-'), from = std::stoul(range.substr(6));
      std::size_t to = dash + 1 == range.size() ? content.size() : std::stoul(range.substr(dash + 1)) + 1;
      if (from >= content.size()) return Refuse(416, "InvalidRange");
      to = std::min(to, content.size());
      reply.status = 206;
      reply.headers["Content-Range"] = fmt::format("bytes {}-{}/{}", from, to - 1, content.size());
      reply.body = content.substr(from, to - from);
    }
    return reply;
  }

  std::mutex mutex_;
  int last_upload_ = 0;
  FakeServer server_;
};

}  // namespace strongroom::aws_client::testing_kit
