#pragma once

// Messages of the AWS Encryption SDK's format, written and read by programs of your own: what `strongroom archive`
// stores, what every AWS Encryption SDK reads, and the other way round. Link with libstrongroom-archive. C++20, nothing
// beside the standard library.
//
//   using namespace strongroom::archive_api;
//   Keys keys;
//   keys.AddKms("arn:aws:kms:eu-central-1:111122223333:key/…");
//   Client client(std::move(keys));
//   std::string message = client.Encrypt("what is to be kept", {{"purpose", "example"}});
//   std::string again = client.Decrypt(message, {{"purpose", "example"}}).plaintext;
//
// Every failure is an archive_api::Failure, thrown. Credentials, Region and addresses of KMS come from where the AWS
// CLI looks for them: environment, profile, AWS_ENDPOINT_URL, AWS_CA_BUNDLE.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#if defined(__GNUC__)
#define STRONGROOM_ARCHIVE_API __attribute__((visibility("default")))
#else
#define STRONGROOM_ARCHIVE_API
#endif

namespace strongroom::archive_api {

/// Authenticated with a message, stored in it in clear, shown to KMS and its audit trail. UTF-8; names that begin with
/// "aws-crypto-" are the format's.
using Context = std::map<std::string, std::string>;

/// Why something failed. what() says what to do and never holds keys or plaintext.
class STRONGROOM_ARCHIVE_API Failure : public std::runtime_error {
 public:
  Failure(const std::string& text, std::string code, bool retryable);
  ~Failure() override;
  /// The format's name for it ("NoDataKey", "BodyAuthenticationFailed", "Truncated"); empty where the message was not
  /// at fault (KMS, your sink).
  const std::string& code() const noexcept { return code_; }
  /// Whether the same call may succeed later without anyone changing anything.
  bool retryable() const noexcept { return retryable_; }

 private:
  std::string code_;
  bool retryable_;
};

/// Wrapping keys. The first that can make data keys makes them; all of them wrap each data key, and any one opens a
/// message. Movable.
class STRONGROOM_ARCHIVE_API Keys {
 public:
  Keys();
  Keys(Keys&&) noexcept;
  Keys& operator=(Keys&&) noexcept;
  ~Keys();

  /// A KMS key by its ARN; a related multi-Region key's messages are opened, too. Needs kms:GenerateDataKey
  /// (kms:Encrypt where it is not the first) and kms:Decrypt.
  void AddKms(std::string_view key_arn);
  /// Any KMS key of these accounts in this Region, for decryption only.
  void AddKmsDiscovery(std::string_view region, std::string_view partition, const std::vector<std::string>& accounts);
  /// An AES key of 16, 24 or 32 bytes; `name_space` and `name` find it again and are stored in clear.
  void AddAes(std::string_view name_space, std::string_view name, std::string_view key);
  /// An RSA public key (PEM, SubjectPublicKeyInfo) that seals with OAEP-SHA-256: its private half opens, wherever it
  /// is.
  void AddRsaPublic(std::string_view name_space, std::string_view name, std::string_view pem);
  /// The private half (PEM, PKCS #8), for decryption only.
  void AddRsaPrivate(std::string_view name_space, std::string_view name, std::string_view pem);

 private:
  friend class Client;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How messages are written and read.
struct Settings {
  /// Adds a signature, so that who can only decrypt cannot have made the message. Costs a SHA-384 over every byte.
  bool sign = false;
  /// Plaintext bytes that are encrypted, and released when decrypted, at once: 1..2^31-1.
  std::uint32_t frame_length = 1u << 20;
  /// Threads beside the caller's that encrypt and decrypt frames: 0..64.
  unsigned threads = 0;
  /// Reads messages without key commitment, too (algorithm suites of version 1).
  bool read_uncommitted = false;
  /// A data key is used for several messages of one context until one of these is reached; an age of 0 switches that
  /// off.
  std::chrono::seconds cache_age{0};
  std::uint64_t cache_messages = 1000;
  std::uint64_t cache_bytes = std::uint64_t{1} << 40;
};

/// Takes output piece by piece. What it throws ends the message and reaches the caller.
using Sink = std::function<void(std::string_view)>;

struct Decrypted {
  std::string plaintext;
  Context context;  // the message's own
};

namespace detail {
struct ClientState;
struct WriterState;
struct ReaderState;
}  // namespace detail

/// Writes one message. One thread at a time.
class STRONGROOM_ARCHIVE_API Writer {
 public:
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();
  void Write(std::string_view plaintext);
  /// Without it, what the sink got is a truncated message, which nobody decrypts. Returns the message's length in
  /// bytes.
  std::uint64_t Finish();

 private:
  friend class Client;
  explicit Writer(std::unique_ptr<detail::WriterState> state) noexcept;
  std::unique_ptr<detail::WriterState> state_;
};

/// Reads one message. The sink gets plaintext whose tag has been verified, before the message's end is known: throw it
/// away unless Finish returns. One thread at a time.
class STRONGROOM_ARCHIVE_API Reader {
 public:
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();
  void Write(std::string_view message);
  /// The end of the input: the message is whole and, where it is signed, verified. Returns its context.
  Context Finish();

 private:
  friend class Client;
  explicit Reader(std::unique_ptr<detail::ReaderState> state) noexcept;
  std::unique_ptr<detail::ReaderState> state_;
};

/// Encrypts and decrypts under given keys. Const use is thread-safe. Writers and readers may outlive it.
class STRONGROOM_ARCHIVE_API Client {
 public:
  explicit Client(Keys keys, const Settings& settings = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// The whole message, all or nothing.
  std::string Encrypt(std::string_view plaintext, const Context& context = {}) const;
  /// `expected`: entries that the message's context must have, with these values.
  Decrypted Decrypt(std::string_view message, const Context& expected = {}) const;

  /// For what does not fit into memory. The sink gets the header at once.
  Writer StartEncrypting(const Context& context, Sink sink) const;
  Reader StartDecrypting(const Context& expected, Sink sink) const;

 private:
  std::shared_ptr<detail::ClientState> state_;
};

}  // namespace strongroom::archive_api
