#include "kms/keys/material.h"

#include <array>

namespace strongroom::kms {
namespace {
constexpr std::array<std::string_view, 4> kStates = {"CURRENT", "NON_CURRENT", "PENDING_ROTATION",
                                                     "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"};
}  // namespace

std::string_view Name(MaterialState state) noexcept { return kStates.at(static_cast<std::size_t>(state)); }

MaterialState MaterialStateOf(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kStates.size(); ++i)
    if (kStates.at(i) == name) return static_cast<MaterialState>(i);
  // What nobody has written is not used for anything.
  return MaterialState::kPendingMultiRegionImportAndRotation;
}

std::string_view Name(RotationType type) noexcept {
  return type == RotationType::kAutomatic ? "AUTOMATIC" : "ON_DEMAND";
}

}  // namespace strongroom::kms
