#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/database.h"

namespace strongroom::trail {

/// Front ends that are gone for good. What the store has of them is closed, digested, delivered and, when its time is
/// over, removed by those that are left.
struct GoneFrontEnds {
  /// Their names. Asked every few seconds; empty function: there are none.
  std::function<Result<std::vector<std::string>>()> names;
  /// That no other front end looks after this one for the next minute; false: another does. Asked again at each step.
  std::function<Result<bool>(const std::string& front_end)> claim;
};

/// What there is to do about a front end that is gone.
enum class GoneWork : std::uint8_t {
  kNone,
  kDigest,  // a segment is open, or no digest names it
  kRetire,  // a segment is past its retention, which a digest has to say
  kForget,  // nothing is left but digests and notes
};
Result<GoneWork> LookAtGone(store::Transaction& t, const std::string& front_end, std::int64_t keep_millis);
/// Closes what was open: its front end adds nothing any more. What the index does not have of it yet is added. Errors:
/// the store's.
Status CloseGone(store::Database& database, const std::string& front_end);
/// Removes digests and notes of a front end that has no segment, unless it has one by now.
Status ForgetGone(store::Transaction& t, const std::string& front_end);

}  // namespace strongroom::trail
