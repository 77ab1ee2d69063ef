#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace strongroom::cli {

/// A directory of this process, for what must not outlive it: it goes with everything in it when the object goes, and
/// when the process ends in whatever way, SIGKILL too. Nobody but its owner reads in it; others may pass through.
class Scratch {
 public:
  /// In the directory of temporary files, named after `prefix`. Those of the prefix that processes have left behind
  /// when the machine went down are removed. Errors: the file system's.
  static Result<std::unique_ptr<Scratch>> Make(const std::string& prefix);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
  Status Guard();

  std::filesystem::path path_;
  UniqueFd lock_, alive_;
};

}  // namespace strongroom::cli
