#include "wire/status.h"

#include <array>

namespace strongroom::wire {
namespace {
struct Row {
  Errc code;
  std::uint16_t status;
};
// What an HSM or a host can say. Anything else that reaches the boundary is our own bug and travels as kInternal.
constexpr auto kRows = std::to_array<Row>({
    {Errc::kInvalidArgument, 0x71},
    {Errc::kUserNotFound, 0x9d},
    {Errc::kLoginFailed, 0xa3},
    {Errc::kNotFound, 0xa8},
    {Errc::kUnsupported, 0xb3},
    {Errc::kPermission, 0xc6},
    {Errc::kAccessDenied, 0xc7},
    {Errc::kWrongKeyUsage, 0xc8},
    {Errc::kNotLoggedIn, 0xda},
    {Errc::kUserLocked, 0xdc},
    {Errc::kUserBusy, 0xdd},
    {Errc::kAlreadyExists, 0xde},
    {Errc::kConflict, 0xdf},
    {Errc::kLimitExceeded, 0xe0},
    {Errc::kInvalidState, 0xe1},
    {Errc::kBadCiphertext, 0xe2},
    {Errc::kBadSignature, 0xe3},
    {Errc::kIncorrectKey, 0xe4},
    {Errc::kStale, 0xe5},
    {Errc::kUntrusted, 0xe6},
    {Errc::kThrottled, 0xe7},
    {Errc::kUnknownOperation, 0xe8},
    {Errc::kSerialization, 0xe9},
    {Errc::kRequestTooLarge, 0xea},
    {Errc::kInvalidImportToken, 0xeb},
    {Errc::kExpiredImportToken, 0xec},
    {Errc::kIncorrectKeyMaterial, 0xed},
    {Errc::kExpiredToken, 0xee},
    {Errc::kUnavailable, 0x100},
    {Errc::kTimeout, 0x101},
    {Errc::kCancelled, 0x102},
    {Errc::kResourceExhausted, 0x103},
    {Errc::kCorrupted, 0x104},
    {Errc::kInternal, 0x1ff},
});
}  // namespace

std::uint16_t StatusOf(Errc code) noexcept {
  for (const Row& row : kRows)
    if (row.code == code) return row.status;
  return 0x1ff;
}

Errc ErrcOf(std::uint16_t status) noexcept {
  for (const Row& row : kRows)
    if (row.status == status) return row.code;
  return Errc::kInternal;
}

}  // namespace strongroom::wire
