#include "encryption_sdk/internal/header_check.h"

#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/cmm_rules.h"
#include "encryption_sdk/internal/derivation.h"

namespace strongroom::encryption_sdk::internal {
namespace {

constexpr unsigned kMostThreads = 64;

/// The entries that the tag covers although the header does not hold them.
Result<Bytes> RequiredContext(const DecryptionMaterials& materials) {
  EncryptionContext left_out;
  for (const std::string& key : materials.required_keys) {
    const auto entry = materials.context.find(key);
    if (entry != materials.context.end()) left_out.insert(*entry);
  }
  return Serialize(left_out);
}

}  // namespace

Status CheckOptions(const DecryptOptions& options) {
  const auto& keys = options.header_limits.max_encrypted_data_keys;
  if (keys && (*keys == 0 || *keys > 65535)) {
    return MakeError(ErrorCode::kInvalidArgument, "The maximum of encrypted data keys is 1 to 65,535.");
  }
  if (options.threads > kMostThreads) return MakeError(ErrorCode::kInvalidArgument, "At most 64 threads decrypt.");
  return {};
}

Result<VerifiedHeader> VerifyHeader(Cmm& cmm, const HeaderParser& parser, const DecryptOptions& options) {
  const Header& header = parser.header();
  const Suite& suite = header.suite_facts();
  SR_CHECK(CheckMayDecrypt(options.policy, header.suite));
  if (options.unsigned_only && suite.signs()) {
    return MakeError(ErrorCode::kSignaturePolicyViolation,
                     "The message is signed, and only unsigned messages are read here; read it where all of it can be "
                     "held back until its signature is verified.");
  }
  VerifiedHeader verified;
  SR_TRY(verified.materials, cmm.ForDecryption({header.suite, options.policy, header.context,
                                                header.encrypted_data_keys, options.reproduced}));
  SR_TRY(DerivedKeys derived, Derive(suite, verified.materials.data_key, header.message_id));
  if (suite.commits && !crypto::ConstantTimeEqual(derived.commitment, header.suite_data)) {
    return MakeError(ErrorCode::kCommitmentMismatch, "The message was not encrypted with the data key that it holds.");
  }
  SR_TRY(const Bytes required, RequiredContext(verified.materials));
  SR_TRY(FrameCipher cipher, FrameCipher::ForOpening(derived.key, header.message_id));
  Nonce nonce{};
  std::copy(header.iv.begin(), header.iv.end(), nonce.begin());  // version 2 has none: the zero nonce
  Tag tag;
  std::copy(header.tag.begin(), header.tag.end(), tag.begin());
  SR_TRY(const bool authentic,
         cipher.OpenHeader(nonce, ByteView(parser.raw()).first(header.body_bytes), required, tag));
  if (!authentic) {
    return MakeError(ErrorCode::kHeaderAuthenticationFailed,
                     "The header is not what its writer made, or entries of the encryption context that it leaves out "
                     "are missing here.");
  }
  verified.derived_key = std::move(derived.key);
  return verified;
}

}  // namespace strongroom::encryption_sdk::internal
