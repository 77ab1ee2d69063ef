#include "aws_client/config.h"
#include "aws_client/credential_sources.h"
#include "aws_client/ini_file.h"
#include "aws_client/s3_store.h"
#include "aws_client/s3_xml.h"
#include "fuzz/target.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  std::vector<Bytes> seeds;
  for (
      const char* text :
      {"[default]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n[profile \"a b\"]\nrole_arn=x # y\n",
       "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>p/a%20b</Key><Size>5</Size><ETag>\"x\"</ETag>"
       "</Contents><IsTruncated>true</IsTruncated></ListBucketResult>",
       "<ListMultipartUploadsResult><Upload><Key>p/x</Key><UploadId>u</UploadId><Initiated>2026-01-02T03:04:05.000Z"
       "</Initiated></Upload></ListMultipartUploadsResult>",
       "<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>",
       "<Error><Code>SlowDown</Code><Message>m</Message></Error>",
       R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-01-02T03:04:05Z"})",
       "s3://bucket/prefix/x", "https://[::1]:8443/path", "\"/opt/a b\" --x='y' z\\ w",
       "2026-01-02T03:04:05.678+02:00"}) {
    seeds.push_back(ToBytes(AsBytes(text)));
  }
  return seeds;
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  using namespace strongroom::aws_client;
  const std::string_view text = AsText({data, size});

  const auto file = ParseIni(text, "F");
  if (!file.ok()) fuzz::Require(file.error().public_message().starts_with("F, line "));
  if (const auto listed = ParseListing(text, "p/"); listed.ok()) {
    for (const ObjectInfo& object : listed->page.objects) fuzz::Require(CheckObjectName(object.name).ok());
  }
  (void)ParseUploads(text).ok();
  (void)ParseCompleted(text).ok();
  (void)ParseDeleted(text).ok();
  (void)ParseUploadId(text).ok();
  (void)ParseCredentialsJson(text, "F").ok();
  (void)ParseIsoTime(text);
  if (const auto words = SplitCommand(text); words.ok()) fuzz::Require(!words->empty());
  if (const auto url = ParseS3Url(text); url.ok()) {
    const auto again = ParseS3Url("s3://" + url->bucket + "/" + url->prefix);
    fuzz::Require(again.ok() && again->bucket == url->bucket && again->prefix == url->prefix);
  }
  if (const auto endpoint = ParseEndpoint(text); endpoint.ok()) {
    const auto again = ParseEndpoint(endpoint->Url());
    fuzz::Require(again.ok() && again->Url() == endpoint->Url());
  }
  return 0;
}
