#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "cli/data/data_directory.h"
#include "secret/secret_buffer.h"

namespace strongroom::cli {

/// Calls this deployment's own services as the account's root, for commands that check that they work or have them do
/// something.
///
/// Errors    kNotFound  the root access key is not in the data directory; kUnavailable, kTimeout  the service; else
/// what the
///           service answered, its words in the public text.
/// Secrets   the access key's secret lives in locked memory; answers may hold plaintexts that this program made itself.
/// Threads   one; each call is a connection of its own and blocks.
class ApiClient {
 public:
  static Result<ApiClient> Open(const DataDirectory& data, const Settings& settings);
  /// "Encrypt" and so on.
  Result<boost::json::object> Kms(std::string_view operation, std::string_view region, const boost::json::object& body);
  /// The deployment's own API: "CreateXksProxy" and so on.
  Result<boost::json::object> Strongroom(std::string_view operation, std::string_view region,
                                         const boost::json::object& body);

 private:
  struct Target {
    std::string_view signing_name, prefix, operation;
  };
  Result<boost::json::object> Call(const Target& target, std::string_view region, const boost::json::object& body);

  std::string address_, port_, ca_file_, access_key_id_;
  SecretBuffer secret_;
};

/// What the running service says of itself at GET /healthz: "ok" or why not, then a line for each thing that needs the
/// operator. Errors: kUnavailable, kTimeout.
Result<std::string> AskHealth(const DataDirectory& data, const Settings& settings);

/// A ciphertext of fresh random bytes under this key. Errors: as Kms.
struct FreshCiphertext {
  std::string ciphertext;        // base64
  std::string plaintext_sha256;  // hex
};
Result<FreshCiphertext> EncryptFresh(ApiClient& api, std::string_view region, const std::string& key);
/// Errors: as Kms; kBadCiphertext when the plaintext is another one.
Status DecryptAndCompare(ApiClient& api, std::string_view region, const std::string& ciphertext,
                         const std::string& plaintext_sha256);

}  // namespace strongroom::cli
