#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "iam/data/entity.h"

namespace strongroom::iam {

/// The purpose under which seeds are sealed, with the serial number as name (see ports::Sealer).
inline constexpr std::string_view kMfaSeedPurpose = "iam-mfa-seed";

/// A virtual MFA device.
struct MfaDevice {
  std::string account, serial_number;  // "arn:aws:iam::111122223333:mfa/anna"
  Bytes sealed_seed;
  std::string user_id;  // empty until it is enabled
  std::int64_t created_at = 0;
  std::optional<std::int64_t> enabled_at;
  std::int64_t last_step = 0, drift = 0;     // in steps of 30 seconds
  std::int64_t failures = 0, failed_at = 0;  // wrong codes since the last right one, the last of them in milliseconds
};

Result<std::optional<MfaDevice>> FindMfaDevice(store::Transaction& t, std::string_view account,
                                               std::string_view serial_number);
Result<std::vector<MfaDevice>> ListMfaOfAccount(store::Transaction& t, std::string_view account);
Result<std::vector<MfaDevice>> ListMfaOfUser(store::Transaction& t, std::string_view account, std::string_view user_id);
/// The one that the request's SerialNumber names, once the caller may do this operation to it.
/// Errors: kAccessDenied, kNotFound.
Result<MfaDevice> NeedMfaDevice(Work& work);
/// The same, which the request's user (or the caller) has enabled. Authorised on the user, as AWS does.
struct UsersDevice {
  Entity user;
  MfaDevice device;
};
Result<UsersDevice> NeedUsersDevice(Work& work);
Error NoSuchMfaDevice(std::string_view serial_number);
/// Writes whose it is. Its clock and its failures stay: codes that were used remain so.
Status SaveMfaOwner(Work& work, const MfaDevice& device);

/// Two codes of the device that follow each other and have not been used, as enabling and synchronising ask for: its
/// step and drift afterwards. `reach` is how many steps the device's clock may be off. Errors: kBadMac
/// (InvalidAuthenticationCode); the Sealer's.
struct MfaClock {
  std::int64_t last_step = 0, drift = 0;
};
Task<Result<MfaClock>> MatchTwoCodes(ports::Sealer& sealer, MfaDevice device, std::string first, std::string second,
                                     ports::WallTime now, std::int64_t reach);

/// Writes the step and drift that two codes have shown, and forgets failures. Errors: kBadMac when another request has
/// used one of the codes meanwhile.
Status SetMfaClock(Work& work, const MfaDevice& device, const MfaClock& clock);

/// How long a device takes no code after so many wrong ones: none at first, then 30 seconds and twice as long with each
/// one more, a day at most.
std::chrono::seconds MfaWaitAfter(std::int64_t failures);

/// Before a code is looked at: the user's device, in which the store counts one failure more, on all front ends
/// together, so that asking everywhere at once does not help who guesses. A code that proves right sets the count back.
/// Errors: kAccessDenied in the words of STS for an unknown device and while it has to wait; the store's.
Task<Result<MfaDevice>> BeginMfaAttempt(store::Database& database, std::string account, std::string user_id,
                                        std::string serial_number, ports::WallTime now);
/// Nobody could look at the code: it does not count.
Task<Status> CancelMfaAttempt(store::Database& database, MfaDevice device);

/// A page of devices of one account, by serial number. Errors: kInvalidMarker.
Status CutMfaPage(const Work& work, std::vector<MfaDevice>& devices, aws::Reply& reply);

/// Takes a code of one of the user's enabled devices, each code once on all front ends together. Errors: as
/// BeginMfaAttempt, the same for a wrong code and one that was used; the Sealer's.
Task<Status> UseMfaCode(store::Database& database, ports::Sealer& sealer, std::string account, std::string user_id,
                        std::string serial_number, std::string code, ports::WallTime now);

}  // namespace strongroom::iam
