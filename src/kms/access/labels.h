#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"

namespace strongroom::kms {

class Kms;
struct Key;

/// What conditions can ask of a key that is not in its row: its tags, and the names of its aliases. Read only when a
/// policy asks, and kept with the cached key, so they are as fresh as that.
struct KeyLabels {
  std::vector<std::pair<std::string, std::string>> tags;  // key, value
  std::vector<std::string> aliases;                       // "alias/..."
};
using KeyLabelsPtr = std::shared_ptr<const KeyLabels>;

/// Errors: the store's.
Task<Result<KeyLabelsPtr>> LabelsOf(Kms& kms, std::shared_ptr<const Key> key);

}  // namespace strongroom::kms
