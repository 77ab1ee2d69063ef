#pragma once

#include <optional>

#include "archive/access.h"

namespace strongroom::archive {

/// What a rekey leaves in the location for every machine that writes there: the wrapping keys from then on, as one
/// signed message under these keys. Machines whose configuration names others are told; none takes keys over from here.
inline constexpr std::string_view kKeysObject = "strongroom-archive-keys";

/// The object as it stands; nothing where no rekey was.
Result<std::optional<Bytes>> ReadLocationKeys(aws_client::ObjectStore& store);
/// That `object` is under exactly `keys`, as its header says. A machine that is behind finds out so; it is no defence
/// against who writes the store, who could as well delete the object.
/// Errors: kConflict when it is under others, which says what to do, and names them if one of `keys` proves who wrote
/// it; kCorrupted.
Status CheckLocationKeys(const Access& access, const Bytes& object, const WrappingKeys& keys);
/// Replaces the object.
Status WriteLocationKeys(const Access& access, const WrappingKeys& keys);

}  // namespace strongroom::archive
