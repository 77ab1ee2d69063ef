// Source: AWS KMS API Reference, "DeleteCustomKeyStore"; spec/kms.md 7.
#include "kms/keystore/requests.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> DeleteCustomKeyStore(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string store_id, call.body.RequiredString("CustomKeyStoreId"));
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  auto remove = [account = std::string(call.account()), region = std::string(call.region),
                 store_id](store::Transaction& t) -> Result<CustomStoreRow> {
    SR_TRY(auto row, LoadCustomStore(t, account, region, store_id));
    if (!row) return NoSuchStore(store_id);
    if (row->state != ConnectionState::kDisconnected) return WrongStoreState(*row, "DeleteCustomKeyStore");
    SR_TRY(const std::int64_t keys, CountKeysInStore(t, account, region, store_id));
    if (keys > 0)
      return Error(Errc::kCustomKeyStoreHasKeys, "Custom key store " + store_id + " contains " + std::to_string(keys) +
                                                     " KMS keys. Schedule their deletion first.");
    SR_CHECK(DeleteHalfMadeInStore(t, account, region, store_id));
    SR_CHECK(DeleteCustomStore(t, *row));
    return std::move(*row);
  };
  SR_CO_TRY(const CustomStoreRow row, co_await kms.database().Run(std::move(remove)));
  NoteStore(call, row);
  kms.custom_stores().Forget(row);
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::delete_custom_key_store = {.target = "TrentService.DeleteCustomKeyStore",
                                                              .iam_action = "kms:DeleteCustomKeyStore",
                                                              .handler = aws::Bind<Kms, &DeleteCustomKeyStore>};

}  // namespace strongroom::kms
