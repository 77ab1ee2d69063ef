#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "store/database.h"

namespace strongroom::kms {

/// A generation of the domain key. Times are milliseconds since 1970 by the database's clock.
struct DomainKeyRow {
  std::uint32_t generation = 0;
  std::int64_t made_millis = 0;
  std::optional<std::int64_t> rewrapped_millis, dropped_millis;
};
/// By generation.
Result<std::vector<DomainKeyRow>> LoadDomainKeys(store::Transaction& t);
/// Does nothing when it is known already.
Status NoteDomainKey(store::Transaction& t, std::uint32_t generation, std::int64_t now_millis);
Status NoteRewrapped(store::Transaction& t, std::uint32_t generation, std::int64_t now_millis);
Status NoteDropped(store::Transaction& t, std::uint32_t generation, std::int64_t now_millis);

/// A token where it lies, of whatever account and region.
struct TokenRow {
  std::string account, region, key_id, material_id;
  Bytes token;  // empty: imported material that is missing
};
/// In the order of the primary key, after `after`; the first ones after a default one.
Result<std::vector<TokenRow>> TokensAfter(store::Transaction& t, const TokenRow& after, std::int64_t limit);
/// Does nothing when another token is there by now, or none.
Status ReplaceToken(store::Transaction& t, const TokenRow& old, const Bytes& token);

}  // namespace strongroom::kms
