#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
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
  /// And not silent: what is not is asked last, or later.
  virtual bool connected() const = 0;
  /// What whoever greets it regularly has seen: it does not answer, though its link stands (a process or a machine that
  /// stands still), or it answers again.
  virtual void SetSilent(bool silent) = 0;
};

/// The deployment's hosts by id; machines that join add theirs.
/// Threads   any.
class Hosts {
 public:
  /// Takes the place of one of that id, which whoever made it keeps until nobody can be asking it any more.
  void Add(std::string host_id, std::shared_ptr<Host> host) {
    const std::lock_guard lock(mutex_);
    hosts_[std::move(host_id)] = std::move(host);
  }
  /// One that is gone for good. Whoever made it keeps it, as at Add.
  void Remove(std::string_view host_id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = hosts_.find(host_id); found != hosts_.end()) hosts_.erase(found);
  }
  /// Null for a host that is not known (yet).
  Host* Find(std::string_view host_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(host_id);
    return found == hosts_.end() ? nullptr : found->second.get();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Host>, std::less<>> hosts_;
};

}  // namespace strongroom::cloudhsm
