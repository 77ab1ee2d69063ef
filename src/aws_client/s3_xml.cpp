#include "aws_client/s3_xml.h"

#include <fmt/format.h>

#include <charconv>

#include "aws_client/credential_sources.h"
#include "aws_client/service_call.h"
#include "aws_client/xml.h"
#include "sigv4/canonical.h"

namespace strongroom::aws_client {
namespace {

constexpr std::string_view kHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

/// Names as they are, though the server was asked to encode them, which not every server does.
class Names {
 public:
  explicit Names(const pugi::xml_node& root) : encoded_(ChildText(root, "EncodingType") == "url") {}
  std::string Of(std::string_view text) const {
    if (!encoded_) return std::string(text);
    std::string plain(text);
    std::ranges::replace(plain, '+', ' ');
    return sigv4::PercentDecode(plain);
  }

 private:
  bool encoded_;
};

}  // namespace

std::string CompleteDocument(const std::map<std::uint32_t, SentPart>& parts) {
  std::string text = fmt::format("{}<CompleteMultipartUpload{}>", kHead, kNamespace);
  for (const auto& [number, part] : parts) {
    text += "<Part>";
    AppendElement(text, "PartNumber", fmt::format("{}", number));
    AppendElement(text, "ETag", part.etag);
    if (!part.sha256_base64.empty()) AppendElement(text, "ChecksumSHA256", part.sha256_base64);
    text += "</Part>";
  }
  return text + "</CompleteMultipartUpload>";
}

std::string DeleteDocument(const std::vector<std::string>& keys) {
  std::string text = fmt::format("{}<Delete{}><Quiet>true</Quiet>", kHead, kNamespace);
  for (const std::string& key : keys) {
    text += "<Object>";
    AppendElement(text, "Key", key);
    text += "</Object>";
  }
  return text + "</Delete>";
}

Result<ListedPage> ParseListing(std::string_view text, std::string_view prefix) {
  SR_TRY(const auto answer, XmlAnswer::Parse(text, "ListBucketResult"));
  const Names names(answer.root());
  ListedPage listed;
  for (const pugi::xml_node& entry : answer.root().children("Contents")) {
    std::string key = names.Of(ChildText(entry, "Key"));
    const std::string_view size_text = ChildText(entry, "Size");
    std::uint64_t size = 0;
    const auto [end, failed] = std::from_chars(size_text.data(), size_text.data() + size_text.size(), size);
    if (failed != std::errc() || end != size_text.data() + size_text.size() || key.empty()) {
      return Error(Errc::kCorrupted, "A list of objects has an entry without name or size.");
    }
    listed.last = key;
    if (!key.starts_with(prefix)) continue;
    key.erase(0, prefix.size());
    if (!CheckObjectName(key).ok()) continue;  // somebody else's, such as "folder/"
    listed.page.objects.push_back(
        {.name = std::move(key), .size = size, .etag = std::string(ChildText(entry, "ETag"))});
  }
  listed.page.more = ChildText(answer.root(), "IsTruncated") == "true";
  return listed;
}

Result<ListedUploads> ParseUploads(std::string_view text) {
  SR_TRY(const auto answer, XmlAnswer::Parse(text, "ListMultipartUploadsResult"));
  const Names names(answer.root());
  ListedUploads listed;
  for (const pugi::xml_node& entry : answer.root().children("Upload")) {
    listed.uploads.push_back({.key = names.Of(ChildText(entry, "Key")),
                              .upload_id = std::string(ChildText(entry, "UploadId")),
                              .started = ParseIsoTime(ChildText(entry, "Initiated"))});
  }
  listed.more = ChildText(answer.root(), "IsTruncated") == "true";
  listed.next_key = names.Of(ChildText(answer.root(), "NextKeyMarker"));
  listed.next_upload_id = ChildText(answer.root(), "NextUploadIdMarker");
  return listed;
}

Result<std::string> ParseUploadId(std::string_view text) {
  SR_TRY(const auto answer, XmlAnswer::Parse(text, "InitiateMultipartUploadResult"));
  std::string id(ChildText(answer.root(), "UploadId"));
  if (id.empty() || id.size() > 4096) return Error(Errc::kCorrupted, "A new upload has no identifier.");
  return id;
}

Result<Completed> ParseCompleted(std::string_view text) {
  if (const auto error = XmlAnswer::Parse(text, "Error"); error.ok()) {
    return Completed{.error_code = PrintableText(ChildText(error->root(), "Code"), kLongestCode),
                     .error_message = PrintableText(ChildText(error->root(), "Message"))};
  }
  SR_TRY(const auto answer, XmlAnswer::Parse(text, "CompleteMultipartUploadResult"));
  return Completed{.etag = std::string(ChildText(answer.root(), "ETag"))};
}

Result<DeleteError> ParseDeleted(std::string_view text) {
  SR_TRY(const auto answer, XmlAnswer::Parse(text, "DeleteResult"));
  const pugi::xml_node error = answer.root().child("Error");
  if (!error) return DeleteError();
  return DeleteError{.code = PrintableText(ChildText(error, "Code"), kLongestCode),
                     .message = PrintableText(ChildText(error, "Message")),
                     .key = PrintableText(ChildText(error, "Key"), 1024)};
}

}  // namespace strongroom::aws_client
