#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "aws_client/aws.h"
#include "aws_client/object_store.h"

namespace strongroom::aws_client {

/// A bucket and what stands before all names in it. `prefix` is empty or ends in a slash.
struct S3Url {
  std::string bucket{}, prefix{};
};
/// "s3://bucket/prefix". Errors: kInvalidArgument for a bucket name or prefix that S3 would not take.
Result<S3Url> ParseS3Url(std::string_view url);

/// Objects in a bucket, over S3's REST API.
///
/// Promise   as of ObjectStore. Each object and part is sent with its SHA-256, which is signed and which S3 verifies
/// and
///           keeps; to a server that does not answer with it, with its MD5, which its ETag must be. What is read whole
///           is compared with the checksum that it was stored with.
/// Absent    PutIf::kAbsent is If-None-Match: *. A server that refuses it as not implemented is asked without, and one
/// that does
///           not know it would replace the object all the same: the name is looked up before, so that only two writers
///           at the same moment are not told apart there.
/// Region    found out from the answers where it is not the bucket's.
/// `endpoint`: a URL in place of what the configuration says; may be empty.
/// Errors: kInvalidArgument for the URL, the endpoint or a missing Region.
Result<std::unique_ptr<ObjectStore>> OpenS3Store(const Aws& aws, std::string_view url, std::string_view endpoint = "");

}  // namespace strongroom::aws_client
