// Source: AWS KMS API Reference, "GenerateRandom".
#include "kms/attestation/recipient.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GenerateRandom(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const auto size, call.body.OptionalInt("NumberOfBytes"));
  if (!size) co_return Error(Errc::kInvalidArgument, "NumberOfBytes is required.");
  SR_CO_TRY(const auto recipient, TakeRecipient(kms, call));
  SR_CO_TRY(const auto store_id, call.body.OptionalString("CustomKeyStoreId"));
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  CustomStores::ViewPtr view;
  KeyStore* store = &kms.domain();
  if (store_id) {
    SR_CO_TRY(view,
              co_await kms.custom_stores().Find(std::string(call.account()), std::string(call.region), *store_id));
    if (view->row.external())
      co_return Error(Errc::kUnsupported, "An external key store does not generate random byte strings.");
    if (view->keys == nullptr) co_return view->Unusable();
    store = view->keys.get();
  }
  SR_CO_TRY(SecretBuffer bytes, co_await store->GenerateRandom(static_cast<std::uint32_t>(*size)));
  aws::Reply reply;
  SR_CO_CHECK(AddSecret(reply, recipient, "Plaintext", std::move(bytes)));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::generate_random = {.target = "TrentService.GenerateRandom",
                                                      .iam_action = "kms:GenerateRandom",
                                                      .handler = aws::Bind<Kms, &GenerateRandom>};

}  // namespace strongroom::kms
