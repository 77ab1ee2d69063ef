#pragma once

#include <filesystem>

#include "base/result.h"
#include "hsm_client/connection.h"

namespace strongroom::cmu {

/// The files that say whom a tool believes and as whom it comes.
struct TrustFiles {
  std::filesystem::path host_certificates;   // directory of <subject hash>.0
  std::filesystem::path client_certificate;  // client.crt
  std::filesystem::path client_key;          // client.key
  std::filesystem::path owner_certificate;   // customerCA.crt
};

/// Both TLS layers from these files. Errors: kNotFound naming the file and what belongs into it; kInvalidArgument.
Result<hsm_client::ClientTrust> LoadTrust(const TrustFiles& files);

}  // namespace strongroom::cmu
