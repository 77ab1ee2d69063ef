#include "xks_proxy/cluster_keys.h"

#include <mutex>

#include "aes_gcm.pb.h"
#include "messages.pb.h"
#include "xks_protocol/limits.h"

namespace strongroom::xks_proxy {
namespace {

using wire::Command;

/// More labels than this are asked for anew each time; no proxy has so many keys in use.
constexpr std::size_t kMostKnown = 4096;

hsm_client::Clock::time_point Deadline() { return hsm_client::Clock::now() + ClusterKeys::kPatience; }

KeyFacts FactsOf(const proto::KeyInfo& key) {
  KeyFacts facts;
  facts.handle = key.handle();
  facts.aes = key.key_class() == proto::SECRET && key.type() == proto::AES;
  facts.size_bits = key.size_bits();
  facts.encrypts = key.encrypt();
  facts.decrypts = key.decrypt();
  return facts;
}

Status RequireUsable(const KeyFacts& facts) {
  if (facts.usable()) return {};
  return Error(Errc::kWrongKeyUsage, "The external key is not an AES key of 256 bits.");
}

}  // namespace

Task<Result<KeyFacts>> ClusterKeys::Find(std::string label) {
  proto::FindKeysRequest find;
  find.set_label(label);
  find.set_limit(2);
  std::vector<SecretBuffer> none;
  auto found = co_await client_->Call<proto::FindKeysReply>(Command::kFindKeys, find, std::move(none), Deadline());
  if (!found.ok()) co_return std::move(found).error();
  const auto& keys = found->reply.keys();
  if (keys.empty()) {
    Forget(label);
    co_return Error(Errc::kNotFound, "There is no external key of this name.");
  }
  if (keys.size() > 1) {
    Forget(label);
    co_return Error(Errc::kInvalidState, "Several keys of the cluster have the external key's name.");
  }
  const KeyFacts facts = FactsOf(keys.Get(0));
  Remember(label, facts);
  co_return facts;
}

Task<Result<ClusterKeys::Looked>> ClusterKeys::Look(std::string label) {
  {
    const std::shared_lock lock(mutex_);
    const auto found = known_.find(label);
    if (found != known_.end() && Clock::now() - found->second.read < kFresh)
      co_return Looked{found->second.facts, true};
  }
  SR_CO_TRY(const KeyFacts facts, co_await Find(std::move(label)));
  co_return Looked{facts, false};
}

void ClusterKeys::Remember(const std::string& label, const KeyFacts& facts) {
  const std::unique_lock lock(mutex_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(label, Known{facts, Clock::now()});
}

void ClusterKeys::Forget(const std::string& label) {
  const std::unique_lock lock(mutex_);
  known_.erase(label);
}

Task<Result<xks::EncryptAnswer>> ClusterKeys::Encrypt(std::string label, ByteView aad, SecretBuffer plaintext) {
  SR_CO_TRY(Looked looked, co_await Look(label));
  for (;;) {
    SR_CO_CHECK(RequireUsable(looked.facts));
    proto::AesGcmEncryptRequest request;
    request.set_handle(looked.facts.handle);
    request.set_aad(aad.data(), aad.size());
    std::vector<SecretBuffer> segments;
    if (looked.remembered) {
      SR_CO_TRY(SecretBuffer copy, plaintext.Clone());
      segments.push_back(std::move(copy));
    } else {
      segments.push_back(std::move(plaintext));
    }
    auto made = co_await client_->Call<proto::AesGcmEncryptReply>(Command::kAesGcmEncrypt, request, std::move(segments),
                                                                  Deadline());
    if (made.ok()) {
      xks::EncryptAnswer answer;
      answer.ciphertext = ToBytes(AsBytes(made->reply.ciphertext()));
      answer.iv = ToBytes(AsBytes(made->reply.iv()));
      answer.tag = ToBytes(AsBytes(made->reply.tag()));
      co_return answer;
    }
    if (made.error().code() != Errc::kNotFound || !looked.remembered) co_return std::move(made).error();
    SR_CO_TRY(looked.facts, co_await Find(label));
    looked.remembered = false;
  }
}

Task<Result<SecretBuffer>> ClusterKeys::Decrypt(std::string label, ByteView aad, const xks::DecryptRequest& asked) {
  SR_CO_TRY(Looked looked, co_await Look(label));
  for (;;) {
    SR_CO_CHECK(RequireUsable(looked.facts));
    proto::AesGcmDecryptRequest request;
    request.set_handle(looked.facts.handle);
    request.set_aad(aad.data(), aad.size());
    request.set_iv(asked.iv.data(), asked.iv.size());
    request.set_ciphertext(asked.ciphertext.data(), asked.ciphertext.size());
    request.set_tag(asked.tag.data(), asked.tag.size());
    std::vector<SecretBuffer> none;
    auto opened = co_await client_->Call<proto::AesGcmDecryptReply>(Command::kAesGcmDecrypt, request, std::move(none),
                                                                    Deadline());
    if (opened.ok()) {
      if (opened->segments.size() != 1) co_return Error(Errc::kInternal, "An HSM's answer lacks the plaintext.");
      co_return std::move(opened->segments[0]);
    }
    if (opened.error().code() != Errc::kNotFound || !looked.remembered) co_return std::move(opened).error();
    SR_CO_TRY(looked.facts, co_await Find(label));
    looked.remembered = false;
  }
}

Task<Result<std::uint32_t>> ClusterKeys::Create(std::string label) {
  proto::GenerateKeyRequest request;
  request.set_type(proto::AES);
  request.set_size_bits(256);
  request.set_label(label);
  request.set_extractable(false);
  request.set_unique_label(true);
  auto made = co_await client_->Call<proto::GenerateKeyReply>(Command::kGenerateKey, request);
  if (!made.ok()) co_return std::move(made).error();
  co_return made->reply.key().handle();
}

Task<xks::HealthAnswer> ClusterKeys::Health() {
  const proto::GetInfoRequest ask;
  std::vector<SecretBuffer> none;
  // Goes to a member on which the crypto user is logged in, so it finds a wrong password, too.
  const auto told = co_await client_->Call(Command::kGetInfo, ask, std::move(none), Deadline());
  xks::HealthAnswer answer;
  for (const hsm_client::MemberState& member : client_->Members()) {
    if (answer.managers.size() == xks::kMostFleetMembers) break;
    xks::HealthAnswer::Manager manager;
    manager.id = member.hsm_id.empty() ? member.endpoint.address : member.hsm_id;
    if (told.ok() && member.connections > 0) {
      manager.health = xks::Health::kActive;
    } else if (told.ok() && member.last_error.empty()) {
      manager.health = xks::Health::kDegraded;  // not reached yet
    } else {
      manager.health = xks::Health::kUnavailable;
    }
    answer.managers.push_back(std::move(manager));
  }
  co_return answer;
}

}  // namespace strongroom::xks_proxy
