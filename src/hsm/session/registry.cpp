#include "hsm/session/registry.h"

#include "hsm/session/session.h"

namespace strongroom::hsm {

std::vector<Session*> SessionRegistry::Of(std::uint32_t user_id) const {
  std::vector<Session*> found;
  for (Session* session : sessions_)
    if (session->login() && session->login()->user_id == user_id) found.push_back(session);
  return found;
}

// What these do may end sessions, so they go over copies that keep each one alive.
void SessionRegistry::Revalidate() {
  for (Session* session : Copy())
    if (sessions_.contains(session)) session->Revalidate();
}

void SessionRegistry::PushMembership() {
  for (Session* session : Copy())
    if (sessions_.contains(session)) session->SendMembership();
}

void SessionRegistry::CloseAll(const Error& why) {
  for (Session* session : Copy())
    if (sessions_.contains(session)) session->Close(why);
}

}  // namespace strongroom::hsm
