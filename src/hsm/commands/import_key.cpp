// KMS's ImportKeyMaterial: wrapped material becomes a key token (docs/formats.md 5 and 16).
#include "crypto/key_import.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/replica/identity.h"
#include "hsm/vault/import_token.h"
#include "import.pb.h"

namespace strongroom::hsm {
namespace {

Error InvalidToken() { return Error(Errc::kInvalidImportToken, "The import token is not valid for this key."); }

Result<const crypto::KmsSpec*> ReadSpec(const proto::ImportKeyRequest& request) {
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(request.spec());
  const auto usage = crypto::FindKmsUsage(request.usage());
  if (spec == nullptr || !usage || !spec->Allows(*usage))
    return Error(Errc::kWrongKeyUsage, "The key's spec has not this usage.");
  return spec;
}

/// Errors: kNotFound for a generation that this HSM does not know (yet); kInvalidImportToken.
Result<OpenedImportToken> OpenFor(const replica::State& state, ByteView token) {
  SR_TRY(const std::uint32_t generation, ImportTokenGeneration(token));
  const auto domain_key = state.domain_keys().find(generation);
  if (domain_key == state.domain_keys().end()) return Error(Errc::kNotFound, "The generation is not known here.");
  return OpenImportToken(*domain_key->second, token);
}

/// Whether a token that has opened is for this key, now. Errors: kInvalidImportToken, kExpiredImportToken.
Status CheckTerms(const ImportTerms& terms, const proto::ImportKeyRequest& request) {
  if (terms.account != request.account() || terms.key_id != request.key_id() || terms.region != request.region())
    return InvalidToken();
  if (request.now_millis() >= terms.valid_to_millis)
    return Error(Errc::kExpiredImportToken, "The import token has expired.");
  return {};
}

/// The secret for material ids, which the first import of a cluster from before it makes.
Task<Result<SharedSecret>> MaterialIdSecret(Engine& engine) {
  if (SharedSecret known = engine.state().material_id_secret()) co_return known;
  replica::Decide decide = [](const replica::State& state) -> Result<replica::Proposal> {
    replica::Proposal proposal;
    if (state.material_id_secret() != nullptr) return proposal;
    if (!state.identity().domain) return Error(Errc::kUnsupported, "Only the domain cluster imports for KMS.");
    SR_CHECK(replica::RequireLevel(state, replica::kLevelOfImports));
    SR_CHECK(replica::AddMaterialIdSecret(proposal));
    return proposal;
  };
  SR_CO_CHECK(co_await engine.replica.Change(nullptr, wire::Command::kImportKey, std::move(decide)));
  co_return engine.state().material_id_secret();
}

struct Imported {
  crypto::ForeignMaterial read;
  std::string material_id;
};
/// Runs on a worker: checking an RSA key takes up to 0.3 s.
Result<Imported> Import(const OpenedImportToken& token, const proto::ImportKeyRequest& request,
                        const crypto::KmsSpec& spec, const SecretBuffer& id_secret) {
  const crypto::WrappingAlgorithm* algorithm = crypto::FindWrappingAlgorithm(token.terms.algorithm);
  auto wrapping_key = crypto::PrivateKey::FromPkcs8(token.pkcs8, crypto::KeyCheck::kParseOnly);
  if (algorithm == nullptr || !wrapping_key.ok() || !crypto::CanWrap(spec, *algorithm, wrapping_key->spec()))
    return InvalidToken();
  SR_TRY(SecretBuffer unwrapped, crypto::Unwrap(*algorithm, *wrapping_key, AsBytes(request.wrapped())));
  Imported imported;
  SR_TRY(imported.read, crypto::ReadForeignMaterial(spec, std::move(unwrapped)));
  imported.material_id =
      crypto::MaterialIdOf(id_secret, request.account(), request.key_id(), request.spec(), imported.read);
  return imported;
}

Task<Status> RunImportKey(Call& call) {
  proto::ImportKeyRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_TRY(const crypto::KmsSpec* spec, ReadSpec(request));
  Engine& engine = call.engine;
  auto token = OpenFor(engine.state(), AsBytes(request.import_token()));
  if (!token.ok() && token.error().code() == Errc::kNotFound) {
    (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
    token = OpenFor(engine.state(), AsBytes(request.import_token()));
    if (!token.ok() && token.error().code() == Errc::kNotFound) co_return InvalidToken();
  }
  if (!token.ok()) co_return std::move(token).error();
  SR_CO_CHECK(CheckTerms(token->terms, request));
  SR_CO_TRY(const SharedSecret id_secret, co_await MaterialIdSecret(engine));

  auto opened = std::make_shared<OpenedImportToken>(std::move(*token));
  auto work = [opened, request, spec, id_secret] { return Import(*opened, request, *spec, *id_secret); };
  SR_CO_TRY(const Imported imported, co_await engine.crypto.Run(engine.loop, std::move(work)));
  const Binding binding{.account = request.account(),
                        .key_id = request.key_id(),
                        .material_id = imported.material_id,
                        .spec = request.spec(),
                        .usage = request.usage()};
  const Bytes bound = wire::Encode(binding);
  if (bound.empty()) co_return Error(Errc::kInvalidArgument, "A name is too long for a binding.");
  const MaterialKind kind = spec->pair ? MaterialKind::kPkcs8 : MaterialKind::kSymmetric;
  SR_CO_TRY(const Bytes key_token, Vault::NewToken(engine.state(), bound, kind, imported.read.material));
  proto::ImportKeyReply reply;
  reply.set_token(std::string(AsText(key_token)));
  reply.set_material_id(imported.material_id);
  if (imported.read.pair) reply.set_public_key(std::string(AsText(imported.read.pair->public_key().ToSpki())));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::import_key{.command = wire::Command::kImportKey, .run = &RunImportKey};
}  // namespace strongroom::hsm
