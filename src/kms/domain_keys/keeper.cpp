#include "kms/domain_keys/keeper.h"

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "domain_keys.pb.h"
#include "kms/domain_keys/rows.h"
#include "kms/service.h"
#include "store/clock_guard.h"
#include "wire/key_token.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kPage = 256;

std::int64_t Millis(std::chrono::milliseconds duration) { return duration.count(); }

struct Known {
  std::vector<DomainKeyRow> rows;
  std::int64_t now_millis = 0;
  bool clock_is_trusted = true;

  const DomainKeyRow* newest() const { return rows.empty() ? nullptr : &rows.back(); }
};

Task<Result<Known>> Load(Kms& kms) {
  auto load = [](store::Transaction& t) -> Result<Known> {
    Known known;
    SR_TRY(known.now_millis, t.NowMillis());
    SR_TRY(known.rows, LoadDomainKeys(t));
    return known;
  };
  co_return co_await kms.database().RunRead(std::move(load));
}

bool NewOneIsDue(const Known& known, const DomainKeyTimes& times) {
  return known.newest() == nullptr || known.now_millis - known.newest()->made_millis >= Millis(times.period);
}
bool IsToBeLeft(const Known& known, const DomainKeyRow& row) {
  return row.generation < known.newest()->generation && !row.dropped_millis && !row.rewrapped_millis;
}
bool TokensAreDue(const Known& known, const DomainKeyTimes& times) {
  return known.now_millis - known.newest()->made_millis >= Millis(times.settling) &&
         std::ranges::any_of(known.rows, [&](const DomainKeyRow& row) { return IsToBeLeft(known, row); });
}
bool EndIsDue(const Known& known, const DomainKeyRow& row, const DomainKeyTimes& times) {
  return row.generation < known.newest()->generation && row.rewrapped_millis && !row.dropped_millis &&
         known.now_millis - *row.rewrapped_millis >= Millis(times.retention);
}
bool AnythingIsDue(const Known& known, const DomainKeyTimes& times) {
  return NewOneIsDue(known, times) || TokensAreDue(known, times) ||
         std::ranges::any_of(known.rows, [&](const DomainKeyRow& row) { return EndIsDue(known, row, times); });
}

/// What the HSMs have is the truth: the database may have been set back.
Task<Result<Known>> TakeOver(Kms& kms) {
  proto::ListDomainKeysRequest request;
  auto answer =
      co_await kms.domain().cluster()->Call<proto::ListDomainKeysReply>(wire::Command::kListDomainKeys, request);
  if (!answer.ok()) co_return std::move(answer).error();
  std::vector<std::uint32_t> there(answer->reply.generations().begin(), answer->reply.generations().end());
  auto take = [there = std::move(there)](store::Transaction& t) -> Result<Known> {
    Known known;
    SR_TRY(known.now_millis, t.NowMillis());
    for (const std::uint32_t generation : there) SR_CHECK(NoteDomainKey(t, generation, known.now_millis));
    SR_TRY(const auto rows, LoadDomainKeys(t));
    for (const DomainKeyRow& row : rows)
      if (std::ranges::find(there, row.generation) == there.end())
        SR_CHECK(NoteDropped(t, row.generation, known.now_millis));
    SR_TRY(known.rows, LoadDomainKeys(t));
    SR_TRY(known.clock_is_trusted, store::ClockIsTrusted(t));
    return known;
  };
  co_return co_await kms.database().Run(std::move(take));
}

Task<Status> AddOne(Kms& kms, std::uint32_t generation) {
  proto::AddDomainKeyRequest request;
  request.set_generation(generation);
  auto answer = co_await kms.domain().cluster()->Call<proto::AddDomainKeyReply>(wire::Command::kAddDomainKey, request);
  if (!answer.ok()) co_return std::move(answer).error();
  auto note = [generation](store::Transaction& t) -> Status {
    SR_TRY(const std::int64_t now, t.NowMillis());
    return NoteDomainKey(t, generation, now);
  };
  SR_CO_CHECK(co_await kms.database().Run(std::move(note)));
  log::Info("the domain key has a new generation, {}", generation);
  co_return Status();
}

/// The token under the newest generation; empty for one that cannot be opened any more, which stays as it is.
Task<Result<Bytes>> Rewrapped(Kms& kms, const TokenRow& row) {
  auto load = [row](store::Transaction& t) { return LoadKey(t, row.account, row.region, row.key_id); };
  SR_CO_TRY(const auto key, co_await kms.database().RunRead(std::move(load)));
  if (!key) co_return Bytes();
  const Bytes binding = TokenBinding(*key, row.material_id);
  proto::RewrapTokenRequest request;
  request.mutable_key()->set_token(row.token.data(), row.token.size());
  request.mutable_key()->set_binding(binding.data(), binding.size());
  auto answer = co_await kms.domain().cluster()->Call<proto::RewrapTokenReply>(wire::Command::kRewrapToken, request);
  if (answer.ok()) co_return ToBytes(AsBytes(answer->reply.token()));
  const Errc code = answer.error().code();
  if (code != Errc::kNotFound && code != Errc::kBadCiphertext) co_return std::move(answer).error();
  LogError("wrapping the key material of " + key->Arn() + " anew, which cannot be opened", answer.error());
  co_return Bytes();
}

