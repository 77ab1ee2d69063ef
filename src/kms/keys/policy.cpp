#include "kms/keys/policy.h"

namespace strongroom::kms {
namespace {
constexpr std::size_t kMaxPolicyBytes = 32768;

void PutShort(Bytes& out, std::string_view text) {
  out.push_back(static_cast<std::uint8_t>(text.size()));
  Append(out, AsBytes(text));
}
}  // namespace

std::string DefaultPolicy(std::string_view account) {
  return "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {\n"
         "    \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
         "      \"AWS\" : \"arn:aws:iam::" +
         std::string(account) +
         ":root\"\n    },\n"
         "    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}";
}

Status CheckPolicy(const ports::Authorizer& authorizer, const aws::Call& call, const std::string& policy,
                   const KeyRow& row, bool bypass_lockout_check) {
  if (policy.size() > kMaxPolicyBytes)
    return Error(Errc::kLimitExceeded, "The key policy is longer than the quota of 32768 bytes.");
  const std::string arn = row.Arn();
  SR_TRY(const auto compiled, authorizer.Compile(policy, row.account, arn));
  if (bypass_lockout_check) return {};
  ports::Question question{.caller = call.caller,
                           .action = "kms:PutKeyPolicy",
                           .resource = arn,
                           .resource_account = row.account,
                           .policy = compiled.get()};
  if (!authorizer.Decide(question).allowed)
    return Error(Errc::kMalformedPolicy,
                 "The new key policy will not allow you to update the key policy in the future.");
  return {};
}

Bytes TokenBinding(const KeyRow& row) {
  Bytes out{1};
  PutShort(out, row.account);
  PutShort(out, row.key_id);
  PutShort(out, row.material_id);
  PutShort(out, row.spec);
  PutShort(out, row.usage);
  return out;
}

Result<KeyPtr> MakeKey(KeyRow row, const ports::Authorizer& authorizer) {
  auto key = std::make_shared<Key>();
  key->arn = row.Arn();
  BlobHeader header;
  header.store = row.origin == Origin::kAwsKms ? StoreKind::kDomain : StoreKind::kCloudHsm;
  header.account = row.account;
  header.key_id = row.key_id;
  if (!row.material_id.empty()) {
    SR_TRY(const Bytes material, FromHex(row.material_id));
    if (material.size() != header.material.size()) return Error(Errc::kCorrupted, "A key's material id is damaged.");
    std::copy(material.begin(), material.end(), header.material.begin());
  }
  key->blob_header = EncodeHeader(header);
  key->binding = TokenBinding(row);
  SR_TRY(key->policy, authorizer.Compile(row.policy, row.account, key->arn));
  key->row = std::move(row);
  return KeyPtr(std::move(key));
}

}  // namespace strongroom::kms
