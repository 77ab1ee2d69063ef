#pragma once

#include <functional>
#include <vector>

#include "hsm/replica/state.h"

namespace strongroom::hsm::replica {

/// What a command wants to be changed. Segment numbers in the changes count within this proposal's own segments.
struct Proposal {
  std::vector<proto::Change> changes;  // only the bodies; ids, command and answer are filled in
  Segments segments;
  Bytes answer;            // the serialised reply, remembered and returned
  proto::ClearPart clear;  // the replica's own changes only (admissions and epochs)
};
/// Decides against the newest state. It may be asked several times (a lost race), so it must have no effect of its own
/// and must take new ids from the state that it is given.
using Decide = std::function<Result<Proposal>(const State&)>;

}  // namespace strongroom::hsm::replica
