#pragma once

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
  std::int64_t last_step = 0, drift = 0;  // in steps of 30 seconds
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
Status SaveMfaDevice(Work& work, const MfaDevice& device);

/// Two codes of the device that follow each other, as enabling and synchronising ask for: its step and drift
/// afterwards. `reach` is how many steps the device's clock may be off. Errors: kBadMac (InvalidAuthenticationCode);
/// the Sealer's.
struct MfaClock {
  std::int64_t last_step = 0, drift = 0;
};
Task<Result<MfaClock>> MatchTwoCodes(ports::Sealer& sealer, MfaDevice device, std::string first, std::string second,
                                     ports::WallTime now, std::int64_t reach);

/// Takes a code of one of the user's enabled devices, each code once on all front ends together. Errors: kAccessDenied
/// in the words of STS for an unknown device, a wrong code and one that was used; the store's and the Sealer's.
Task<Status> UseMfaCode(store::Database& database, ports::Sealer& sealer, std::string account, std::string user_id,
                        std::string serial_number, std::string code, ports::WallTime now);

}  // namespace strongroom::iam
