// Source: NIST SP 800-38D, 7.2. One answer for everything that can be wrong with a ciphertext.
#include "aes_gcm.pb.h"
#include "crypto/aes_gcm.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

constexpr std::size_t kShortIvBytes = 12, kLongIvBytes = 16, kTagBytes = 16;

Status RunAesGcmDecrypt(Call& call) {
  static thread_local proto::AesGcmDecryptRequest request;
  static thread_local const proto::AesGcmDecryptReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const std::size_t iv_bytes = request.iv().size();
  if (request.ciphertext().empty() || request.ciphertext().size() > kMaxMessageBytes ||
      request.aad().size() > kMaxMessageBytes || request.tag().size() != kTagBytes ||
      (iv_bytes != kShortIvBytes && iv_bytes != kLongIvBytes))
    return Error(Errc::kInvalidArgument, "A part of the ciphertext has a wrong size.");
  proto::KeyRef key;
  key.set_handle(request.handle());
  SR_TRY(const SecretBuffer* material,
         call.engine.vault.Material(call.engine.state(), call.session.key_user(), key, KeyUse::kOpen));
  Bytes sealed = ToBytes(AsBytes(request.ciphertext()));
  Append(sealed, AsBytes(request.tag()));
  const crypto::GcmParams params{.iv = AsBytes(request.iv()), .aad = AsBytes(request.aad()), .tag_bytes = kTagBytes};
  SR_TRY(SecretBuffer plaintext, crypto::AesGcmDecrypt(*material, params, sealed));
  call.segments.push_back(std::move(plaintext));
  call.kept = &reply;
  return {};
}

}  // namespace
constinit const CommandRow op::aes_gcm_decrypt{.command = wire::Command::kAesGcmDecrypt, .run_now = &RunAesGcmDecrypt};
}  // namespace strongroom::hsm
