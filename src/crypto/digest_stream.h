#pragma once

#include <memory>

#include "crypto/hash.h"

namespace strongroom::crypto {

/// Any digest of a stream. One thread at a time.
class DigestStream {
 public:
  explicit DigestStream(Digest digest);
  DigestStream(DigestStream&&) noexcept;
  DigestStream& operator=(DigestStream&&) noexcept;
  ~DigestStream();
  void Update(ByteView data);
  /// The digest of everything so far, DigestSize() bytes; the stream starts anew.
  Bytes Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::crypto
