#pragma once

#include <string>

#include "aws_client/object_store.h"

namespace strongroom::archive {

/// Lets one of several writers publish under a name that they share, on a server that ignores If-None-Match.
///
/// Each writes a claim, an object of its own name, and lists the claims: who sees no other's may go on, since whoever
/// comes later sees his; who sees another's withdraws his own and tries again after a random while. A claim is
/// withdrawn once what it was for is there, and the name is looked at after the claims: so nobody publishes over
/// another. It needs a server whose listing shows what was written before. Errors  kConflict when another's claim does
/// not go away; as of ObjectStore.
class PublishClaim {
 public:
  /// `prefix` ends with a slash; `own` is this writer's, 32 hex digits, the same again after an interruption.
  PublishClaim(aws_client::ObjectStore& store, std::string prefix, std::string own)
      : store_(store), prefix_(std::move(prefix)), name_(prefix_ + std::move(own)) {}
  ~PublishClaim();

  /// Whether the server refuses a second object of one name: then no claim is needed. Leaves nothing.
  Result<bool> ServerRefusesSecond();
  Status Take();
  /// Errors are of no consequence: the same writer's next attempt writes it again.
  void Withdraw() noexcept;

 private:
  Result<bool> Alone();
  aws_client::ObjectStore& store_;
  const std::string prefix_, name_;
  std::string other_;
  bool written_ = false;
};

}  // namespace strongroom::archive
