#pragma once

#include <chrono>

#include "base/task.h"

namespace strongroom::kms {

class Kms;

/// How long a generation of the domain key lives.
struct DomainKeyTimes {
  std::chrono::milliseconds period{std::chrono::hours(30 * 24)};     // until there is a newer one
  std::chrono::milliseconds retention{std::chrono::hours(35 * 24)};  // how long backups of the database are kept
  /// After a generation is made, until no HSM can wrap under the one before it.
  std::chrono::milliseconds settling{std::chrono::minutes(10)};
};

/// One round of what makes deletion real, also in old copies of the database: a new generation of the domain key when
/// the newest is old enough; every token wrapped under the newest; a generation that no token has been under for as
/// long as backups are kept is destroyed in the HSMs. What fails is tried again in the next round; any number of front
/// ends may do it at once.
Task<void> KeepDomainKeys(Kms& kms);

}  // namespace strongroom::kms
