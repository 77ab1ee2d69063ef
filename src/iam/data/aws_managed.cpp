#include "iam/data/aws_managed.h"

#include <algorithm>
#include <array>

namespace strongroom::iam {
namespace {
constexpr std::array<AwsManaged, 10> kPolicies{{
    {"AWSCloudHSMFullAccess", "/", "ANPAIMBQYQZM7F63DA2UU", "Everything in AWS CloudHSM.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudhsm:*","Resource":"*"}]})"},
    {"AWSCloudHSMReadOnlyAccess", "/", "ANPAISVCBSY7YDBOT67KE", "Looking at AWS CloudHSM's clusters and backups.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudhsm:Describe*","cloudhsm:List*",)"
     R"("cloudhsm:Get*"],"Resource":"*"}]})"},
    {"AWSCloudTrail_ReadOnlyAccess", "/", "ANPA3EBHNWK6DQ2TZQO5L", "Looking at AWS CloudTrail's events.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudtrail:Describe*","cloudtrail:Get*",)"
     R"("cloudtrail:List*","cloudtrail:LookupEvents"],"Resource":"*"}]})"},
    {"AWSKeyManagementServicePowerUser", "/", "ANPAJNPP7PPPPMJRV2SA4",
     "Making and using KMS keys; who may administer a key stays with its policy.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateAlias","kms:CreateKey",)"
     R"("kms:DeleteAlias","kms:Describe*","kms:GenerateRandom","kms:Get*","kms:List*","kms:TagResource",)"
     R"("kms:UntagResource","iam:ListGroups","iam:ListRoles","iam:ListUsers"],"Resource":"*"}]})"},
    {"AdministratorAccess", "/", "ANPAIWMBCKSKIEE64ZLYK", "Everything.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    {"IAMFullAccess", "/", "ANPAI7XKCFMBPM3QQRRVQ", "Everything in IAM.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]})"},
    {"IAMReadOnlyAccess", "/", "ANPAJKSO7NDY4T57MWDSQ", "Looking at all of IAM, and asking its simulators.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:Simulate*"],)"
     R"("Resource":"*"}]})"},
    {"IAMUserChangePassword", "/", "ANPAJ4L4MM2A7QIEB56MS", "A user may change their own password.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ChangePassword",)"
     R"("Resource":"arn:aws:iam::*:user/${aws:username}"},{"Effect":"Allow",)"
     R"("Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]})"},
    {"PowerUserAccess", "/", "ANPAJYRXTHIB4FOVS3ZXS", "Everything but IAM.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"iam:*","Resource":"*"},)"
     R"({"Effect":"Allow","Action":["iam:ListRoles","iam:GetAccountSummary"],"Resource":"*"}]})"},
    {"ReadOnlyAccess", "/", "ANPAILL3HVNFSB6DCOWYQ", "Looking at everything; no use of keys.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudhsm:Describe*","cloudhsm:Get*",)"
     R"("cloudhsm:List*","cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudtrail:LookupEvents",)"
     R"("iam:Get*","iam:List*","iam:Simulate*","kms:Describe*","kms:Get*","kms:List*","sts:GetAccessKeyInfo",)"
     R"("sts:GetCallerIdentity"],"Resource":"*"}]})"},
}};
}  // namespace

std::span<const AwsManaged> AllAwsManaged() noexcept { return kPolicies; }

const AwsManaged* FindAwsManaged(std::string_view arn) noexcept {
  const auto found = std::ranges::find_if(kPolicies, [&](const AwsManaged& one) { return one.Arn() == arn; });
  return found == kPolicies.end() ? nullptr : &*found;
}

}  // namespace strongroom::iam
