#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/task.h"
#include "control.pb.h"

namespace strongroom::cloudhsm {

/// One machine that houses HSMs, as background jobs see it: control::HostLink in service, a scripted one in tests.
/// Errors, threads: those of control::HostLink.
class Host {
 public:
  virtual ~Host() = default;
  /// Asks the host itself (hsm_id empty) or one of its HSMs.
  virtual Task<Result<proto::Control>> Ask(std::string hsm_id, proto::Control question,
                                           std::chrono::milliseconds deadline) = 0;
  virtual void Notify(std::string hsm_id, proto::Control notice) = 0;
  virtual bool connected() const = 0;
};

/// The configured hosts by id. Filled before use and not changed afterwards.
class Hosts {
 public:
  void Add(std::string host_id, std::shared_ptr<Host> host) { hosts_[std::move(host_id)] = std::move(host); }
  /// Null for a host that the configuration does not name.
  Host* Find(std::string_view host_id) const {
    const auto found = hosts_.find(host_id);
    return found == hosts_.end() ? nullptr : found->second.get();
  }
  const std::map<std::string, std::shared_ptr<Host>, std::less<>>& all() const noexcept { return hosts_; }

 private:
  std::map<std::string, std::shared_ptr<Host>, std::less<>> hosts_;
};

}  // namespace strongroom::cloudhsm
