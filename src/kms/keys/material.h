#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace strongroom::kms {

/// KeyMaterialState of KMS. The first two are a key's permanent materials: without any one of them it cannot be used.
enum class MaterialState : std::uint8_t {
  kCurrent,
  kNonCurrent,
  kPendingRotation,
  kPendingMultiRegionImportAndRotation
};
std::string_view Name(MaterialState state) noexcept;
MaterialState MaterialStateOf(std::string_view name) noexcept;

enum class RotationType : std::uint8_t { kAutomatic, kOnDemand };
std::string_view Name(RotationType type) noexcept;

/// One material of a key in one Region, as its row has it. Times are milliseconds since 1970 by the database's clock.
struct Material {
  std::string id;             // 64 hex digits
  std::int64_t position = 1;  // in the order in which they came to the key
  MaterialState state = MaterialState::kCurrent;
  Bytes token;  // empty: imported material that is missing
  std::int64_t created_millis = 0;
  std::optional<std::int64_t> rotated_millis;  // when it became CURRENT; not the first one
  std::optional<RotationType> rotation_type;
  std::string description;                      // imported material
  std::optional<std::int64_t> valid_to_millis;  // imported material that expires

  bool permanent() const noexcept { return state == MaterialState::kCurrent || state == MaterialState::kNonCurrent; }
  /// There, and not expired.
  bool usable(std::int64_t now_millis) const noexcept {
    return !token.empty() && (!valid_to_millis || *valid_to_millis > now_millis);
  }
};

}  // namespace strongroom::kms
