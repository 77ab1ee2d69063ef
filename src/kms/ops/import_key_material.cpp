// Source: AWS KMS API Reference, "ImportKeyMaterial"; spec/kms.md 5.3.
#include "kms/keys/imported.h"
#include "kms/keys/metadata.h"
#include "kms/keystore/imports.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

/// Origins that get into the last of these are refused as such.
constexpr StateSet kStates = 1 | 2 | 16 | 64 | 8;

struct Request {
  std::string key_id;
  Bytes import_token, wrapped;
  Import import;
};

Status ParseExpiration(const aws::Call& call, Request& r) {
  SR_TRY(const std::string model, call.body.StringOr("ExpirationModel", "KEY_MATERIAL_EXPIRES"));
  SR_TRY(const auto valid_to, call.body.OptionalTimestamp("ValidTo"));
  if (model == "KEY_MATERIAL_EXPIRES" && !valid_to)
    return Error(Errc::kInvalidArgument, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES");
  if (model != "KEY_MATERIAL_EXPIRES" && valid_to)
    return Error(Errc::kInvalidArgument,
                 "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE");
  if (valid_to) r.import.valid_to_millis = ToMillis(*valid_to);
  return {};
}

Result<Request> Parse(const aws::Call& call) {
  Request r;
  SR_TRY(r.key_id, call.body.RequiredString("KeyId"));
  SR_TRY(r.import_token, call.body.RequiredBlob("ImportToken"));
  SR_TRY(r.wrapped, call.body.RequiredBlob("EncryptedKeyMaterial"));
  SR_CHECK(ParseExpiration(call, r));
  SR_TRY(const auto type, call.body.OptionalString("ImportType"));
  if (type) r.import.type = *type == "NEW_KEY_MATERIAL" ? Import::Type::kNew : Import::Type::kExisting;
  SR_TRY(r.import.expected_id, call.body.OptionalString("KeyMaterialId"));
  SR_TRY(r.import.description, call.body.OptionalString("KeyMaterialDescription"));
  return r;
}

/// By the database's clock, which is the one that ends it.
Status CheckValidTo(std::optional<std::int64_t> valid_to, std::int64_t now) {
  if (!valid_to || (*valid_to > now && *valid_to <= now + kLongestImportMillis)) return {};
  return Error(Errc::kInvalidArgument, "The validTo date must be in the future and at most 365 days from now");
}

Task<Result<aws::Reply>> ImportKeyMaterial(Kms& kms, aws::Call& call) {
  SR_CO_TRY(Request r, Parse(call));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kStates};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(r.key_id), rules));
  const KeyPtr key = usable.key;
  SR_CO_CHECK(RequireImported(key->row));
  auto clock = [](store::Transaction& t) { return t.NowMillis(); };
  SR_CO_TRY(const std::int64_t now, co_await kms.database().RunRead(std::move(clock)));
  SR_CO_CHECK(CheckValidTo(r.import.valid_to_millis, now));
  SR_CO_CHECK(CheckImportType(key->row, r.import));
  SR_CO_TRY(ImportedMaterial imported,
            co_await Unwrap(kms.domain(), key->row, std::move(r.import_token), std::move(r.wrapped), now));
  r.import.id = imported.id;
  r.import.token = std::move(imported.token);
  ChangeSet change = [import = std::move(r.import)](store::Transaction& t, std::vector<KeyRow>& set) -> Status {
    SR_TRY(const std::int64_t then, t.NowMillis());
    return PlaceMaterial(t, set, import, then);
  };
  SR_CO_CHECK(co_await ChangeKeySet(kms, key, kStates, std::move(change)));
  aws::Reply reply;
  reply.Text("KeyId", key->arn).Text("KeyMaterialId", imported.id);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::import_key_material = {.target = "TrentService.ImportKeyMaterial",
                                                          .iam_action = "kms:ImportKeyMaterial",
                                                          .handler = aws::Bind<Kms, &ImportKeyMaterial>};

}  // namespace strongroom::kms
