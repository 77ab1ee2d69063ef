#include "iam/access_keys.h"

#include <sodium.h>

#include <algorithm>

namespace strongroom::iam {
namespace {
using store::Text;
using store::Transaction;

constexpr std::size_t kSecretCharacters = 40;
constexpr std::size_t kIdCharacters = 16;
constexpr int kDraws = 5;
constexpr std::string_view kActive = "Active";
constexpr std::string_view kInactive = "Inactive";

std::string NewAccessKeyId() {
  constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id = "AKIA";
  for (std::size_t i = 0; i < kIdCharacters; ++i) id += kBase32[randombytes_uniform(kBase32.size())];
  return id;
}

std::string NewAccountId() {
  // The first digit is not 0, so that tools that take the id for a number do not shorten it.
  std::string id(1, static_cast<char>('1' + randombytes_uniform(9)));
  while (id.size() < 12) id += static_cast<char>('0' + randombytes_uniform(10));
  return id;
}

/// 240 random bits in the alphabet that AWS uses, which has 64 characters: each is drawn with equal chance.
Result<SecretBuffer> NewSecret() {
  return SecretBuffer::Produce(kSecretCharacters, [](std::span<std::uint8_t> out) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static_assert(kAlphabet.size() == 64);
    randombytes_buf(out.data(), out.size());
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(kAlphabet[byte & 63]);
    return out.size();
  });
}

struct KeyRow {
  std::string account_id;
  std::string access_key_id;
  Bytes sealed;
};

Status InsertAccount(Transaction& transaction, const std::string& account_id, const std::string& name) {
  SR_TRY(const std::int64_t now, transaction.NowMillis());
  SR_TRY(const std::int64_t written,
         transaction.Execute("INSERT INTO accounts (account_id, name, created_at) VALUES ($1, $2, $3) "
                             "ON CONFLICT DO NOTHING",
                             {Text(account_id), Text(name), now}));
  if (written == 0) return Error(Errc::kAlreadyExists, "The account already exists.");
  return transaction.Change(kAccountChange, account_id, "", account_id);
}

Status InsertKey(Transaction& transaction, const KeyRow& row) {
  const std::string arn = RootArn(row.account_id);
  SR_TRY(const auto account,
         transaction.QueryOne("SELECT 1 FROM accounts WHERE account_id = $1", {Text(row.account_id)}));
  if (!account) return Error(Errc::kNotFound, "There is no such account.");
  SR_TRY(const auto keys,
         transaction.QueryOne("SELECT COUNT(*) FROM access_keys WHERE account_id = $1 AND principal_arn = $2",
                              {Text(row.account_id), Text(arn)}));
  if (keys && keys->Int(0) >= kMaxKeysPerPrincipal)
    return Error(Errc::kLimitExceeded, "Cannot exceed quota for AccessKeysPerUser: 2");
  SR_TRY(const std::int64_t now, transaction.NowMillis());
  SR_CHECK(transaction.Execute(
      "INSERT INTO access_keys (access_key_id, account_id, principal_arn, principal_id, sealed_secret, status, "
      "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {Text(row.access_key_id), Text(row.account_id), Text(arn), Text(row.account_id), row.sealed, Text(kActive),
       now}));
  return transaction.Change(kAccessKeyChange, row.account_id, "", row.access_key_id);
}
}  // namespace

bool IsAccountId(std::string_view text) noexcept {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string RootArn(std::string_view account_id) { return "arn:aws:iam::" + std::string(account_id) + ":root"; }

Task<Result<NewAccessKey>> AccessKeys::Create(std::string account_id, std::optional<std::string> new_account_name) {
  NewAccessKey made;
  made.account_id = std::move(account_id);
  made.access_key_id = NewAccessKeyId();
  SR_CO_TRY(made.secret, NewSecret());
  SR_CO_TRY(SecretBuffer to_seal, made.secret.Clone());
  KeyRow row{made.account_id, made.access_key_id, {}};
  std::string purpose(kAccessKeyPurpose);
  SR_CO_TRY(row.sealed, co_await sealer_.Seal(std::move(purpose), row.access_key_id, std::move(to_seal)));
  auto job = [row = std::move(row), name = std::move(new_account_name)](Transaction& transaction) -> Status {
    if (name) SR_CHECK(InsertAccount(transaction, row.account_id, *name));
    return InsertKey(transaction, row);
  };
  SR_CO_CHECK(co_await database_.Run(std::move(job)));
  co_return made;
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
