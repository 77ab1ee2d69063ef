#include "hsm/vault/token_key.h"

namespace strongroom::hsm {
namespace {
Error WrongUse() { return Error(Errc::kWrongKeyUsage, "The key is not one for this."); }
}  // namespace

Result<const crypto::KmsSpec*> RequireBound(const Binding& binding, crypto::KmsUsage usage) {
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(binding.spec);
  if (spec == nullptr || binding.usage != Name(usage) || !spec->Allows(usage)) return WrongUse();
  return spec;
}

Result<TokenKeyPtr> MakeTokenKey(const crypto::KmsSpec& spec, OpenedToken opened) {
  auto key = std::make_shared<TokenKey>();
  key->spec = &spec;
  if (!spec.pair) {
    if (opened.kind != MaterialKind::kSymmetric || opened.material.size() != spec.secret_bytes) return WrongUse();
    key->secret = std::move(opened.material);
    return TokenKeyPtr(std::move(key));
  }
  if (opened.kind != MaterialKind::kPkcs8) return WrongUse();
  if (!crypto::Available(*spec.pair)) return Error(Errc::kUnsupported, "The key spec is not known here.");
  auto pair = crypto::PrivateKey::FromPkcs8(opened.material, crypto::KeyCheck::kParseOnly);
  if (!pair.ok()) return Error(Errc::kBadCiphertext, "The key token does not hold a key.");
  if (pair->spec() != *spec.pair) return WrongUse();
  key->pair = std::move(*pair);
  return TokenKeyPtr(std::move(key));
}

Result<const crypto::KmsAlgorithm*> RequireAlgorithm(const TokenKey& key, std::string_view name,
                                                     crypto::KmsUsage usage) {
  const crypto::KmsAlgorithm* algorithm = crypto::FindKmsAlgorithm(name);
  if (algorithm == nullptr || algorithm->usage != usage || !key.spec->Has(*algorithm))
    return Error(Errc::kWrongKeyUsage, "The algorithm is not one of the key's.");
  return algorithm;
}

}  // namespace strongroom::hsm
