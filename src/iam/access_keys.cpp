#include "iam/access_keys.h"

#include <sodium.h>

#include <algorithm>

#include "iam/key_ids.h"

namespace strongroom::iam {
namespace {
using store::Text;
using store::Transaction;

constexpr int kDraws = 5;
constexpr std::string_view kActive = "Active";
constexpr std::string_view kInactive = "Inactive";

std::string NewAccountId() {
  // The first digit is not 0, so that tools that take the id for a number do not shorten it.
  std::string id(1, static_cast<char>('1' + randombytes_uniform(9)));
  while (id.size() < 12) id += static_cast<char>('0' + randombytes_uniform(10));
  return id;
}

Status InsertAccount(Transaction& transaction, const std::string& account_id, const std::string& name) {
  SR_TRY(const std::int64_t now, transaction.NowMillis());
  SR_TRY(const std::int64_t written,
         transaction.Execute("INSERT INTO accounts (account_id, name, created_at) VALUES ($1, $2, $3) "
                             "ON CONFLICT DO NOTHING",
                             {Text(account_id), Text(name), now}));
  if (written == 0) return Error(Errc::kAlreadyExists, "The account already exists.");
  return transaction.Change(kAccountChange, account_id, "", account_id);
}

}  // namespace

ports::SigningSecrets::Terms AccessKeyTerms(std::string_view account_id, std::string_view principal_id,
                                            std::string_view access_key_id) {
  std::string binding("SRA\1");
  for (const std::string_view part : {account_id, principal_id, access_key_id})
    binding.append(1, static_cast<char>(part.size())).append(part);
  return {.binding = std::move(binding)};
}

Status InsertAccessKey(Transaction& transaction, const SealedAccessKey& key, std::string_view principal_arn) {
  SR_TRY(const auto keys,
         transaction.QueryOne("SELECT COUNT(*) FROM access_keys WHERE account_id = $1 AND principal_id = $2",
                              {Text(key.account_id), Text(key.principal_id)}));
  if (keys && keys->Int(0) >= kMaxKeysPerPrincipal)
    return Error(Errc::kLimitExceeded, "Cannot exceed quota for AccessKeysPerUser: 2");
  SR_TRY(const std::int64_t now, transaction.NowMillis());
  SR_CHECK(transaction.Execute(
      "INSERT INTO access_keys (access_key_id, account_id, principal_arn, principal_id, sealed_secret, status, "
      "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {Text(key.access_key_id), Text(key.account_id), Text(principal_arn), Text(key.principal_id), key.sealed,
       Text(kActive), now}));
  return transaction.Change(kAccessKeyChange, key.account_id, "", key.access_key_id);
}

