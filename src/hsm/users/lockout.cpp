#include "hsm/users/lockout.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {

std::uint32_t Lockout::Failures(const replica::User& user) const {
  const auto count = counts_.find(user.info.id());
  return user.info.login_failures() + (count == counts_.end() ? 0 : count->second.unwritten);
}

bool Lockout::Locked(const replica::User& user) const {
  return user.info.locked() || (user.info.type() != proto::AU && Failures(user) >= replica::kFailuresThatLock);
}

Task<void> Lockout::CountFailure(std::uint32_t user_id) {
  ++counts_[user_id].unwritten;
  if (counts_[user_id].writing) co_return;  // who writes takes this one along
  counts_[user_id].writing = true;
  for (;;) {
    const std::uint32_t taken = counts_[user_id].unwritten;
    if (taken == 0) break;
    replica::Decide decide = [user_id, taken](const replica::State& state) -> Result<replica::Proposal> {
      const replica::User* user = state.FindUser(user_id);
      if (user == nullptr || user->info.locked()) return Error(Errc::kInvalidState, "There is nothing to count.");
      replica::Proposal proposal;
      auto* failures = proposal.changes.emplace_back().mutable_login_failures();
      failures->set_user_id(user_id);
      failures->set_failures(std::min(user->info.login_failures() + taken, replica::kFailuresThatLock));
      return proposal;
    };
    auto written = co_await replica_.Change(nullptr, wire::Command::kLogin, std::move(decide));
    if (!written && written.error().code() != Errc::kInvalidState) {
      LogError("writing a login failure", written.error());  // stays counted here
      break;
    }
    Count& count = counts_[user_id];
    count.unwritten -= std::min(taken, count.unwritten);
  }
  Count& count = counts_[user_id];
  count.writing = false;
  if (count.unwritten == 0) counts_.erase(user_id);
}

Task<void> Lockout::Reset(std::uint32_t user_id) {
  if (const auto count = counts_.find(user_id); count != counts_.end()) count->second.unwritten = 0;
  const replica::User* user = replica_.state().FindUser(user_id);
  if (user == nullptr || user->info.login_failures() == 0) co_return;
  replica::Decide decide = [user_id](const replica::State& state) -> Result<replica::Proposal> {
    const replica::User* found = state.FindUser(user_id);
    if (found == nullptr || found->info.locked()) return Error(Errc::kInvalidState, "There is nothing to reset.");
    replica::Proposal proposal;
    proposal.changes.emplace_back().mutable_login_failures()->set_user_id(user_id);
    return proposal;
  };
  auto written = co_await replica_.Change(nullptr, wire::Command::kLogin, std::move(decide));
  if (!written && written.error().code() != Errc::kInvalidState) LogError("resetting login failures", written.error());
}

}  // namespace strongroom::hsm
