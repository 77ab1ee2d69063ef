#pragma once

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"

namespace strongroom {

/// A value or the Error that prevented it. Reading the wrong half is a bug and stops a debug build.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() noexcept = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace strongroom

#define SR_CONCAT_INNER(a, b) a##b
#define SR_CONCAT(a, b) SR_CONCAT_INNER(a, b)
#define SR_TRY_IMPL(tmp, ret, lhs, ...)      \
  auto tmp = (__VA_ARGS__);                  \
  if (!tmp.ok()) ret std::move(tmp).error(); \
  lhs = std::move(tmp).value()

/// SR_TRY(auto x, Expr()) or SR_TRY(r.x, Expr()): assigns the value, or returns the error from this function.
#define SR_TRY(lhs, ...) SR_TRY_IMPL(SR_CONCAT(sr_result_, __LINE__), return, lhs, __VA_ARGS__)
/// The same inside a coroutine.
#define SR_CO_TRY(lhs, ...) SR_TRY_IMPL(SR_CONCAT(sr_result_, __LINE__), co_return, lhs, __VA_ARGS__)
/// SR_CHECK(Expr()) for a Status (or a Result whose value is not wanted).
#define SR_CHECK(...)                                         \
  do {                                                        \
    auto sr_status = (__VA_ARGS__);                           \
    if (!sr_status.ok()) return std::move(sr_status).error(); \
  } while (false)
#define SR_CO_CHECK(...)                                         \
  do {                                                           \
    auto sr_status = (__VA_ARGS__);                              \
    if (!sr_status.ok()) co_return std::move(sr_status).error(); \
  } while (false)
