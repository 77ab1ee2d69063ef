#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::hsm_host {

inline constexpr std::size_t kMaxHsms = 256;               // per host
inline constexpr std::size_t kMaxTrustAnchorBytes = 8192;  // DER

/// One HSM that this host houses.
struct HsmEntry {
  std::string hsm_id, cluster_id, address, zone;
  Bytes trust_anchor;  // DER; empty: none
  bool wanted = true;  // false after StopHsm
  friend bool operator==(const HsmEntry&, const HsmEntry&) = default;
};

/// "[a-z0-9][a-z0-9-]*", at most 64 characters: fit to name a directory. Cluster ids and zones are held to it too.
bool IsPlainId(std::string_view id) noexcept;

/// Checks every field. Errors: kInvalidArgument, with the field's name.
Status Check(const HsmEntry& entry);

using HsmList = std::map<std::string, HsmEntry>;  // by hsm_id

/// Errors: kCorrupted not the file we write (nothing is overwritten); a missing file is an empty list.
Result<HsmList> LoadHsmList(const std::filesystem::path& file);
Status SaveHsmList(const std::filesystem::path& file, const HsmList& list);

}  // namespace strongroom::hsm_host
