// Source: AWS KMS API Reference, "ListResourceTags".
#include "kms/keys/tags.h"
#include "kms/ops/all.h"
#include "kms/page.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> ListResourceTags(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  SR_CO_TRY(const Page page, ParsePage(kms, call, {.default_limit = 50, .max_limit = 50}, usable.key->row.key_id));
  auto list = [key = usable.key, page](store::Transaction& t) {
    return ListTags(t, key->row, page.after, page.limit + 1);
  };
  SR_CO_TRY(auto tags, co_await kms.database().RunRead(std::move(list)));
  const bool more = CutPage(page, tags);
  std::vector<aws::Reply> shown;
  for (const auto& [key, value] : tags)
    shown.push_back(std::move(aws::Reply().Text("TagKey", key).Text("TagValue", value)));
  aws::Reply reply;
  reply.Objects("Tags", std::move(shown));
  FinishPage(kms, page, more, more ? tags.back().first : "", reply);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::list_resource_tags = {.target = "TrentService.ListResourceTags",
                                                         .iam_action = "kms:ListResourceTags",
                                                         .handler = aws::Bind<Kms, &ListResourceTags>};

}  // namespace strongroom::kms
