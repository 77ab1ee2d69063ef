#include "kms/keys/forgetting.h"

#include <algorithm>

#include "base/log.h"
#include "domain_keys.pb.h"
#include "kms/service.h"

namespace strongroom::kms {
namespace {

constexpr std::chrono::seconds kPatience{2};
/// Changes are in force on every front end within one second.
constexpr std::chrono::seconds kUntilEverybodyKnows{2};
constexpr std::size_t kAtOnce = 256;

Task<void> Tell(Kms& kms, std::vector<Bytes> bindings) {
  for (std::size_t at = 0; at < bindings.size(); at += kAtOnce) {
    proto::ForgetTokensRequest request;
    for (std::size_t one = at; one < std::min(at + kAtOnce, bindings.size()); ++one)
      request.add_bindings(bindings[one].data(), bindings[one].size());
    const auto deadline = hsm_client::Clock::now() + kPatience;
    auto answers = co_await kms.domain().cluster()->CallEach(wire::Command::kForgetTokens, request, deadline);
    if (!answers.ok()) {
      LogError("having the HSMs forget deleted key material", answers.error());
      co_return;
    }
    for (const auto& [endpoint, reply] : *answers)
      if (!reply.ok())
        log::Warn("{} was not told to forget deleted key material, and does so by itself in ten minutes: {}",
                  endpoint.address, reply.error().ForLog());
  }
}

Task<void> TellAgain(Kms& kms, std::vector<Bytes> bindings) {
  const bool go_on = co_await kms.background().Sleep(kUntilEverybodyKnows);
  if (go_on) co_await Tell(kms, std::move(bindings));
}

}  // namespace

std::vector<Bytes> BindingsOf(const KeyRow& row) {
  std::vector<Bytes> bindings;
  for (const Material& material : row.materials)
    if (!material.token.empty()) bindings.push_back(TokenBinding(row, material.id));
  return bindings;
}

std::vector<Bytes> BindingsOf(const KeyRow& row, const std::vector<std::string>& material_ids) {
  std::vector<Bytes> bindings;
  for (const std::string& id : material_ids) bindings.push_back(TokenBinding(row, id));
  return bindings;
}

Task<void> ForgetInHsms(Kms& kms, std::vector<Bytes> bindings) {
  if (bindings.empty()) co_return;
  std::vector<Bytes> again = bindings;
  kms.background().Spawn("having the HSMs forget deleted key material", TellAgain(kms, std::move(again)));
  co_await Tell(kms, std::move(bindings));
}

}  // namespace strongroom::kms
