#include "aws/sigv4/signing_keys.h"

#include <algorithm>

#include "aws/http/loop_slot.h"

namespace strongroom::aws {
Result<SecretBuffer> SigningKeyMaker::Derive(const SecretBuffer& secret, std::string_view date, std::string_view region,
                                             std::string_view service) {
  constexpr std::string_view kStart = "AWS4";
  SR_TRY(const SecretBuffer start,
         SecretBuffer::Produce(kStart.size() + secret.size(), [&](std::span<std::uint8_t> out) -> std::size_t {
           std::copy(kStart.begin(), kStart.end(), out.begin());
           std::ranges::copy(secret.Reveal(KeyAccess()), out.begin() + kStart.size());
           return out.size();
         }));
  return crypto::DeriveSigningKey(start, {date, region, service});
}

crypto::Sha256Digest SigningKeys::SignWith(Part& part, Entry& entry, std::string_view text) {
  if (!entry.ready) {
    if (part.ready >= kMostReady) {
      for (auto& [name, one] : part.keys) one.ready.reset();
      part.ready = 0;
    }
    entry.ready.emplace(entry.key);
    ++part.ready;
  }
  return entry.ready->Of(text);
}

Result<SigningKeys::Signature> SigningKeys::SignIn(Part& part, const ports::Credential& credential, const Scope& scope,
                                                   std::string_view text) {
  part.name.assign(credential.caller.access_key_id).append(1, '\n').append(scope.date).append(1, '\n');
  part.name.append(scope.region).append(1, '\n').append(scope.service);
  const auto found = part.keys.find(part.name);
  if (found != part.keys.end() && found->second.version == credential.version) {
    return Signature(SignWith(part, found->second, text));
  }
  SecretBuffer key;
  if (!credential.secret.empty()) {
    SR_TRY(key, SigningKeyMaker::Derive(credential.secret, scope.date, scope.region, scope.service));
  } else {
    const auto fetched = source_ == nullptr ? nullptr : source_->Find(credential, scope);
    if (!fetched) return Signature();
    SR_TRY(key, fetched->Clone());
  }
  if (part.keys.size() >= kMostKeys) {
    part.keys.clear();
    part.ready = 0;
  }
  Entry fresh{credential.version, std::move(key)};
  const auto entry = part.keys.insert_or_assign(part.name, std::move(fresh)).first;
  return Signature(SignWith(part, entry->second, text));
}

Result<SigningKeys::Signature> SigningKeys::Sign(const ports::Credential& credential, const Scope& scope,
                                                 std::string_view text) {
  const std::size_t slot = CurrentLoopSlot();
  if (slot < parts_.size() - 1) return SignIn(parts_[slot], credential, scope, text);
  const std::lock_guard lock(shared_part_);
  return SignIn(parts_.back(), credential, scope, text);
}

}  // namespace strongroom::aws
