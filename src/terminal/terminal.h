#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "secret/secret_buffer.h"

namespace strongroom::cli {

/// Where a command's secrets meet the outside: key files that were asked for, and passwords typed without echo.
class Terminal {
 public:
  /// Writes a secret (a PEM key) to a file with mode 0600, synced; replaces nothing.
  /// Errors: kAlreadyExists when the file is there; kPermission, kResourceExhausted.
  static Status WriteKeyFile(const std::filesystem::path& file, const SecretBuffer& content);
  /// Reads a key file into secret memory. Errors: kNotFound, kPermission, kInvalidArgument over 64 KiB.
  static Result<SecretBuffer> ReadKeyFile(const std::filesystem::path& file);
  /// Asks on the terminal without echo, at most 1,024 bytes; from a pipe, reads one line. Errors: kCancelled at its
  /// end.
  static Result<SecretBuffer> AskPassword(std::string_view prompt);
  /// The first line of a file, at most 1,024 bytes. Errors: kNotFound, kPermission; kInvalidArgument when it is empty.
  static Result<SecretBuffer> ReadPasswordFile(const std::filesystem::path& file);
  /// A password as base64, to be sent to the service. The caller wipes it.
  static std::string ForRequest(const SecretBuffer& password);
};

}  // namespace strongroom::cli
