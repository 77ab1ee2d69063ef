#include "iam/data/account.h"

namespace strongroom::iam {

Result<std::optional<std::string>> ReadAlias(store::Transaction& t, std::string_view account) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT alias FROM iam_account_aliases WHERE account_id = $1", {store::Text(account)}));
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(row->Text(0));
}

}  // namespace strongroom::iam
