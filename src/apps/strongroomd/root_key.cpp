#include "apps/strongroomd/root_key.h"

#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/log.h"

namespace strongroom::service {
namespace {

std::string Marker(const std::string& account_id) { return "root-key-delivered/" + account_id; }

/// A deployment's first account is made once. Settings that name another one later are not those that it was made with.
Status RequireOwnAccount(store::Transaction& t, const std::string& account_id) {
  SR_TRY(const auto accounts, t.Query("SELECT account_id FROM accounts ORDER BY created_at, account_id", {}));
  if (accounts.empty() || accounts.front().Text(0) == account_id) return {};
  return Error(Errc::kInvalidArgument,
               "[account] id in strongroom.toml is " + account_id + ", but this deployment was made with account " +
                   accounts.front().Text(0) +
                   ": put that back. Further accounts are made with `strongroom account create`.");
}

std::size_t Put(std::span<std::uint8_t> room, std::size_t at, ByteView bytes) {
  std::memcpy(room.data() + at, bytes.data(), bytes.size());
  return at + bytes.size();
}

}  // namespace

Status RootKeyFile::Write(const std::filesystem::path& file, const iam::NewAccessKey& key) {
  const std::string before = "{\n  \"AccountId\": \"" + key.account_id + "\",\n  \"AccessKeyId\": \"" +
                             key.access_key_id + "\",\n  \"SecretAccessKey\": \"";
  const std::string after = "\"\n}\n";
  const std::size_t size = before.size() + key.secret.size() + after.size();
  // The secret is 40 characters of base64's alphabet, which JSON takes as they are.
  SR_TRY(const SecretBuffer text, SecretBuffer::Produce(size, [&](std::span<std::uint8_t> room) {
           std::size_t at = Put(room, 0, AsBytes(before));
           at = Put(room, at, key.secret.Reveal(KeyAccess()));
           return Put(room, at, AsBytes(after));
         }));
  return WriteFileAtomically(file, AsText(text.Reveal(KeyAccess())), 0600);
}

Task<Status> EnsureAccount(store::Database& database, iam::AccessKeys& keys, std::string account_id, std::string name,
                           std::filesystem::path file) {
  auto look = [account_id](store::Transaction& t) -> Result<bool> {
    SR_TRY(const auto row, t.QueryOne("SELECT 1 FROM deployment WHERE name = $1", {store::Text(Marker(account_id))}));
    if (!row) SR_CHECK(RequireOwnAccount(t, account_id));
    return row.has_value();
  };
  SR_CO_TRY(const bool delivered, co_await database.RunRead(std::move(look)));
  if (delivered) co_return Status();
  std::optional<iam::NewAccessKey> key;
  auto made = co_await keys.CreateAccount(std::move(name), account_id);
  if (made.ok()) {
    key = *std::move(made);
  } else if (made.error().code() == Errc::kAlreadyExists) {
    SR_CO_TRY(const auto unseen, co_await keys.List(account_id));
    for (const iam::AccessKeyInfo& old : unseen) {
      if (old.principal_arn == iam::RootArn(account_id))
        SR_CO_CHECK(co_await keys.Delete(account_id, old.access_key_id));
    }
    SR_CO_TRY(key, co_await keys.CreateRootKey(account_id));
  } else {
    co_return made.error();
  }
  SR_CO_CHECK(RootKeyFile::Write(file, *key));
  auto mark = [account_id](store::Transaction& t) -> Status {
    SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                       {store::Text(Marker(account_id)), store::Blob(AsBytes("1"))}));
    return {};
  };
  SR_CO_CHECK(co_await database.Run(std::move(mark)));
  log::Info("account {} is made", account_id);
  co_return Status();
}

}  // namespace strongroom::service
