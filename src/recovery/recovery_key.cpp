#include "recovery/recovery_key.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "base/file.h"
#include "crypto/encrypted_key.h"
#include "recovery/share.h"
#include "terminal/terminal.h"

namespace strongroom::recovery {
namespace {

namespace fs = std::filesystem;
using cli::Terminal;

constexpr std::string_view kPublicBegin = "-----BEGIN PUBLIC KEY-----", kPublicEnd = "-----END PUBLIC KEY-----";

Error At(const fs::path& file, const Error& error) {
  return Error(error.code(), fmt::format("{}: {}", file.string(), error.public_message())).WithDetail(error.detail());
}

Status WriteShares(const crypto::PrivateKey& key, const KeyDestination& to) {
  SR_TRY(const SecretBuffer pkcs8, key.ToPkcs8());
  SR_TRY(const std::vector<SecretBuffer> texts,
         ShareCodec::Split(pkcs8, Fingerprint(key.public_key()), to.needed, to.of));
  std::error_code failed;
  fs::create_directories(to.share_directory, failed);
  if (failed) return FileError("make", to.share_directory, failed.value());
  std::vector<fs::path> written;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    written.push_back(to.share_directory / fmt::format("recovery-share-{}.txt", i + 1));
    Status done = Terminal::WriteKeyFile(written.back(), texts[i]);
    if (done.ok()) continue;
    written.pop_back();
    for (const fs::path& file : written) fs::remove(file, failed);
    return done;
  }
  return {};
}

Result<crypto::PrivateKey> FromFile(const fs::path& file, const AskPassphrase& ask) {
  SR_TRY(const SecretBuffer pem, Terminal::ReadKeyFile(file));
  if (!crypto::IsEncryptedPem(pem)) {
    auto key = crypto::PrivateKey::FromPem(pem);
    if (!key.ok()) return At(file, key.error());
    return key;
  }
  SR_TRY(const SecretBuffer passphrase, ask());
  auto key = crypto::FromEncryptedPem(pem, passphrase);
  if (!key.ok()) return At(file, key.error());
  return key;
}

Result<crypto::PrivateKey> FromShares(const std::vector<fs::path>& files) {
  std::vector<Share> shares;
  for (const fs::path& file : files) {
    SR_TRY(const SecretBuffer text, Terminal::ReadKeyFile(file));
    auto share = ShareCodec::Parse(text);
    if (!share.ok()) return At(file, share.error());
    shares.push_back(*std::move(share));
  }
  SR_TRY(const SecretBuffer pkcs8, ShareCodec::Join(shares));
  auto key = crypto::PrivateKey::FromPkcs8(pkcs8);
  if (!key.ok() || Fingerprint(key->public_key()) != shares.front().key)
    return Error(Errc::kUntrusted,
                 "These shares fit each other but do not give the key that they name; at least one is not "
                 "the one that was handed out.");
  return key;
}

}  // namespace

std::string Fingerprint(const crypto::PublicKey& key) { return Hex(crypto::Sha256(key.ToSpki())); }

std::string PublicPem(const crypto::PublicKey& key) {
  const std::string base64 = Base64(key.ToSpki());
  std::string pem(kPublicBegin);
  pem += "\n";
  for (std::size_t at = 0; at < base64.size(); at += 64) pem += base64.substr(at, 64) + "\n";
  pem += kPublicEnd;
  return pem + "\n";
}

Result<crypto::PublicKey> LoadPublic(const fs::path& file) {
  SR_TRY(const std::string pem, ReadFile(file, 64 * 1024));
  const auto begin = pem.find(kPublicBegin), end = pem.find(kPublicEnd);
  std::string base64;
  if (begin != std::string::npos && end != std::string::npos && end > begin) {
    for (const char c : pem.substr(begin + kPublicBegin.size(), end - begin - kPublicBegin.size()))
      if (c != '\n' && c != '\r' && c != ' ') base64 += c;
  }
  const auto der = FromBase64(base64);
  if (base64.empty() || !der.ok()) return Error(Errc::kInvalidArgument, file.string() + " is not a PEM public key.");
  return crypto::PublicKey::FromSpki(*der);
}

Result<crypto::PublicKey> MakeRecoveryKey(const KeyDestination& to, const std::optional<SecretBuffer>& passphrase) {
  SR_TRY(const crypto::PrivateKey key, crypto::PrivateKey::Generate(crypto::KeySpec::kRsa3072));
  if (to.file.empty()) {
    SR_CHECK(WriteShares(key, to));
    return key.public_key();
  }
  if (passphrase) {
    SR_TRY(const SecretBuffer pem, crypto::ToEncryptedPem(key, *passphrase));
    SR_CHECK(Terminal::WriteKeyFile(to.file, pem));
  } else {
    SR_TRY(const SecretBuffer pem, key.ToPem());
    SR_CHECK(Terminal::WriteKeyFile(to.file, pem));
  }
  return key.public_key();
}

Result<crypto::PrivateKey> LoadRecoveryKey(const KeySource& from, const AskPassphrase& ask) {
  SR_TRY(crypto::PrivateKey key, from.file.empty() ? FromShares(from.shares) : FromFile(from.file, ask));
  if (!crypto::IsRsa(key.public_key().spec()))
    return Error(Errc::kInvalidArgument, "A recovery key is an RSA key; this is another one.");
  return key;
}

Result<std::pair<unsigned, unsigned>> ParseShareCount(const std::string& text) {
  std::pair<unsigned, unsigned> count{0, 0};
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, count.first);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, count.second);
    if (second.ec == std::errc() && second.ptr == end && count.first >= 2 && count.first <= count.second &&
        count.second <= kMostShares)
      return count;
  }
  return Error(
      Errc::kInvalidArgument,
      fmt::format("'{}' is no number of shares; write K/N, for example 3/5, with K at least 2 and N at most {}.", text,
                  kMostShares));
}

}  // namespace strongroom::recovery
