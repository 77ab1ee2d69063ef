#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace strongroom::crypto {

/// Each algorithm of the power-on self-test.
enum class SelfTest : std::uint8_t {
  kSha256,
  kSha384,
  kSha512,
  kHmac,
  kHmacOthers,
  kHkdf,
  kAesGcm,
  kAesKeyWrap,
  kSeal,
  kRsa,
  kEcdsa,
  kOaep,
  kEcdh,
  kEd25519,
  kEd25519Ph,
  kSm2,
  kMlDsa,
  kScrypt,
  kDrbg,
  kCount_
};
std::string_view Name(SelfTest test) noexcept;

/// Known-answer tests, to be run once before a process serves (FIPS 140-3 IG 10.3.A). Takes some milliseconds.
/// Errors: kInternal, naming the algorithm; the process must then not serve.
/// `break_one` corrupts one test's expected answer, which shows that the test can fail.
Status RunSelfTests(SelfTest break_one = SelfTest::kCount_);

}  // namespace strongroom::crypto
