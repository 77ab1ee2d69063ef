#pragma once

namespace strongroom {

namespace crypto {
class EvpKeyLoader;
}
namespace hsm {
class VaultSealer;
class VaultMaterial;
class PasswordCheck;
}  // namespace hsm
namespace wire {
class FrameCodec;
}
namespace aws {
class ReplyWriter;
class SigningKeyMaker;
}  // namespace aws
namespace aws_client {
class SecretText;
}
namespace kms {
class SecretFields;
}
namespace cli {
class Terminal;
}
namespace hsm_host {
class KeyFile;
}
namespace recovery {
class ShareCodec;
}
namespace service {
class RootKeyFile;
}

namespace secret {

class Peek;

/// Permission to read raw secret bytes. Whoever may make one is listed here, so this list is what an auditor reads, not
/// the call sites. Each friend is one small class that does one thing with the bytes; to add one, forward-declare it
/// above (no include points upward) and name it below with its reason.
class KeyAccess {
  KeyAccess() noexcept {}               // not defaulted: a class without it would be an aggregate that anyone makes
  friend class SecretBuffer;            // compares and clones its own bytes
  friend class crypto::EvpKeyLoader;    // hands bytes to OpenSSL
  friend class hsm::VaultSealer;        // wraps keys for disk and backup
  friend class hsm::VaultMaterial;      // computes check values
  friend class hsm::PasswordCheck;      // checks a password's length and alphabet
  friend class wire::FrameCodec;        // writes secret segments into the inner TLS
  friend class aws::ReplyWriter;        // writes base64 plaintext into a reply
  friend class aws::SigningKeyMaker;    // puts "AWS4" before a secret access key
  friend class aws_client::SecretText;  // puts a data key into a request to KMS, and a session token into a header
  friend class kms::SecretFields;       // moves request plaintext on to the HSM client
  friend class cli::Terminal;           // reads and sends passwords, writes a key file that was asked for
  friend class hsm_host::KeyFile;       // writes a host's key files, and an HSM's root key into its pipe
  friend class recovery::ShareCodec;    // splits the recovery key into shares and joins them
  friend class service::RootKeyFile;    // writes an account's first access key to its owner's file
  friend class Peek;                    // tests only; see peek_for_tests.h
};

}  // namespace secret

using secret::KeyAccess;

}  // namespace strongroom
