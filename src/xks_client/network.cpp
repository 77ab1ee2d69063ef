#include "xks_client/network.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <boost/asio/ssl/context.hpp>

namespace strongroom::xks {
namespace ssl = boost::asio::ssl;
namespace {

Error Unusable(const std::filesystem::path& file, const boost::system::error_code& why) {
  return Error(Errc::kInvalidArgument,
               fmt::format("{} cannot be used for external key stores: {}", file.string(), why.message()));
}

Status UseClientCertificate(ssl::context& tls, const Options& options) {
  if (options.client_certificate.empty() && options.client_key.empty()) return {};
  if (options.client_certificate.empty() || options.client_key.empty())
    return Error(Errc::kInvalidArgument, "A client certificate for external key stores needs a file for its key, too.");
  struct stat status {};
  if (::stat(options.client_key.c_str(), &status) != 0)
    return Error(Errc::kNotFound, options.client_key.string() + " is not there.");
  if ((status.st_mode & 077) != 0)
    return Error(Errc::kPermission, options.client_key.string() + " must be readable by its owner alone.");
  boost::system::error_code failed;
  tls.use_certificate_chain_file(options.client_certificate.string(), failed);
  if (failed) return Unusable(options.client_certificate, failed);
  tls.use_private_key_file(options.client_key.string(), ssl::context::pem, failed);
  if (failed) return Unusable(options.client_key, failed);
  return {};
}

}  // namespace

Result<std::shared_ptr<const Network>> Network::Make(Options options) {
  SR_TRY(AddressRules rules, AddressRules::Make(options.networks));
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(tls->native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(tls->native_handle(), kHttp11, sizeof kHttp11);
  boost::system::error_code failed;
  tls->set_verify_mode(ssl::verify_peer, failed);
  tls->set_default_verify_paths(failed);
  if (failed) return Error(Errc::kInternal, "The system's trusted roots cannot be read: " + failed.message());
  if (!options.ca_file.empty()) {
    tls->load_verify_file(options.ca_file.string(), failed);
    if (failed) return Unusable(options.ca_file, failed);
  }
  SR_CHECK(UseClientCertificate(*tls, options));
  return std::shared_ptr<const Network>(new Network(std::move(options), std::move(rules), std::move(tls)));
}

const HostPort* Network::VpcService(const std::string& name) const noexcept {
  const auto found = options_.vpc_endpoint_services.find(name);
  return found == options_.vpc_endpoint_services.end() ? nullptr : &found->second;
}

}  // namespace strongroom::xks