bool IsAccountId(std::string_view text) noexcept {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string RootArn(std::string_view account_id) { return "arn:aws:iam::" + std::string(account_id) + ":root"; }

Task<Result<AccessKeys::Drawn>> AccessKeys::Draw(std::string account_id, std::string principal_id) {
  Drawn drawn;
  drawn.kept.account_id = std::move(account_id);
  drawn.kept.access_key_id = NewAccessKeyId("AKIA", drawn.kept.account_id);
  drawn.kept.principal_id = std::move(principal_id);
  ports::SigningSecrets::Terms terms =
      AccessKeyTerms(drawn.kept.account_id, drawn.kept.principal_id, drawn.kept.access_key_id);
  SR_CO_TRY(ports::SigningSecrets::Made made, co_await secrets_.Make(std::move(terms), {}));
  drawn.kept.sealed = std::move(made.sealed);
  drawn.shown = {drawn.kept.account_id, drawn.kept.access_key_id, std::move(made.secret)};
  co_return drawn;
}

Task<Result<NewAccessKey>> AccessKeys::Create(std::string account_id, std::optional<std::string> new_account_name) {
  std::string root = account_id;
  SR_CO_TRY(Drawn drawn, co_await Draw(std::move(account_id), std::move(root)));
  auto job = [key = std::move(drawn.kept), name = std::move(new_account_name)](Transaction& transaction) -> Status {
    if (name) SR_CHECK(InsertAccount(transaction, key.account_id, *name));
    SR_TRY(const auto account,
           transaction.QueryOne("SELECT 1 FROM accounts WHERE account_id = $1", {Text(key.account_id)}));
    if (!account) return Error(Errc::kNotFound, "There is no such account.");
    return InsertAccessKey(transaction, key, RootArn(key.account_id));
  };
  SR_CO_CHECK(co_await database_.Run(std::move(job)));
  co_return std::move(drawn.shown);
}

Task<Result<NewAccessKey>> AccessKeys::CreateAccount(std::string name, std::optional<std::string> account_id) {
  if (name.empty() || name.size() > 50)
    co_return Error(Errc::kInvalidArgument, "An account's name has 1 to 50 characters.");
  if (account_id && !IsAccountId(*account_id)) co_return Error(Errc::kInvalidArgument, "An account id has 12 digits.");
  for (int draw = 1;; ++draw) {
    std::string id = account_id ? *account_id : NewAccountId();
    std::optional<std::string> label(name);
    auto made = co_await Create(std::move(id), std::move(label));
    const bool taken = !made.ok() && made.error().code() == Errc::kAlreadyExists;
    if (!taken || account_id || draw == kDraws) co_return made;
  }
}

Task<Result<NewAccessKey>> AccessKeys::CreateRootKey(std::string account_id) {
  if (!IsAccountId(account_id)) co_return Error(Errc::kInvalidArgument, "An account id has 12 digits.");
  co_return co_await Create(std::move(account_id), std::nullopt);
}

Task<Result<NewAccessKey>> AccessKeys::ResetRootKey(std::string account_id) {
  if (!IsAccountId(account_id)) co_return Error(Errc::kInvalidArgument, "An account id has 12 digits.");
  std::string root = account_id;
  SR_CO_TRY(Drawn drawn, co_await Draw(std::move(account_id), std::move(root)));
  auto job = [key = std::move(drawn.kept)](Transaction& transaction) -> Status {
    SR_TRY(const auto account,
           transaction.QueryOne("SELECT 1 FROM accounts WHERE account_id = $1", {Text(key.account_id)}));
    if (!account) return Error(Errc::kNotFound, "There is no such account.");
    SR_TRY(const store::Rows old,
           transaction.Query("SELECT access_key_id FROM access_keys WHERE account_id = $1 AND principal_id = $1",
                             {Text(key.account_id)}));
    SR_CHECK(transaction.Execute("DELETE FROM access_keys WHERE account_id = $1 AND principal_id = $1",
                                 {Text(key.account_id)}));
    for (const store::Row& row : old) SR_CHECK(transaction.Change(kAccessKeyChange, key.account_id, "", row.Text(0)));
    return InsertAccessKey(transaction, key, RootArn(key.account_id));
  };
  SR_CO_CHECK(co_await database_.Run(std::move(job)));
  co_return std::move(drawn.shown);
}

Task<Result<std::vector<AccessKeyInfo>>> AccessKeys::List(std::string account_id) {
  auto job = [account = std::move(account_id)](Transaction& transaction) -> Result<std::vector<AccessKeyInfo>> {
    SR_TRY(const store::Rows rows,
           transaction.Query("SELECT access_key_id, principal_arn, status, created_at FROM access_keys "
                             "WHERE account_id = $1 ORDER BY access_key_id",
                             {Text(account)}));
    std::vector<AccessKeyInfo> keys;
    for (const store::Row& row : rows) keys.push_back({row.Text(0), row.Text(1), row.Text(2) == kActive, row.Int(3)});
    return keys;
  };
  co_return co_await database_.RunRead(std::move(job));
}

Task<Status> AccessKeys::SetActive(std::string account_id, std::string access_key_id, bool active) {
  auto job = [account = std::move(account_id), id = std::move(access_key_id),
              active](Transaction& transaction) -> Status {
    SR_TRY(const std::int64_t changed,
           transaction.Execute("UPDATE access_keys SET status = $1 WHERE account_id = $2 AND access_key_id = $3",
                               {Text(active ? kActive : kInactive), Text(account), Text(id)}));
    if (changed == 0) return Error(Errc::kNotFound, "There is no such access key.");
    return transaction.Change(kAccessKeyChange, account, "", id);
  };
  co_return co_await database_.Run(std::move(job));
}

Task<Status> AccessKeys::Delete(std::string account_id, std::string access_key_id) {
  auto job = [account = std::move(account_id), id = std::move(access_key_id)](Transaction& transaction) -> Status {
    SR_TRY(const std::int64_t gone,
           transaction.Execute("DELETE FROM access_keys WHERE account_id = $1 AND access_key_id = $2",
                               {Text(account), Text(id)}));
    if (gone == 0) return Error(Errc::kNotFound, "There is no such access key.");
    return transaction.Change(kAccessKeyChange, account, "", id);
  };
  co_return co_await database_.Run(std::move(job));
}

}  // namespace strongroom::iam
