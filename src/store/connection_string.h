#pragma once

#include <string>

#include "base/result.h"

namespace strongroom::store {

/// What a libpq connection string says of passwords, however it is written: `password = x`, or in a URI.
struct ConnectionString {
  bool has_password = false;          // in the string itself
  bool names_password_place = false;  // a password file or a service of its own
};
/// Reads it without looking at the environment. Errors: kInvalidArgument, with libpq's reason.
Result<ConnectionString> ReadConnectionString(const std::string& conninfo);

/// Errors: kInvalidArgument, saying what to do, for one that holds a password, since everybody on a machine can read a
/// command line; those of ReadConnectionString.
Status CheckForCommandLine(const std::string& conninfo);

}  // namespace strongroom::store
