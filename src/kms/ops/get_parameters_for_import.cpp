// Source: AWS KMS API Reference, "GetParametersForImport"; spec/kms.md 5.1, 5.2.
#include "crypto/key_import.h"
#include "kms/keys/imported.h"
#include "kms/keys/metadata.h"
#include "kms/keystore/imports.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kValidForMillis = 24LL * 3600 * 1000;
/// Origins that get into the last of these are refused as such.
constexpr StateSet kStates = 1 | 2 | 16 | 8;

Status CheckWrapping(const Kms& kms, const KeyRow& row, const std::string& algorithm, const std::string& spec) {
  const crypto::WrappingAlgorithm* known = crypto::FindWrappingAlgorithm(algorithm);
  if (known == nullptr) return Error(Errc::kUnsupported, "WrappingAlgorithm " + algorithm + " is no longer supported.");
  const crypto::KmsSpec* material = crypto::FindKmsSpec(row.spec);
  const auto wrapping = crypto::FindWrappingSpec(spec);
  const bool sm2 = spec == "SM2" || algorithm == "SM2PKE";
  if (sm2 && !kms.sm2()) return Error(Errc::kUnsupported, "SM2 wrapping keys are not supported in this Region.");
  if (material == nullptr || !wrapping || !crypto::CanWrap(*material, *known, *wrapping))
    return Error(Errc::kUnsupported, "Key material of key spec " + row.spec +
                                         " cannot be wrapped with WrappingAlgorithm " + algorithm +
                                         " and WrappingKeySpec " + spec + ".");
  return {};
}

Task<Result<aws::Reply>> GetParametersForImport(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string algorithm, call.body.RequiredString("WrappingAlgorithm"));
  SR_CO_TRY(const std::string spec, call.body.RequiredString("WrappingKeySpec"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kStates};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  const KeyRow& row = usable.key->row;
  SR_CO_CHECK(RequireImported(row));
  SR_CO_CHECK(CheckWrapping(kms, row, algorithm, spec));
  auto clock = [](store::Transaction& t) { return t.NowMillis(); };
  SR_CO_TRY(const std::int64_t now, co_await kms.database().RunRead(std::move(clock)));
  const std::int64_t valid_to = now + kValidForMillis;
  SR_CO_TRY(WrappingParameters made, co_await MakeWrappingParameters(kms.domain(), row, algorithm, spec, valid_to));
  aws::Reply reply;
  reply.Text("KeyId", usable.key->arn)
      .Blob("ImportToken", std::move(made.import_token))
      .Blob("PublicKey", std::move(made.public_key))
      .Timestamp("ParametersValidTo", ToWallTime(valid_to));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::get_parameters_for_import = {.target = "TrentService.GetParametersForImport",
                                                                .iam_action = "kms:GetParametersForImport",
                                                                .handler = aws::Bind<Kms, &GetParametersForImport>};

}  // namespace strongroom::kms
