#include "hsm/vault/vault.h"

#include <algorithm>
#include <utility>

#include "crypto/seal.h"

namespace strongroom::hsm {
namespace {

constexpr std::string_view kMessagePurpose{"strongroom message v1\0", 22};

Error UnknownHandle() { return Error(Errc::kNotFound, "There is no such key."); }

Error UnknownGeneration() { return Error(Errc::kNotFound, "The key token's generation is not known here."); }

Error BadMessage() { return Error(Errc::kBadCiphertext, "The message does not open."); }

}  // namespace

bool MayUse(const proto::KeyInfo& key, std::uint32_t user_id) noexcept {
  return user_id != 0 && (key.owner() == user_id || replica::IsSharedWith(key, user_id));
}

Result<const SecretBuffer*> Vault::Material(const replica::State& state, const KeyUser& user, const proto::KeyRef& ref,
                                            KeyUse use) {
  if (ref.handle() != 0 ? !ref.token().empty() : ref.token().empty())
    return Error(Errc::kInvalidArgument, "A key is named by a handle or by a token.");
  if (!ref.token().empty()) {
    if (!user.front_end) return Error(Errc::kPermission, "Key tokens are for enrolled front ends.");
    return FromToken(state, ref);
  }
  if (user.user_id == 0) return Error(Errc::kPermission, "Key handles are for crypto users.");
  const auto found = state.keys().find(ref.handle());
  if (found == state.keys().end() || !MayUse(found->second->info, user.user_id)) return UnknownHandle();
  const replica::Key& key = *found->second;
  if (!ref.label().empty() && ref.label() != key.info.label()) return UnknownHandle();
  const bool permitted = use == KeyUse::kSeal ? key.info.encrypt() : key.info.decrypt();
  if (key.info.key_class() != proto::SECRET || key.info.type() != proto::AES || !key.material || !permitted)
    return Error(Errc::kWrongKeyUsage, "The key's attributes do not permit this.");
  return key.material.get();
}

Result<const SecretBuffer*> Vault::FromToken(const replica::State& state, const proto::KeyRef& ref) {
  const ByteView token = AsBytes(ref.token());
  const ByteView binding = AsBytes(ref.binding());
  SR_TRY(const std::uint32_t generation, TokenGeneration(token));
  const auto domain_key = state.domain_keys().find(generation);
  if (domain_key == state.domain_keys().end()) {
    cache_.DropGeneration(generation);
    return UnknownGeneration();
  }
  const OpenedToken* opened = cache_.Find(token, binding);
  if (opened == nullptr) {
    SR_TRY(const Binding bound, ReadBinding(binding));
    SR_TRY(OpenedToken fresh, OpenToken(*domain_key->second, generation, binding, token));
    // A token is not put in before its binding permits what symmetric material is used for.
    if (fresh.kind != MaterialKind::kSymmetric || bound.spec != "SYMMETRIC_DEFAULT" || bound.usage != "ENCRYPT_DECRYPT")
      return Error(Errc::kWrongKeyUsage, "The key is not one for encryption.");
    opened = &cache_.Put(token, binding, std::move(fresh));
  }
  return &opened->material;
}

Result<TokenKeyPtr> Vault::Key(const replica::State& state, const KeyUser& user, const proto::KeyRef& ref,
                               crypto::KmsUsage usage) {
  if (ref.handle() != 0 || ref.token().empty())
    return Error(Errc::kInvalidArgument, "A key for this is named by a token.");
  if (!user.front_end) return Error(Errc::kPermission, "Key tokens are for enrolled front ends.");
  const ByteView token = AsBytes(ref.token());
  const ByteView binding = AsBytes(ref.binding());
  SR_TRY(const std::uint32_t generation, TokenGeneration(token));
  const auto domain_key = state.domain_keys().find(generation);
  if (domain_key == state.domain_keys().end()) {
    keys_.DropGeneration(generation);
    return UnknownGeneration();
  }
  // Asked each time: a key is kept whatever its usage is.
  SR_TRY(const Binding bound, ReadBinding(binding));
  SR_TRY(const crypto::KmsSpec* spec, RequireBound(bound, usage));
  if (const TokenKeyPtr* known = keys_.Find(token, binding)) return *known;
  SR_TRY(OpenedToken opened, OpenToken(*domain_key->second, generation, binding, token));
  SR_TRY(TokenKeyPtr key, MakeTokenKey(*spec, std::move(opened)));
  keys_.Put(token, binding, key);
  return key;
}

Result<ByteView> Vault::AssociatedData(std::string_view header, std::string_view context) {
  if (header.empty() || header.size() > kMaxHeaderBytes || context.size() > kMaxMessageBytes)
    return Error(Errc::kInvalidArgument, "The message's header or context has a wrong size.");
  associated_.resize(header.size() + context.size());
  std::ranges::copy(AsBytes(header), associated_.begin());
  std::ranges::copy(AsBytes(context), associated_.begin() + static_cast<std::ptrdiff_t>(header.size()));
  return ByteView(associated_);
}

Status Vault::Seal(const SecretBuffer& material, std::string_view header, std::string_view context,
                   const SecretBuffer& plaintext, std::string& out) {
  if (plaintext.empty() || plaintext.size() > kMaxMessageBytes)
    return Error(Errc::kInvalidArgument, "A message has 1 to 65536 bytes.");
  SR_TRY(const ByteView associated, AssociatedData(header, context));
  out.resize(crypto::SealedSize(plaintext.size()));
  const std::span<std::uint8_t> room{reinterpret_cast<std::uint8_t*>(out.data()), out.size()};
  return crypto::SealSecretInto(material, AsBytes(kMessagePurpose), associated, plaintext, room);
}

Result<SecretBuffer> Vault::Open(const SecretBuffer& material, std::string_view header, std::string_view context,
                                 std::string_view sealed) {
  SR_TRY(const ByteView associated, AssociatedData(header, context));
  if (sealed.size() <= crypto::kSealOverheadBytes || sealed.size() > crypto::SealedSize(kMaxMessageBytes))
    return BadMessage();
  auto opened = crypto::Open(material, AsBytes(kMessagePurpose), associated, AsBytes(sealed));
  if (!opened && opened.error().code() == Errc::kBadCiphertext) return BadMessage();
  return opened;
}

Result<Bytes> Vault::NewToken(const replica::State& state, ByteView binding, MaterialKind kind,
                              const SecretBuffer& material) {
  const std::uint32_t generation = state.newest_domain_key();
  const auto domain_key = state.domain_keys().find(generation);
  if (generation == 0 || domain_key == state.domain_keys().end())
    return Error(Errc::kUnsupported, "This cluster has no domain key.");
  return SealToken(*domain_key->second, generation, binding, kind, material);
}

Result<Bytes> Vault::RewrapToken(const replica::State& state, const proto::KeyRef& ref) {
  const ByteView token = AsBytes(ref.token()), binding = AsBytes(ref.binding());
  if (ref.handle() != 0 || token.empty()) return Error(Errc::kInvalidArgument, "What is wrapped anew is a token.");
  SR_CHECK(ReadBinding(binding));
  SR_TRY(const std::uint32_t generation, TokenGeneration(token));
  const auto domain_key = state.domain_keys().find(generation);
  if (domain_key == state.domain_keys().end()) return UnknownGeneration();
  SR_TRY(const OpenedToken opened, OpenToken(*domain_key->second, generation, binding, token));
  if (generation == state.newest_domain_key()) return ToBytes(token);
  return NewToken(state, binding, opened.kind, opened.material);
}

void Vault::NextTurn(const replica::State& state) {
  cache_.NextTurn(kIdleTurns);
  keys_.NextTurn(kIdleTurns);
  std::vector<std::uint32_t> there;
  for (const auto& [generation, secret] : state.domain_keys()) there.push_back(generation);
  if (there == generations_) return;
  DropGoneGenerations(state);
  generations_ = std::move(there);
}

void Vault::DropGoneGenerations(const replica::State& state) {
  const auto gone = [&state](std::uint32_t generation) { return !state.domain_keys().contains(generation); };
  cache_.DropGenerationsIf(gone);
  keys_.DropGenerationsIf(gone);
}

}  // namespace strongroom::hsm
