// Source: AWS KMS API Reference, "TagResource".
#include "kms/keys/tags.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> TagResource(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const auto tags, call.body.PairList("Tags", "TagKey", "TagValue"));
  SR_CO_CHECK(CheckTagCount(tags.size()));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kNotPendingDeletion};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  SR_CO_CHECK(CheckTags(tags));
  ChangeRow change = [tags](store::Transaction& t, KeyRow& row) { return PutTags(t, row, tags); };
  SR_CO_CHECK(co_await ChangeKey(kms, std::move(usable.key), kNotPendingDeletion, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::tag_resource = {
    .target = "TrentService.TagResource", .iam_action = "kms:TagResource", .handler = aws::Bind<Kms, &TagResource>};

}  // namespace strongroom::kms
