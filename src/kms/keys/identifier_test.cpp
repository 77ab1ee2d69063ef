#include "kms/keys/identifier.h"

#include <gtest/gtest.h>

namespace strongroom::kms {
namespace {

const std::string kId = "134f2428-cec1-4b25-a1ae-9048164dba47";
const std::string kMrk = "mrk-d3b95762d3b95762d3b95762d3b95762";
const std::string kArn = "arn:aws:kms:eu-central-1:111122223333:";

struct Row {
  std::string name, text;
  IdForms forms;
  std::string want;  // the ARN, or the error's name and text
};
const Row kRows[] = {
    {"KeyId", kId, IdForms::kAll, kArn + "key/" + kId},
    {"MultiRegionKeyId", kMrk, IdForms::kAll, kArn + "key/" + kMrk},
    {"KeyArn", kArn + "key/" + kId, IdForms::kAll, kArn + "key/" + kId},
    {"ForeignKeyArn", "arn:aws:kms:eu-central-1:444455556666:key/" + kId, IdForms::kAll,
     "arn:aws:kms:eu-central-1:444455556666:key/" + kId},
    {"AliasName", "alias/a", IdForms::kAll, kArn + "alias/a"},
    {"AliasArn", kArn + "alias/a/b", IdForms::kAll, kArn + "alias/a/b"},
    {"KeyIdWhereNoAliasIs", kId, IdForms::kKeyOnly, kArn + "key/" + kId},
    {"AliasWhereAKeyMustBe", "alias/a", IdForms::kKeyOnly, "not-found: Invalid keyId 'alias/a'"},
    {"AliasArnWhereAKeyMustBe", kArn + "alias/a", IdForms::kKeyOnly, "not-found: Invalid keyId '" + kArn + "alias/a'"},
    {"BareAliasPrefix", "alias/", IdForms::kAll, "not-found: Invalid keyId 'alias/'"},
    {"Word", "fake-key-id", IdForms::kAll, "not-found: Invalid keyId 'fake-key-id'"},
    {"NoDashes", "134f2428cec14b25a1ae9048164dba47", IdForms::kAll,
     "not-found: Invalid keyId '134f2428cec14b25a1ae9048164dba47'"},
    {"UpperCase", "134F2428-cec1-4b25-a1ae-9048164dba47", IdForms::kAll,
     "not-found: Invalid keyId '134F2428-cec1-4b25-a1ae-9048164dba47'"},
    {"ShortMultiRegionId", "mrk-fake-key-id", IdForms::kAll, "not-found: Invalid keyId 'mrk-fake-key-id'"},
    {"MultiRegionIdWithDashes", "mrk-" + kId.substr(0, 32), IdForms::kAll,
     "not-found: Invalid keyId 'mrk-" + kId.substr(0, 32) + "'"},
    {"ArnWithBadId", kArn + "key/x", IdForms::kAll, "not-found: Invalid keyId '" + kArn + "key/x'"},
    {"OtherRegion", "arn:aws:kms:us-east-1:111122223333:key/" + kId, IdForms::kAll, "not-found: Invalid arn us-east-1"},
    {"NoRegion", "arn:aws:kms::111122223333:key/" + kId, IdForms::kAll,
     "invalid-arn: Invalid arn 'arn:aws:kms::111122223333:key/" + kId + "'"},
    {"OtherService", "arn:aws:s3:eu-central-1:111122223333:key/" + kId, IdForms::kAll,
     "invalid-arn: Invalid arn 'arn:aws:s3:eu-central-1:111122223333:key/" + kId + "'"},
    {"OtherPartition", "arn:aws-cn:kms:eu-central-1:111122223333:key/" + kId, IdForms::kAll,
     "invalid-arn: Invalid arn 'arn:aws-cn:kms:eu-central-1:111122223333:key/" + kId + "'"},
    {"OtherResource", kArn + "grant/1", IdForms::kAll, "invalid-arn: Invalid arn '" + kArn + "grant/1'"},
    {"TooFewParts", "arn:aws:kms", IdForms::kAll, "invalid-arn: Invalid arn 'arn:aws:kms'"},
    {"ShortAccount", "arn:aws:kms:eu-central-1:1111:key/" + kId, IdForms::kAll,
     "invalid-arn: Invalid arn 'arn:aws:kms:eu-central-1:1111:key/" + kId + "'"},
    {"Empty", "", IdForms::kAll, "not-found: Invalid keyId ''"},
};
class Identifier : public ::testing::TestWithParam<Row> {};
TEST_P(Identifier, IsReadAsTheRowSays) {
  const auto id = ParseKeyIdentifier(GetParam().text, GetParam().forms, "111122223333", "eu-central-1");
  const std::string got =
      id.ok() ? id->Arn() : std::string(Name(id.error().code())) + ": " + id.error().public_message();
  EXPECT_EQ(got, GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(Keys, Identifier, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::kms
