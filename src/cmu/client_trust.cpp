#include "cmu/client_trust.h"

#include <fmt/format.h>

namespace strongroom::cmu {

Result<hsm_client::ClientTrust> LoadTrust(const TrustFiles& files) {
  std::error_code failed;
  if (!std::filesystem::exists(files.owner_certificate, failed))
    return Error(Errc::kNotFound,
                 fmt::format("{} is not there. It is the certificate of the CA that signed the cluster's CSR "
                             "(customerCA.crt); copy it there first.",
                             files.owner_certificate.string()));
  SR_TRY(auto identity, channel::LoadIdentity(files.client_certificate, files.client_key));
  SR_TRY(auto owner, channel::LoadCertificate(files.owner_certificate));
  channel::OuterClientOptions outer;
  outer.directory = files.host_certificates;
  outer.identity = std::move(identity);
  channel::InnerClientOptions inner;
  inner.owners.push_back(std::move(owner));
  SR_TRY(auto outer_context, channel::OuterClient(outer));
  SR_TRY(auto inner_context, channel::InnerClient(inner));
  return hsm_client::ClientTrust{std::move(outer_context), std::move(inner_context)};
}

}  // namespace strongroom::cmu
