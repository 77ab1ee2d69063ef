#include "crypto/certificate_chain.h"

#include <openssl/x509v3.h>

#include "crypto/internal/openssl.h"
#include "crypto/openssl_bridge.h"

namespace strongroom::crypto {
namespace {

/// Holds references of its own; the certificates in it stay their owners'.
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;
using Store = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;

constexpr int kLongestPath = 10;

Stack StackOf(std::span<const Certificate> certificates) {
  Stack stack(sk_X509_new_null());
  for (const Certificate& certificate : certificates)
    if (!stack || sk_X509_push(stack.get(), OpenSslBridge::Get(certificate)) <= 0) return nullptr;
  return stack;
}

}  // namespace

Status VerifyChain(const Certificate& leaf, std::span<const Certificate> between, std::span<const Certificate> roots,
                   std::chrono::system_clock::time_point at) {
  X509* const certificate = OpenSslBridge::Get(leaf);
  const Stack untrusted = StackOf(between), trusted = StackOf(roots);
  const Store store(::X509_STORE_new());
  const StoreContext context(::X509_STORE_CTX_new());
  if (!untrusted || !trusted || !store || !context ||
      ::X509_STORE_CTX_init(context.get(), store.get(), certificate, untrusted.get()) != 1) {
    return OpenSslError("prepare the verification of a certificate");
  }
  ::X509_STORE_CTX_set0_trusted_stack(context.get(), trusted.get());
  X509_VERIFY_PARAM* const parameters = ::X509_STORE_CTX_get0_param(context.get());
  ::X509_VERIFY_PARAM_set_time(parameters, std::chrono::system_clock::to_time_t(at));
  ::X509_VERIFY_PARAM_set_depth(parameters, kLongestPath);
  if (::X509_verify_cert(context.get()) != 1) {
    const int reason = ::X509_STORE_CTX_get_error(context.get());
    DrainQueue();
    return Error(Errc::kUntrusted, "The certificate does not lead to a trusted root.")
        .WithDetail(::X509_verify_cert_error_string(reason));
  }
  if ((::X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0)
    return Error(Errc::kUntrusted, "The certificate's key may not sign data.");
  return {};
}

}  // namespace strongroom::crypto