/// How many tokens were not yet under the newest generation. Errors: kCancelled when the service stops.
Task<Result<std::size_t>> RewrapAll(Kms& kms, std::uint32_t newest) {
  std::size_t found = 0;
  TokenRow cursor;
  for (;;) {
    if (kms.background().stopping()) co_return Error(Errc::kCancelled, "The service is stopping.");
    auto read = [cursor](store::Transaction& t) { return TokensAfter(t, cursor, kPage); };
    SR_CO_TRY(std::vector<TokenRow> page, co_await kms.database().RunRead(std::move(read)));
    if (page.empty()) co_return found;
    cursor = page.back();
    std::vector<std::pair<TokenRow, Bytes>> changed;
    for (TokenRow& row : page) {
      // Imported material that is missing has none.
      if (wire::KeyTokenGeneration(row.token).value_or(newest) >= newest) continue;
      SR_CO_TRY(Bytes token, co_await Rewrapped(kms, row));
      if (!token.empty()) changed.emplace_back(std::move(row), std::move(token));
    }
    if (changed.empty()) continue;
    found += changed.size();
    // Cached copies of the old token serve until the generation ends, long after they have been read again.
    auto write = [changed = std::move(changed)](store::Transaction& t) -> Status {
      for (const auto& [row, token] : changed) SR_CHECK(ReplaceToken(t, row, token));
      return {};
    };
    SR_CO_CHECK(co_await kms.database().Run(std::move(write)));
  }
}

Task<Status> LeaveOldOnes(Kms& kms, const Known& known) {
  const std::uint32_t newest = known.newest()->generation;
  SR_CO_TRY(const bool renewed, co_await kms.sealer().Renew(newest));
  SR_CO_TRY(const std::size_t found, co_await RewrapAll(kms, newest));
  if (found > 0) log::Info("wrapped {} key materials under generation {} of the domain key", found, newest);
  // Only a round that finds none has seen that there are none.
  if (renewed || found > 0) co_return Status();
  auto note = [rows = known.rows, newest](store::Transaction& t) -> Status {
    SR_TRY(const bool trusted, store::ClockIsTrusted(t));
    if (!trusted) return {};
    SR_TRY(const std::int64_t now, t.NowMillis());
    for (const DomainKeyRow& row : rows)
      if (row.generation < newest) SR_CHECK(NoteRewrapped(t, row.generation, now));
    return {};
  };
  co_return co_await kms.database().Run(std::move(note));
}

Task<Status> EndOne(Kms& kms, std::uint32_t generation) {
  proto::DropDomainKeyRequest request;
  request.set_generation(generation);
  auto answer =
      co_await kms.domain().cluster()->Call<proto::DropDomainKeyReply>(wire::Command::kDropDomainKey, request);
  if (!answer.ok()) co_return std::move(answer).error();
  auto note = [generation](store::Transaction& t) -> Status {
    SR_TRY(const std::int64_t now, t.NowMillis());
    return NoteDropped(t, generation, now);
  };
  SR_CO_CHECK(co_await kms.database().Run(std::move(note)));
  log::Info("generation {} of the domain key is destroyed: no backup that is kept has tokens under it", generation);
  co_return Status();
}

Task<Status> Round(Kms& kms) {
  const DomainKeyTimes& times = kms.domain_key_times();
  SR_CO_TRY(Known known, co_await Load(kms));
  if (!known.rows.empty() && !AnythingIsDue(known, times)) co_return Status();
  SR_CO_TRY(known, co_await TakeOver(kms));
  if (known.rows.empty() || !known.clock_is_trusted) co_return Status();
  if (NewOneIsDue(known, times)) co_return co_await AddOne(kms, known.newest()->generation + 1);
  if (TokensAreDue(known, times)) co_return co_await LeaveOldOnes(kms, known);
  for (const DomainKeyRow& row : known.rows) {
    if (!EndIsDue(known, row, times)) continue;
    SR_CO_CHECK(co_await EndOne(kms, row.generation));
  }
  co_return Status();
}

}  // namespace

Task<void> KeepDomainKeys(Kms& kms) {
  const Status done = co_await Round(kms);
  const bool expected =
      done.ok() || done.error().code() == Errc::kUnavailable || done.error().code() == Errc::kCancelled;
  if (!expected) LogError("keeping the domain key's generations", done.error());
}

}  // namespace strongroom::kms
