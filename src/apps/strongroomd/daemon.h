#pragma once

#include <memory>
#include <string>

#include "apps/strongroomd/config.h"
#include "base/result.h"

namespace strongroom::service {

/// All parts of strongroomd, wired. Make, Start, wait for a reason to stop, Stop.
///
/// Threads   one owner, on no loop's thread; RequestStop from anywhere.
class Daemon {
 public:
  /// Opens the store and reads keys and certificates. Errors name what is wrong with which file or database.
  static Result<std::unique_ptr<Daemon>> Make(Config config);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Waits for the domain cluster as long as it takes, then serves; the address is "https://ADDR:PORT".
  /// Errors: kCancelled when stopped meanwhile; what keeps the endpoint from being opened.
  Result<std::string> Start();
  /// Whether Start failed, or a stop was asked for, because this machine was removed from the deployment.
  bool removed() const;
  /// Ends Start's waiting.
  void RequestStop();
  /// Lets requests in flight finish, then ends everything. Idempotent.
  void Stop();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace strongroom::service
