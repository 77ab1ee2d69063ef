#include "xks_proxy/audit_line.h"

#include <gmock/gmock.h>

namespace strongroom::xks_proxy {
namespace {

TEST(AuditLine, HasWhoAskedForWhat) {
  xks::RequestMetadata metadata;
  metadata.aws_principal_arn = "arn:aws:iam::123456789012:user/Alice";
  metadata.kms_key_arn = "arn:aws:kms:us-east-2:123456789012:/key/1234abcd";
  metadata.kms_operation = "Encrypt";
  metadata.kms_request_id = "4112f4d6";
  metadata.kms_via_service = "ebs";
  AuditLine line;
  line.proxy_id = "xksp-1";
  line.key_id = "key-1";
  line.remote_address = "192.0.2.7";
  line.api = xks::Api::kEncrypt;
  line.metadata = &metadata;
  line.took = std::chrono::microseconds(321);
  EXPECT_EQ(Format(line),
            R"({"proxy":"xksp-1","api":"Encrypt","externalKey":"key-1",)"
            R"("awsPrincipalArn":"arn:aws:iam::123456789012:user/Alice",)"
            R"("kmsKeyArn":"arn:aws:kms:us-east-2:123456789012:/key/1234abcd","kmsOperation":"Encrypt",)"
            R"("kmsRequestId":"4112f4d6","kmsViaService":"ebs","remoteAddress":"192.0.2.7","result":"ok",)"
            R"("microseconds":321})");
}

TEST(AuditLine, IsOneLineWhateverTheCallerWrites) {
  xks::RequestMetadata metadata;
  metadata.aws_principal_arn = "a\nb\r\x1b[31m\"\\\xc3\xa4" + std::string(1, '\0');
  metadata.kms_operation = std::string(10'000, 'x');
  AuditLine line;
  line.metadata = &metadata;
  const std::string text = Format(line);
  EXPECT_THAT(text, ::testing::HasSubstr(R"("awsPrincipalArn":"a?b??[31m\"\\???")"));
  EXPECT_LT(text.size(), 500u);
  EXPECT_THAT(text, testing::Not(::testing::HasSubstr("\n")));
}

}  // namespace
}  // namespace strongroom::xks_proxy
