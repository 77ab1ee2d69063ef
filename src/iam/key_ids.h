#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace strongroom::iam {

/// Access key ids, as AWS's tools take them apart: four letters ("AKIA" permanent, "ASIA" temporary) and 16 characters
/// of base32, which are one bit, the account's number in 40 bits, and 39 random bits.

/// Prefix is "AKIA" or "ASIA"; the account has 12 digits.
std::string NewAccessKeyId(std::string_view prefix, std::string_view account_id);
/// The account of an id of that form; none for another text.
std::optional<std::string> AccountOfKeyId(std::string_view access_key_id);

}  // namespace strongroom::iam
