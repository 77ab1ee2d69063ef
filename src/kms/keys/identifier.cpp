#include "kms/keys/identifier.h"

#include <algorithm>
#include <array>

namespace strongroom::kms {
namespace {

bool IsHex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsKeyId(std::string_view text) {
  if (text.starts_with("mrk-")) return text.size() == 36 && IsHex(text.substr(4));
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsHex(text.substr(i, 1))) return false;
  }
  return true;
}

bool IsAccount(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Error InvalidKeyId(std::string_view text) {
  return Error(Errc::kNotFound, "Invalid keyId '" + std::string(text) + "'");
}

}  // namespace

Result<KeyIdentifier> ParseKeyIdentifier(std::string_view text, IdForms forms, std::string_view caller_account,
                                         std::string_view called_region) {
  KeyIdentifier id;
  id.account = caller_account;
  id.region = called_region;
  std::string_view name = text;
  if (text.starts_with("arn:")) {
    std::array<std::string_view, 6> parts{};
    std::string_view rest = text;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto colon = i < 5 ? rest.find(':') : std::string_view::npos;
      parts[i] = rest.substr(0, colon);
      if (colon == std::string_view::npos && i < 5)
        return Error(Errc::kInvalidArn, "Invalid arn '" + std::string(text) + "'");
      if (i < 5) rest.remove_prefix(colon + 1);
    }
    if (parts[1] != "aws" || parts[2] != "kms" || parts[3].empty() || !IsAccount(parts[4]))
      return Error(Errc::kInvalidArn, "Invalid arn '" + std::string(text) + "'");
    if (parts[3] != called_region) return Error(Errc::kNotFound, "Invalid arn " + std::string(parts[3]));
    id.account = parts[4];
    id.is_arn = true;
    name = parts[5];
    if (name.starts_with("key/")) {
      name.remove_prefix(4);
      if (!IsKeyId(name)) return InvalidKeyId(text);
      id.name = name;
      return id;
    }
    if (!name.starts_with("alias/")) return Error(Errc::kInvalidArn, "Invalid arn '" + std::string(text) + "'");
  }
  if (name.starts_with("alias/") && name.size() > 6) {
    if (forms != IdForms::kAll) return InvalidKeyId(text);
    id.form = KeyIdentifier::Form::kAlias;
    id.name = name;
    return id;
  }
  if (!IsKeyId(name)) return InvalidKeyId(text);
  id.name = name;
  return id;
}

}  // namespace strongroom::kms
