#pragma once

#include <string>
#include <vector>

#include "store/database.h"

namespace strongroom::cli {

/// A key that a drill may try: enabled, symmetric, for encryption.
struct SampleKey {
  std::string region, arn;
  bool custom = false;   // in a custom key store
  std::string store_id;  // then
};

/// The oldest keys of an account, at most `each` of either kind of key store. Errors: the transaction's.
Result<std::vector<SampleKey>> SampleKeys(store::Transaction& transaction, const std::string& account_id,
                                          std::int64_t each);

}  // namespace strongroom::cli
