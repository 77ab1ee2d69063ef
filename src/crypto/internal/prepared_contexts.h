#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "crypto/internal/openssl.h"
#include "crypto/key_pair.h"

namespace strongroom::crypto {

/// One key's contexts in which signing or verifying has begun, one for each scheme: a copy of one takes some 5 us less
/// than to begin anew, a sixth of a P-256 signature. A key that is used once pays nothing for it. Threads   any: a
/// context that is kept is only copied.
class PreparedContexts {
 public:
  PreparedContexts() = default;
  /// Of a key that has not been used yet.
  PreparedContexts(PreparedContexts&&) noexcept {}
  ~PreparedContexts() {
    for (const auto& slot : slots_) ::EVP_PKEY_CTX_free(slot.load(std::memory_order_acquire));
  }

  /// A context to use once; null when there is none to copy.
  EvpKeyCtx Take(SignatureScheme scheme) const {
    EVP_PKEY_CTX* const kept = slots_[static_cast<std::size_t>(scheme)].load(std::memory_order_acquire);
    return EvpKeyCtx(kept == nullptr ? nullptr : ::EVP_PKEY_CTX_dup(kept));
  }
  /// After its use, which was a success.
  void Keep(SignatureScheme scheme, EvpKeyCtx context) const {
    EVP_PKEY_CTX* none = nullptr;
    auto& slot = slots_[static_cast<std::size_t>(scheme)];
    if (slot.load(std::memory_order_relaxed) == nullptr &&
        slot.compare_exchange_strong(none, context.get(), std::memory_order_acq_rel))
      (void)context.release();
  }

 private:
  mutable std::array<std::atomic<EVP_PKEY_CTX*>, static_cast<std::size_t>(SignatureScheme::kMlDsa) + 1> slots_{};
};

}  // namespace strongroom::crypto
