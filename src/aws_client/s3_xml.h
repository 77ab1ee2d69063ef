#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "aws_client/object_store.h"

// S3's XML documents, both ways. Errors: kCorrupted for an answer that is not what it should be.

namespace strongroom::aws_client {

struct SentPart {
  std::size_t size = 0;
  std::string etag{};           // with quotes, as it came
  std::string sha256_base64{};  // empty: the server keeps none
};
std::string CompleteDocument(const std::map<std::uint32_t, SentPart>& parts);
std::string DeleteDocument(const std::vector<std::string>& keys);

/// A page of ListObjectsV2; the names come without `prefix`, those that are no object names of ours are left out.
/// `last` is the last key of the page, whether left out or not.
struct ListedPage {
  ObjectPage page{};
  std::string last{};
};
Result<ListedPage> ParseListing(std::string_view text, std::string_view prefix);

struct ListedUpload {
  std::string key{}, upload_id{};
  std::optional<std::chrono::system_clock::time_point> started{};
};
struct ListedUploads {
  std::vector<ListedUpload> uploads{};
  bool more = false;
  std::string next_key{}, next_upload_id{};
};
Result<ListedUploads> ParseUploads(std::string_view text);

Result<std::string> ParseUploadId(std::string_view text);
/// The ETag, or the <Error> that S3 puts behind a status of 200.
struct Completed {
  std::string etag{}, error_code{}, error_message{};
};
Result<Completed> ParseCompleted(std::string_view text);
/// The first <Error> of a DeleteObjects answer: code, message and key; an empty code when there is none.
struct DeleteError {
  std::string code{}, message{}, key{};
};
Result<DeleteError> ParseDeleted(std::string_view text);

}  // namespace strongroom::aws_client
