// Source: AWS KMS API Reference, "DisconnectCustomKeyStore"; spec/kms.md 7.
#include "kms/keystore/requests.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> DisconnectCustomKeyStore(Kms& kms, aws::Call& call) {
  SR_CO_TRY(const std::string store_id, call.body.RequiredString("CustomKeyStoreId"));
  SR_CO_CHECK(AuthorizeCall(kms, call, nullptr));
  ChangeStore change = [](store::Transaction& t, CustomStoreRow& row) -> Status {
    if (row.state == ConnectionState::kFailed) {
      row.state = ConnectionState::kDisconnected;
      row.error_code.reset();
      return {};
    }
    if (row.state == ConnectionState::kDisconnected || row.state == ConnectionState::kDisconnecting)
      return WrongStoreState(row, "DisconnectCustomKeyStore");
    return BeginAttempt(t, row, ConnectionState::kDisconnecting);
  };
  SR_CO_TRY(const CustomStoreRow row, co_await ChangeCustomStore(kms, call, store_id, std::move(change)));
  NoteStore(call, row);
  kms.custom_stores().Begin(row);
  co_return aws::Reply();
}

}  // namespace

constinit const aws::Operation op::disconnect_custom_key_store = {.target = "TrentService.DisconnectCustomKeyStore",
                                                                  .iam_action = "kms:DisconnectCustomKeyStore",
                                                                  .handler = aws::Bind<Kms, &DisconnectCustomKeyStore>};

}  // namespace strongroom::kms
