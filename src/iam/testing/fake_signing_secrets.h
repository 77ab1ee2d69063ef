#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "aws/sigv4/signing_keys.h"
#include "base/ids.h"
#include "ports/signing_keys.h"

namespace strongroom::iam::testing {

/// Stands for the HSMs of the domain cluster: what they seal is a ticket, the secrets stay in here.
class FakeSigningSecrets final : public ports::SigningSecrets {
 public:
  Task<Result<Made>> Make(Terms terms, Bytes claims) override {
    if (away) co_return Error(Errc::kUnavailable, "away");
    std::string text = "Secret+Of/" + NewUuid();
    std::ranges::replace(text, '-', '+');
    text.resize(40, 'x');
    Made made;
    made.sealed = ToBytes(AsBytes(NewUuid()));
    SR_CO_TRY(made.secret, SecretBuffer::CopyOf(AsBytes(text)));
    SR_CO_TRY(SecretBuffer kept, made.secret.Clone());
    const std::lock_guard lock(mutex_);
    secrets_.emplace(std::tuple(std::move(terms.binding), terms.expires_millis, made.sealed),
                     Kept{std::move(kept), std::move(claims)});
    co_return made;
  }
  Task<Result<Derived>> Derive(Terms terms, Bytes sealed, std::string date, std::string region,
                               std::string service) override {
    ++asked;
    if (away) co_return Error(Errc::kUnavailable, "away");
    const std::lock_guard lock(mutex_);
    const auto found = secrets_.find(std::tuple(std::move(terms.binding), terms.expires_millis, std::move(sealed)));
    if (found == secrets_.end()) co_return Error(Errc::kBadCiphertext, "");
    Derived derived;
    derived.claims = found->second.claims;
    SR_CO_TRY(derived.signing_key, aws::SigningKeyMaker::Derive(found->second.secret, date, region, service));
    co_return derived;
  }

  std::atomic<bool> away = false;
  std::atomic<int> asked = 0;

 private:
  struct Kept {
    SecretBuffer secret;
    Bytes claims;
  };
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::int64_t, Bytes>, Kept> secrets_;
};

}  // namespace strongroom::iam::testing
