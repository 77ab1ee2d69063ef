// Source: AWS KMS API Reference, "DeleteImportedKeyMaterial"; spec/kms.md 5.4.
#include <algorithm>

#include "kms/keys/forgetting.h"
#include "kms/keys/imported.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

constexpr StateSet kStates = 1 | 2 | 16 | kOnlyPendingDeletion;

Task<Result<aws::Reply>> DeleteImportedKeyMaterial(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const auto material_id, call.body.OptionalString("KeyMaterialId"));
  // Of all checks on the key the origin comes first here (spec/kms.md 2.6).
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  const KeyPtr key = usable.key;
  SR_CO_CHECK(RequireImported(key->row));
  SR_CO_CHECK(RequireState(key->arn, usable.state, kStates));
  auto removed = std::make_shared<std::string>();
  ChangeSet change = [material_id, removed](store::Transaction& t, std::vector<KeyRow>& set) -> Status {
    const KeyRow& row = set.front();
    const std::string id = material_id.value_or(row.material_id);
    if (material_id && std::ranges::find(row.materials, id, &Material::id) == row.materials.end())
      return Error(Errc::kNotFound, "Key material '" + id + "' of " + row.Arn() + " does not exist");
    SR_TRY(const bool was_there, RemoveMaterial(t, set, id));
    *removed = was_there ? id : "";
    return {};
  };
  SR_CO_CHECK(co_await ChangeKeySet(kms, key, kStates, std::move(change)));
  if (!removed->empty()) {
    const std::vector<std::string> ids{*removed};
    co_await ForgetInHsms(kms, BindingsOf(key->row, ids));
  }
  aws::Reply reply;
  reply.Text("KeyId", key->arn).Text("KeyMaterialId", *removed);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::delete_imported_key_material = {
    .target = "TrentService.DeleteImportedKeyMaterial",
    .iam_action = "kms:DeleteImportedKeyMaterial",
    .handler = aws::Bind<Kms, &DeleteImportedKeyMaterial>};

}  // namespace strongroom::kms
