#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crypto/key_pair.h"

namespace strongroom::recovery {

/// Where the private half of a new recovery key goes: to a file, or to shares in a directory.
struct KeyDestination {
  std::filesystem::path file;             // or empty, then:
  std::filesystem::path share_directory;  // recovery-share-1.txt and so on
  unsigned needed = 0, of = 0;
};
/// Where it comes from: a file, or as many shares as are needed.
struct KeySource {
  std::filesystem::path file;
  std::vector<std::filesystem::path> shares;
};
using AskPassphrase = std::function<Result<SecretBuffer>()>;

/// SHA-256 over the SubjectPublicKeyInfo, in hex: how records, backups and shares name a recovery key.
std::string Fingerprint(const crypto::PublicKey& key);
/// SubjectPublicKeyInfo as PEM "PUBLIC KEY", and back. Errors: kInvalidArgument.
std::string PublicPem(const crypto::PublicKey& key);
Result<crypto::PublicKey> LoadPublic(const std::filesystem::path& file);

/// Makes an RSA-3072 key pair and puts its private half there; a passphrase encrypts the file (not shares).
/// Errors: kAlreadyExists a file is there and is not replaced; kInvalidArgument; file errors. After one, nothing of the
/// key is left behind.
Result<crypto::PublicKey> MakeRecoveryKey(const KeyDestination& to, const std::optional<SecretBuffer>& passphrase);

/// Reads the private half; `ask` is called when the file needs a passphrase.
/// Errors: kNotFound, kPermission; kInvalidArgument, kCorrupted, naming the file that is no key or share; kAccessDenied
/// a wrong passphrase; kUntrusted shares that are whole but do not give the key they name.
Result<crypto::PrivateKey> LoadRecoveryKey(const KeySource& from, const AskPassphrase& ask);

/// "3/5". Errors: kInvalidArgument.
Result<std::pair<unsigned, unsigned>> ParseShareCount(const std::string& text);

}  // namespace strongroom::recovery
