#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace strongroom::xks {

/// Why a call to a proxy gave nothing. Source: spec/kms.md 7.10.
enum class Failure : std::uint8_t {
  kInvalidResponse,  // ValidationException; what cannot be understood, is too long, incomplete or fails its own check
  kInvalidState,
  kInvalidKeyUsage,
  kInvalidCiphertext,
  kBadCredential,
  kAccessDenied,
  kKeyNotFound,
  kInvalidUriPath,
  kThrottled,
  kInternal,
  kUnsupported,
  kTimedOut,
  kNotReachable,  // DNS, TCP, or an address that may not be connected to
  kTls,
  kUnhealthy,   // every external key manager behind the proxy is UNAVAILABLE
  kOwnTrouble,  // not the proxy's: no locked memory left
  kCount_
};

struct Failed {
  Failure failure;
  std::string detail;  // for the operator's log
};

/// A proxy's answer, or why there is none.
template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}         // NOLINT: implicit by design
  Outcome(Failed failed) : state_(std::in_place_index<1>, std::move(failed)) {}  // NOLINT

  bool ok() const noexcept { return state_.index() == 0; }
  T& value() { return std::get<0>(state_); }
  const T& value() const { return std::get<0>(state_); }
  T& operator*() { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Failed& failed() const { return std::get<1>(state_); }

 private:
  std::variant<T, Failed> state_;
};

}  // namespace strongroom::xks
