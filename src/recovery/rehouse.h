#pragma once

#include <string>

#include "cloudhsm/rows.h"

namespace strongroom::recovery {

/// The machine on which a restored deployment goes on.
struct NewHome {
  std::string host_id;
  std::string network_prefix;  // "127.20.30"; HSMs keep the last number of their addresses
};

/// Changes a restored store so that every HSM is made anew on this machine: the old ones are gone, and each cluster
/// that had one gets as many with new ids in the same zones, which the background jobs then restore. A cluster whose
/// owner had not initialised it yet begins anew. Returns the row of the domain cluster's first HSM, which its operator
/// restores. Errors: kCorrupted without a domain cluster; those of the transaction.
Result<cloudhsm::HsmRow> Rehouse(store::Transaction& transaction, const NewHome& home);

/// Notes that the domain cluster's restored HSM is there. Errors: those of the transaction.
Status NoteRestored(store::Transaction& transaction, const cloudhsm::HsmRow& hsm);

}  // namespace strongroom::recovery
