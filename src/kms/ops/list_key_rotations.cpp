// Source: AWS KMS API Reference, "ListKeyRotations"; spec/kms.md 4.3, 9.
#include <algorithm>
#include <charconv>
#include <limits>
#include <ranges>

#include "kms/keys/imported.h"
#include "kms/keys/metadata.h"
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"
#include "kms/page.h"

namespace strongroom::kms {
namespace {

/// Only for imported keys; when it expires, only while it is there.
void AddImported(aws::Reply& entry, const Material& material, std::int64_t now) {
  entry.Text("KeyMaterialDescription", material.description)
      .Text("ImportState", material.usable(now) ? "IMPORTED" : "PENDING_IMPORT");
  if (!material.usable(now)) return;
  entry.Text("ExpirationModel", material.valid_to_millis ? "KEY_MATERIAL_EXPIRES" : "KEY_MATERIAL_DOES_NOT_EXPIRE");
  if (material.valid_to_millis) entry.Timestamp("ValidTo", ToWallTime(*material.valid_to_millis));
}

/// The key's own row does not tell when the time of another Region's copy ends. None where no material waits.
Task<Result<std::optional<MaterialState>>> NextState(Kms& kms, const KeyRow& row, std::int64_t now) {
  std::optional<MaterialState> state;
  const auto next = std::ranges::find_if(row.materials, [](const Material& material) { return !material.permanent(); });
  if (!row.multi_region || next == row.materials.end()) co_return state;
  auto look = [row, id = next->id, now](store::Transaction& t) -> Result<MaterialState> {
    SR_TRY(const auto set, LoadKeySet(t, row));
    return StateOfNext(set, id, now);
  };
  SR_CO_TRY(state, co_await kms.database().RunRead(std::move(look)));
  co_return state;
}

aws::Reply Entry(const Key& key, const Material& material, std::optional<MaterialState> next, std::int64_t now) {
  aws::Reply entry;
  const MaterialState state = material.permanent() ? material.state : next.value_or(material.state);
  entry.Text("KeyId", key.arn).Text("KeyMaterialId", material.id).Text("KeyMaterialState", std::string(Name(state)));
  if (key.row.origin == Origin::kExternal) AddImported(entry, material, now);
  if (material.rotated_millis) entry.Timestamp("RotationDate", ToWallTime(*material.rotated_millis));
  if (material.rotation_type) entry.Text("RotationType", std::string(Name(*material.rotation_type)));
  return entry;
}

/// The materials before `page.after`, newest first, one more than the page has room for.
std::vector<const Material*> OnPage(const KeyRow& row, const Page& page, bool all) {
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  if (!page.after.empty()) std::from_chars(page.after.data(), page.after.data() + page.after.size(), before);
  std::vector<const Material*> shown;
  for (const Material& material : std::views::reverse(row.materials)) {
    if (material.position >= before || !(all || material.rotated_millis)) continue;
    shown.push_back(&material);
    if (shown.size() > static_cast<std::size_t>(page.limit)) break;
  }
  return shown;
}

Task<Result<aws::Reply>> ListKeyRotations(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string include, call.body.StringOr("IncludeKeyMaterial", "ROTATIONS_ONLY"));
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  const Key& key = *usable.key;
  SR_CO_CHECK(RequireRotatable(key.row, true));
  SR_CO_TRY(const Page page, ParsePage(kms, call, {}, key.arn + "|" + include));
  const std::int64_t now = ToMillis(call.time);
  SR_CO_TRY(const auto next, co_await NextState(kms, key.row, now));
  auto shown = OnPage(key.row, page, include == "ALL_KEY_MATERIAL");
  const bool more = CutPage(page, shown);
  const std::string last = shown.empty() ? "" : std::to_string(shown.back()->position);
  std::vector<aws::Reply> entries;
  for (const Material* material : shown) entries.push_back(Entry(key, *material, next, now));
  aws::Reply reply;
  reply.Objects("Rotations", std::move(entries));
  FinishPage(kms, page, more, last, reply);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::list_key_rotations = {.target = "TrentService.ListKeyRotations",
                                                         .iam_action = "kms:ListKeyRotations",
                                                         .handler = aws::Bind<Kms, &ListKeyRotations>};

}  // namespace strongroom::kms
