#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "hsm_host/root_key.h"

namespace strongroom::hsm_host {

/// What `strongroom-hsm-host` is told, by flags or by its configuration file.
struct HostOptions {
  std::filesystem::path data;         // DIR/host, made by InitHostDirectory
  std::filesystem::path hsm_state;    // one directory per HSM in it; empty: DIR/hsm beside `data`
  std::filesystem::path hsm_program;  // strongroom-hsm; empty: beside this program
  std::string address = "127.0.0.1";  // of the control link
  std::uint16_t control_port = 2224;
  RootKeySource root_key = RootKeySource::kAutomatic;
  // Users of the HSMs and of the relay when started as root; otherwise all run as who started them.
  uid_t hsm_uid = 61742;
  gid_t hsm_gid = 61742;
  uid_t relay_uid = 61741;
  gid_t relay_gid = 61741;
  unsigned relay_threads = 0;     // 0: one per processor
  std::uint32_t max_keys = 3300;  // of each HSM's cluster
  int parent_fd = -1;             // reading end of a pipe: at its end everything stops
  int ready_fd = -1;              // gets one line when the control link can be reached
  bool die_with_parent = false;
  std::string log_level = "info";
};

/// Reads a TOML file's [host] table over what `options` holds: data, hsm_state, hsm_program, address, control_port,
/// root_key ("auto", "credential", "file"), hsm_user, hsm_group, relay_user, relay_group (numbers), relay_threads,
/// max_keys, log_level. Errors: kNotFound; kInvalidArgument, with the key's name or the line.
Status ReadHostOptions(const std::filesystem::path& file, HostOptions& options);

/// "auto", "credential" or "file". Errors: kInvalidArgument.
Result<RootKeySource> ParseRootKeySource(const std::string& text);

}  // namespace strongroom::hsm_host
