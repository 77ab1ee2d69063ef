#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "base/error.h"

namespace strongroom::hsm {

class Session;

/// The sessions of this HSM. Sessions enter and leave by themselves.
/// Threads   the loop of the HSM.
class SessionRegistry {
 public:
  void Add(Session& session) { sessions_.insert(&session); }
  void Remove(Session& session) { sessions_.erase(&session); }
  std::size_t size() const noexcept { return sessions_.size(); }
  std::uint32_t NextHandle() noexcept { return next_handle_++; }

  /// Sessions logged in as this user.
  std::vector<Session*> Of(std::uint32_t user_id) const;
  /// Ends the logins of users and the connections of front ends that are gone, and looks at all that is left.
  void Revalidate();
  /// Tells every client the member list.
  void PushMembership();
  /// This HSM serves no more.
  void CloseAll(const Error& why);

 private:
  std::vector<Session*> Copy() const { return {sessions_.begin(), sessions_.end()}; }

  std::unordered_set<Session*> sessions_;
  std::uint32_t next_handle_ = 0x1004001;  // as the audit log of the original begins
};

}  // namespace strongroom::hsm
