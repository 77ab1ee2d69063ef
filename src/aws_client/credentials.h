#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "aws_client/config.h"
#include "base/result.h"
#include "secret/secret_buffer.h"
#include "secret/secret_vector.h"

namespace strongroom::aws_client {

class HttpClient;

/// What requests are signed with. Secrets are in the locked pool: `signing_start` is "AWS4" and the secret access key.
struct Credentials {
  std::string access_key_id{};
  SecretBuffer signing_start{};
  SecretBuffer session_token{};                                    // empty for long-lived keys
  std::optional<std::chrono::system_clock::time_point> expires{};  // none: they do not
  std::string source{};                                            // where they come from, for messages
};

/// Errors: kInvalidArgument for texts that cannot be credentials (empty, with control characters); `source` is named.
Result<Credentials> MakeCredentials(std::string_view access_key_id, std::string_view secret_access_key,
                                    std::string_view session_token, std::string_view source);

/// Gives credentials that are good for some time yet.
/// Threads   any number of calls at once.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  /// May ask a service, a program or the instance. Errors: kMissingAuthentication where there are none, and its text
  /// says where was looked; what the source says otherwise.
  virtual Result<std::shared_ptr<const Credentials>> Get() = 0;
  /// A service says that what Get gave has expired: the next Get fetches anew.
  virtual void Invalidate() = 0;
};

using CredentialsFetch = std::function<Result<Credentials>()>;
using Now = std::function<std::chrono::system_clock::time_point()>;

/// Keeps what `fetch` gives until five minutes before it expires. A fetch that fails while what is kept still has a
/// minute is tried again a minute later.
std::unique_ptr<CredentialsProvider> MakeRefreshing(CredentialsFetch fetch, Now now = std::chrono::system_clock::now);

/// The first of these that is there, in the order of AWS's own tools: environment; the profile's role_arn with
/// source_profile or credential_source; web identity (environment, profile); the profile's login at IAM Identity Center
/// (sso_...); the credentials file; the profile's credential_process; the configuration file; container credentials;
/// the instance's metadata. One that is there but does not work is an error, not passed over. With a profile that the
/// caller named, the environment's keys are not looked at. `config` and `http` are kept.
std::unique_ptr<CredentialsProvider> MakeCredentialsChain(std::shared_ptr<const Config> config,
                                                          std::shared_ptr<HttpClient> http);

}  // namespace strongroom::aws_client
