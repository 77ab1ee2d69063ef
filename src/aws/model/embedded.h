#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace strongroom::aws::model {

/// Service name and the text of its reduced model.
extern const std::array<std::pair<std::string_view, std::string_view>, 6> kEmbedded;

}  // namespace strongroom::aws::model
