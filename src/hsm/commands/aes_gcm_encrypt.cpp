// Source: NIST SP 800-38D, 8.2.2 (an IV of 96 random bits). Within its bound of 2^32 messages per key, which is the key
// owner's to keep (docs/security.md), since no counter here would outlive the process.
#include "aes_gcm.pb.h"
#include "crypto/aes_gcm.h"
#include "crypto/random.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

constexpr std::size_t kIvBytes = 12, kTagBytes = 16;

Status RunAesGcmEncrypt(Call& call) {
  static thread_local proto::AesGcmEncryptRequest request;
  static thread_local proto::AesGcmEncryptReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const SecretBuffer& plaintext = call.request.segments.at(0);
  if (plaintext.empty() || plaintext.size() > kMaxMessageBytes || request.aad().size() > kMaxMessageBytes)
    return Error(Errc::kInvalidArgument, "The plaintext or the associated data has a wrong size.");
  proto::KeyRef key;
  key.set_handle(request.handle());
  SR_TRY(const SecretBuffer* material,
         call.engine.vault.Material(call.engine.state(), call.session.key_user(), key, KeyUse::kSeal));
  std::array<std::uint8_t, kIvBytes> iv{};
  SR_CHECK(crypto::Random(iv));
  const crypto::GcmParams params{.iv = iv, .aad = AsBytes(request.aad()), .tag_bytes = kTagBytes};
  SR_TRY(const Bytes sealed, crypto::AesGcmEncrypt(*material, params, plaintext));
  const std::size_t text_bytes = sealed.size() - kTagBytes;
  reply.set_iv(iv.data(), iv.size());
  reply.set_ciphertext(sealed.data(), text_bytes);
  reply.set_tag(sealed.data() + text_bytes, kTagBytes);
  call.kept = &reply;
  return {};
}

}  // namespace
constinit const CommandRow op::aes_gcm_encrypt{
    .command = wire::Command::kAesGcmEncrypt, .run_now = &RunAesGcmEncrypt, .segments = 1};
}  // namespace strongroom::hsm
