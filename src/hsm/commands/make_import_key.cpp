// KMS's GetParametersForImport: a wrapping pair whose private half leaves in a token and is kept nowhere.
#include "crypto/key_import.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/vault/import_token.h"
#include "import.pb.h"

namespace strongroom::hsm {
namespace {

constexpr std::size_t kMaxNameBytes = 128;

/// The wrapping pair's spec. Errors: kInvalidArgument; kUnsupported when such material cannot be wrapped like that.
Result<crypto::KeySpec> Check(const proto::MakeImportKeyRequest& request) {
  for (const std::string* name : {&request.account(), &request.key_id(), &request.region()})
    if (name->empty() || name->size() > kMaxNameBytes)
      return Error(Errc::kInvalidArgument, "Account, key id and Region have 1 to 128 bytes.");
  if (request.valid_to_millis() <= 0) return Error(Errc::kInvalidArgument, "An import token has an end.");
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(request.spec());
  const crypto::WrappingAlgorithm* algorithm = crypto::FindWrappingAlgorithm(request.wrapping_algorithm());
  const auto wrapping = crypto::FindWrappingSpec(request.wrapping_spec());
  if (spec == nullptr || algorithm == nullptr || !wrapping || !crypto::CanWrap(*spec, *algorithm, *wrapping) ||
      !crypto::Available(*wrapping))
    return Error(Errc::kUnsupported, "Such key material cannot be wrapped in this way.");
  return *wrapping;
}

Task<Status> RunMakeImportKey(Call& call) {
  proto::MakeImportKeyRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_TRY(const crypto::KeySpec wrapping, Check(request));
  SR_CO_TRY(const crypto::PrivateKey pair, co_await TakeKeyPair(call.engine, wrapping));
  SR_CO_TRY(const SecretBuffer pkcs8, pair.ToPkcs8());
  const replica::State& state = call.engine.state();
  const std::uint32_t generation = state.newest_domain_key();
  if (generation == 0) co_return Error(Errc::kUnsupported, "This cluster has no domain key.");
  const ImportTerms terms{.account = request.account(),
                          .key_id = request.key_id(),
                          .region = request.region(),
                          .algorithm = request.wrapping_algorithm(),
                          .wrapping_spec = request.wrapping_spec(),
                          .valid_to_millis = request.valid_to_millis()};
  SR_CO_TRY(const Bytes token, SealImportToken(*state.domain_keys().at(generation), generation, terms, pkcs8));
  proto::MakeImportKeyReply reply;
  reply.set_import_token(std::string(AsText(token)));
  reply.set_public_key(std::string(AsText(pair.public_key().ToSpki())));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::make_import_key{.command = wire::Command::kMakeImportKey, .run = &RunMakeImportKey};
}  // namespace strongroom::hsm
