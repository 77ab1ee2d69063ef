#pragma once

#include <memory>
#include <string>

#include "aws_client/s3_client.h"

namespace strongroom::aws_client {

/// A multipart upload; `client` is kept as long as it is worked on.
Result<std::unique_ptr<Upload>> StartS3Upload(std::shared_ptr<S3Client> client, std::string name,
                                              std::size_t part_bytes);
Status AbortS3Upload(S3Client& client, std::string_view name, std::string_view upload_id);

/// HeadObject. Errors: kNotFound and others of ObjectStore.
Result<ObjectInfo> S3Head(S3Client& client, std::string_view name, HttpHeaders* headers = nullptr);

}  // namespace strongroom::aws_client
