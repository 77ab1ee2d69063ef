#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace strongroom::cmu {

/// The client package's directory: $CLOUDHSM_HOME, or /opt/cloudhsm. Paths that begin with /opt/cloudhsm in
/// configuration files mean this directory, so that files made for the original work here.
class ClientHome {
 public:
  static ClientHome Find();
  explicit ClientHome(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path etc() const { return root_ / "etc"; }
  std::filesystem::path daemon_config() const { return etc() / "cloudhsm_client.cfg"; }
  std::filesystem::path mgmt_config() const { return etc() / "cloudhsm_mgmt_util.cfg"; }
  /// `path` with a leading /opt/cloudhsm replaced.
  std::filesystem::path Resolve(const std::string& path) const;

  /// The files as `configure -a ADDRESS` first makes them (spec/cloudhsm.md 4.2).
  boost::json::object NewDaemonConfig(const std::string& address) const;
  boost::json::object NewServer(const std::string& address) const;
  boost::json::object NewMgmtConfig(const std::vector<std::string>& addresses) const;

 private:
  std::filesystem::path root_;
};

}  // namespace strongroom::cmu
