#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/key_pair.h"

namespace strongroom::hsm_host {

/// The files of a host's directory (DIR/host).
struct HostDirectory {
  std::filesystem::path root;

  /// The certificate that the outer TLS shows, its key, and the pair that follows it when it is renewed. Clients hold
  /// both certificates, each under its subject_hash() with ".0".
  std::filesystem::path outer_certificate() const { return root / "outer.crt"; }
  std::filesystem::path outer_key() const { return root / "outer.key"; }
  std::filesystem::path next_outer_certificate() const { return root / "outer-next.crt"; }
  std::filesystem::path next_outer_key() const { return root / "outer-next.key"; }
  /// The default client certificate: every client bundle has this pair, and every HSM of the host takes it.
  std::filesystem::path client_certificate() const { return root / "client.crt"; }
  std::filesystem::path client_key() const { return root / "client.key"; }
  /// What the host shows on the control link; front ends pin it.
  std::filesystem::path control_certificate() const { return root / "control.crt"; }
  std::filesystem::path control_key() const { return root / "control.key"; }
  /// Certificates (*.pem) of the front ends that may use the control link; read again when a file changes.
  std::filesystem::path front_ends() const { return root / "front-ends"; }
  std::filesystem::path hsm_list() const { return root / "hsms.json"; }
  std::filesystem::path root_key() const { return root / "hsm-root-key"; }
  std::filesystem::path host_id() const { return root / "host-id"; }
  std::filesystem::path lock() const { return root / "lock"; }
  std::filesystem::path run() const { return root / "run"; }
};

/// Makes what is missing in `root` and leaves what is there: outer certificate and successor with the names and serials
/// of the original's (so that their subject hashes are 21a10654 and 712ff948), default client pair, control pair, host
/// id. Keys are mode 0600, the directory 0700. Takes about a second (RSA). Errors: kInternal the disk; kCorrupted a
/// certificate without its key or the other way round.
Status InitHostDirectory(const std::filesystem::path& root);

/// Lets a front end connect: writes its certificate to front-ends/<name>.pem. `name` is [a-z0-9-]{1,64}.
/// Errors: kInvalidArgument, kInternal.
Status AllowFrontEnd(const std::filesystem::path& root, const std::string& name,
                     const crypto::Certificate& certificate);

/// Removes every file of this front end's; whether there was one. Errors: kInvalidState it is the only one that may
/// connect; kInternal.
Result<bool> RemoveFrontEnd(const std::filesystem::path& root, const crypto::Certificate& certificate);

inline constexpr std::size_t kMaxFrontEnds = 64;
/// The certificates in front-ends/*.pem; a file that is not one is skipped with a warning. At most kMaxFrontEnds.
Result<std::vector<crypto::Certificate>> LoadFrontEnds(const std::filesystem::path& root);

/// Makes a self-signed P-256 pair for an end of the control link (ten years); the key file is mode 0600. Front ends
/// make theirs with this too. Errors: kAlreadyExists when either file is there; kInternal.
Status MakeControlIdentity(const std::filesystem::path& certificate, const std::filesystem::path& key,
                           const std::string& common_name);

}  // namespace strongroom::hsm_host
