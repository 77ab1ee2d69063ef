#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace strongroom::cli {

/// One line of /proc.
struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string program;                 // file name of argv[0]
  std::vector<std::string> arguments;  // after argv[0]
  std::uint64_t resident_bytes = 0;
};

/// The process and everything it started, parents first. Empty when it does not run.
std::vector<ProcessInfo> ProcessTree(pid_t root);

}  // namespace strongroom::cli
