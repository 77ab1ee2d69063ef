#pragma once

#include <utility>

#include "hsm/session/engine.h"
#include "hsm/session/session.h"

namespace strongroom::hsm {

/// Errors of several commands, in one wording each.
inline Error NoSuchUser() { return Error(Errc::kUserNotFound, "There is no such user."); }
inline Error NoSuchKey() { return Error(Errc::kNotFound, "There is no such key."); }

/// The user of that name and type; null when there is none (a name with another type is another, unknown user).
inline const replica::User* FindUser(const replica::State& state, std::string_view name, proto::UserType type) {
  const replica::User* user = state.FindUser(name);
  return user != nullptr && user->info.type() == type ? user : nullptr;
}

/// A user as everyone may see it, with the failures that are not yet in the log.
inline proto::UserInfo Shown(const Engine& engine, const replica::User& user) {
  proto::UserInfo info = user.info;
  info.set_login_failures(engine.lockout.Failures(user));
  info.set_locked(engine.lockout.Locked(user));
  return info;
}

/// What an officer sees of a key: whose it is, not what it is for.
inline proto::KeyInfo OwnershipOnly(const proto::KeyInfo& key) {
  proto::KeyInfo shown;
  shown.set_handle(key.handle());
  shown.set_key_class(key.key_class());
  shown.set_type(key.type());
  shown.set_owner(key.owner());
  shown.set_token(key.token());
  *shown.mutable_shared_with() = key.shared_with();
  return shown;
}

}  // namespace strongroom::hsm
