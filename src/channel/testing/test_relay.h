#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "channel/tls_context.h"

namespace strongroom::channel::testing {

/// A host in small: ends the outer TLS on a loopback TCP port and copies bytes to and from a Unix socket, on a thread
/// of its own. Keeps what crosses it.
class TestRelay {
 public:
  /// `address` may be any of 127.0.0.0/8; port 0 lets the kernel choose.
  TestRelay(TlsContext outer, std::filesystem::path socket, std::string address = "127.0.0.1", std::uint16_t port = 0);
  ~TestRelay();
  TestRelay(const TestRelay&) = delete;
  TestRelay& operator=(const TestRelay&) = delete;

  std::uint16_t port() const;
  /// Decrypted bytes of the outer layer, both ways, up to 1 MiB: what whoever owns the host can read.
  Bytes Captured() const;
  /// Turns capturing on (off at first).
  void Capture();
  /// Outer handshakes that were completed, as far as the server can tell.
  std::uint64_t accepted() const;
  /// Cuts every connection now; listening goes on.
  void CutAll();
  /// Cuts each connection once this many more bytes have passed from the HSM to clients; negative: never.
  void CutAfter(std::int64_t bytes_to_client);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::channel::testing
