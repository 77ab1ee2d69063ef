#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "xks_client/address_rules.h"
#include "xks_client/options.h"

struct ssl_ctx_st;
namespace boost::asio::ssl {
class context;
}

namespace strongroom::xks {

/// What all connections to proxies share: whom TLS believes and what it shows, and which addresses are allowed.
/// Immutable; any number of threads.
class Network {
 public:
  /// Reads the certificates. Errors: kNotFound, kInvalidArgument, kPermission, naming the file.
  static Result<std::shared_ptr<const Network>> Make(Options options);

  const Options& options() const noexcept { return options_; }
  const AddressRules& rules() const noexcept { return rules_; }
  /// TLS 1.2 or 1.3; the system's roots and the configured ones; the client certificate, if there is one.
  boost::asio::ssl::context& tls() const noexcept { return *tls_; }
  /// The configured place of a VPC endpoint service, or null.
  const HostPort* VpcService(const std::string& name) const noexcept;

 private:
  Network(Options options, AddressRules rules, std::shared_ptr<boost::asio::ssl::context> tls)
      : options_(std::move(options)), rules_(std::move(rules)), tls_(std::move(tls)) {}
  Options options_;
  AddressRules rules_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
};

}  // namespace strongroom::xks
