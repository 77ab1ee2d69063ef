#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace strongroom::cli {

/// Makes DIR/tls: a CA of this deployment (ca.crt, ca.key) unless there is one, and the HTTPS certificate under it
/// (server.crt, server.key), valid for these addresses, localhost and this machine's name. Clients trust ca.crt
/// (AWS_CA_BUNDLE).
Status MakeHttpsMaterial(const std::filesystem::path& directory, const std::vector<std::string>& addresses);

/// Issues server.crt anew under the CA that is there when it lacks one of the addresses or expires within 90 days.
/// Returns whether it did.
Result<bool> RenewHttpsCertificate(const std::filesystem::path& directory, const std::vector<std::string>& addresses);

/// Makes a key pair and a self-signed certificate (NAME.crt, NAME.key): what a front end shows to hosts and to the
/// domain cluster, which know it by its key.
Status MakeFrontEndIdentity(const std::filesystem::path& directory, const std::string& name);

}  // namespace strongroom::cli
