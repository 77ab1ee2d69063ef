#include "recovery/current_key.h"

#include "recovery/recovery_key.h"

namespace strongroom::recovery {
namespace {

constexpr std::string_view kCurrent = "recovery-key", kBegun = "recovery-key-begun";

Status Put(store::Transaction& t, std::string_view name, const crypto::PublicKey& key) {
  SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                     {store::Text(name), store::Blob(key.ToSpki())}));
  return {};
}

}  // namespace

Result<crypto::PublicKey> CurrentKey(store::Transaction& t, const std::filesystem::path& of_this_machine) {
  SR_TRY(const auto begun, t.QueryOne("SELECT 1 FROM deployment WHERE name = $1", {store::Text(kBegun)}));
  if (begun)
    return Error(
        Errc::kInvalidState,
        "A replacement of the recovery key was not finished, so it is not certain which key restores a backup. "
        "Say `strongroom recovery-key replace` again.");
  SR_TRY(const auto current, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(kCurrent)}));
  return current ? crypto::PublicKey::FromSpki(current->Blob(0)) : LoadPublic(of_this_machine);
}

Status BeginReplacing(store::Transaction& t, const crypto::PublicKey& fresh) { return Put(t, kBegun, fresh); }

Status EndReplacing(store::Transaction& t, const crypto::PublicKey& fresh) {
  SR_CHECK(Put(t, kCurrent, fresh));
  SR_CHECK(t.Execute("DELETE FROM deployment WHERE name = $1", {store::Text(kBegun)}));
  return {};
}

}  // namespace strongroom::recovery
