#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "secret/secret_vector.h"

namespace strongroom::aws_client {

/// A section's settings: names in lower case. A setting whose lines are indented beneath it (s3, services) has them as
/// "setting.name".
using IniSection = std::map<std::string, SecretString, std::less<>>;
using IniFile = std::map<std::string, IniSection, std::less<>>;

/// Reads AWS's configuration and credentials files: [sections], "name = value", indented settings below a name without
/// a value, comments from '#' or ';' at the start of a line or after a space. A section or setting that comes twice:
/// the later setting stands. Values are wiped when they go. Errors: kInvalidArgument, which names the file and line and
/// never quotes a value.
Result<IniFile> ParseIni(std::string_view text, std::string_view file_name);
/// The same from a file of up to 1 MiB; no sections when it does not exist. Errors: also kPermission, kInternal.
Result<IniFile> ReadIni(const std::filesystem::path& file);

inline std::string_view TextOf(const SecretString& secret) noexcept { return {secret.data(), secret.size()}; }

}  // namespace strongroom::aws_client
