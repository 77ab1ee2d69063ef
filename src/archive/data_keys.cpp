#include "archive/data_keys.h"

#include "archive/expecting_cmm.h"
#include "archive/snapshot.h"
#include "crypto/hash.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/encryptor.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/multi_keyring.h"
#include "secret/secret_vector.h"
#include "terminal/terminal.h"

namespace strongroom::archive {

namespace esdk = encryption_sdk;

namespace {

constexpr std::size_t kDigest = 32, kKey = 32, kRecord = kDigest + kKey;
constexpr std::size_t kLargestKeys = std::size_t{32} << 20;

Result<SecretBytes> Encode(const esdk::GivenDataKeys& keys) {
  SecretBytes bytes;
  bytes.reserve(keys.size() * kRecord);
  for (const auto& [digest, key] : keys) {
    if (key.size() != kKey) return Error(Errc::kInternal, "A data key has the wrong length.");
    std::string text = cli::Terminal::ForRequest(key);
    SecretBytes raw(Base64DecodedMax(text.size()));
    const auto decoded = FromBase64Into(text, raw);
    secret::Wipe(text.data(), text.size());
    if (!decoded.ok()) return decoded.error();
    bytes.insert(bytes.end(), digest.begin(), digest.end());
    bytes.insert(bytes.end(), raw.begin(), raw.begin() + kKey);
  }
  return bytes;
}

Result<esdk::GivenDataKeys> Decode(ByteView bytes) {
  esdk::GivenDataKeys keys;
  if (bytes.empty() || bytes.size() % kRecord != 0)
    return Error(Errc::kCorrupted, "The kept data keys have the wrong length.");
  for (; !bytes.empty(); bytes = bytes.subspan(kRecord)) {
    crypto::Sha256Digest digest{};
    std::copy_n(bytes.begin(), kDigest, digest.begin());
    SR_TRY(SecretBuffer key, SecretBuffer::CopyOf(bytes.subspan(kDigest, kKey)));
    keys.insert_or_assign(digest, std::move(key));
  }
  return keys;
}

}  // namespace

Result<esdk::GivenDataKeys> ReadDataKeys(const Access& access, const std::string& snapshot,
                                         const esdk::KeyringPtr& keyring) {
  SR_TRY(const Bytes message, aws_client::GetAll(*access.store, KeysOf(snapshot), kLargestKeys));
  const esdk::CmmPtr inner = esdk::MakeDefaultCmm(keyring);
  ExpectingCmm cmm(*inner, {.context = {{std::string(kContextLocation), access.location.id},
                                        {std::string(kContextSnapshot), snapshot},
                                        {std::string(kContextKind), std::string(kKindKeys)}}});
  SR_TRY(const esdk::DecryptedMessage opened, esdk::DecryptMessage(cmm, message));
  if (opened.facts.header.suite != esdk::SuiteId::k256CommitP384)
    return Error(Errc::kCorrupted, "The kept data keys are not signed.");
  return Decode(opened.plaintext);
}

Result<esdk::KeyringPtr> WithKeptDataKeys(const Access& access, const std::string& snapshot, esdk::KeyringPtr keyring,
                                          std::optional<Error>* unopened) {
  auto kept = ReadDataKeys(access, snapshot, keyring);
  if (kept.ok()) return esdk::MakeMultiKeyring(nullptr, {esdk::MakeGivenDataKeyKeyring(*std::move(kept)), keyring});
  // NoDataKey may have a missing KMS key's code, so what a message says of itself comes first.
  if (!esdk::CodeOf(kept.error())) {
    if (kept.error().code() == Errc::kNotFound) return keyring;
    return std::move(kept).error();
  }
  if (unopened != nullptr) *unopened = std::move(kept).error();
  return keyring;
}

Status WriteDataKeys(const Access& access, const std::string& snapshot, const esdk::GivenDataKeys& keys,
                     const esdk::KeyringPtr& wrapping, esdk::EncryptionContext context,
                     const esdk::KeyringPtr& checking) {
  SR_TRY(const SecretBytes plain, Encode(keys));
  const esdk::CmmPtr cmm = esdk::MakeDefaultCmm(wrapping);
  esdk::EncryptOptions options;
  options.suite = esdk::SuiteId::k256CommitP384;
  SR_TRY(const esdk::EncryptedMessage sealed,
         esdk::EncryptMessage(*cmm, WithKind(std::move(context), kKindKeys), plain, options));
  if (checking) {
    const esdk::CmmPtr reader = esdk::MakeDefaultCmm(checking);
    SR_TRY(const esdk::DecryptedMessage opened, esdk::DecryptMessage(*reader, sealed.message));
    if (!crypto::ConstantTimeEqual(opened.plaintext, plain))
      return Error(Errc::kInternal, "The kept data keys do not come back as they were.");
  }
  const auto put = access.store->Put(KeysOf(snapshot), sealed.message, aws_client::PutIf::kAny);
  if (!put.ok()) return put.error();
  return {};
}

}  // namespace strongroom::archive
