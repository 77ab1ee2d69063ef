// Bodies of the JSON services: parsing, then every constraint of the model. The first byte picks the operation.
#include <boost/json/object.hpp>

#include "aws/dispatch/body.h"
#include "aws/model/validate.h"
#include "fuzz/target.h"

namespace strongroom {
namespace {
constexpr const char* kOperations[] = {"Encrypt",           "CreateKey",  "CreateGrant",
                                       "ImportKeyMaterial", "ListKeys",   "CreateCustomKeyStore",
                                       "Decrypt",           "TagResource"};
}

std::vector<Bytes> fuzz::Seeds() {
  return {
      Seed(R"(A{"KeyId":"alias/x","Plaintext":"aGVsbG8=","EncryptionContext":{"a":"b"},"GrantTokens":["t"]})"),
      Seed(R"(B{"Policy":"{}","Tags":[{"TagKey":"k","TagValue":"v"}],"MultiRegion":true,"KeySpec":"RSA_2048"})"),
      Seed(
          R"(C{"KeyId":"x","Operations":["Encrypt"],"Constraints":{"EncryptionContextSubset":{"a":"b"}},"DryRun":null})"),
      Seed(R"(D{"KeyId":"x","ImportToken":"AA==","ValidTo":1700000000.5,"ExpirationModel":"KEY_MATERIAL_EXPIRES"})"),
      Seed(R"(E{"Limit":5,"Marker":"m"})"),
      Seed("F{\"a\":[[[[[[[[{}]]]]]]]],\"b\":\"\\ud83d\\ude00\\u0000\"}")};
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  if (size == 0) return 0;
  static const aws::model::ServiceModel* const model = aws::model::BuiltIn("kms");
  const auto* operation = model->Find(kOperations[data[0] % std::size(kOperations)]);
  aws::Arena arena;
  const auto body = aws::ParseJsonBody(AsText(ByteView(data, size).subspan(1)), arena);
  if (!body.ok()) return 0;
  fuzz::Require(body->is_object());
  if (aws::model::CheckTypes(body->get_object(), *operation->input).ok())
    (void)aws::model::CheckConstraints(body->get_object(), *operation->input);
  return 0;
}
