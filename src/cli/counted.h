#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strongroom::cli {

/// "1 object", "2 objects"; `many` where the plural is no added "s".
inline std::string Counted(std::uint64_t count, std::string_view one, std::string_view many = "") {
  std::string text = std::to_string(count) + " ";
  if (count != 1 && !many.empty()) return text.append(many);
  text.append(one);
  return count == 1 ? text : text + "s";
}

}  // namespace strongroom::cli
