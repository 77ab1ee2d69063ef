// Source: AWS KMS API Reference, "GetPublicKey"; spec/kms.md 3.7.
#include "crypto/kms_algorithms.h"
#include "kms/keys/metadata.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

bool HasPublicHalf(const KeyRow& row) {
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(row.spec);
  return spec != nullptr && spec->pair.has_value();
}

Task<Result<aws::Reply>> GetPublicKey(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.states = kUsable};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  const KeyRow& row = usable.key->row;
  if (!HasPublicHalf(row))
    co_return Error(Errc::kUnsupported,
                    usable.key->arn + " key spec is " + row.spec + " which is not valid for GetPublicKey.");
  SR_CO_TRY(Bytes public_key, co_await usable.store(kms).PublicKey(*usable.key));
  aws::Reply reply;
  reply.Text("KeyId", usable.key->arn)
      .Blob("PublicKey", std::move(public_key))
      .Text("CustomerMasterKeySpec", row.spec)
      .Text("KeySpec", row.spec)
      .Text("KeyUsage", row.usage);
  AddAlgorithms(reply, row);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::get_public_key = {
    .target = "TrentService.GetPublicKey", .iam_action = "kms:GetPublicKey", .handler = aws::Bind<Kms, &GetPublicKey>};

}  // namespace strongroom::kms
