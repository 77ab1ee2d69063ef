#include <errno.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "hsm_host/host_directory.h"
#include "hsm_host/supervisor_impl.h"
#include "wire/status.h"

namespace strongroom::hsm_host {
namespace {

Error NoSuchHsm() { return Error(Errc::kNotFound, "This host has no such HSM."); }

}  // namespace

Supervisor::House* Supervisor::Find(const std::string& hsm_id) {
  const auto found = houses_.find(hsm_id);
  return found == houses_.end() ? nullptr : found->second.get();
}

Status Supervisor::Save() const {
  HsmList list;
  for (const auto& [id, house] : houses_) list.emplace(id, house->entry);
  return SaveHsmList(HostDirectory{options_.data}.hsm_list(), list);
}

void Supervisor::OnRelayMessage(proto::HostMessage message) {
  if (message.has_ready()) {
    relay_ready_ = true;
    if (!was_ready_ && options_.ready_fd >= 0) {
      [[maybe_unused]] const ssize_t written = ::write(options_.ready_fd, "ready\n", 6);
    }
    was_ready_ = true;
    front_ends_seen_.assign(1, '\n');  // a new relay knows none
    WatchFrontEnds();
    for (auto& [id, house] : houses_) StartIfWanted(*house);
    return;
  }
  if (message.body_case() != proto::HostMessage::kControl) return;
  proto::Control question;
  const std::uint64_t id = message.id();
  // The reply may come after that relay has gone.
  const Reply reply = [this, id, relay = std::weak_ptr<PacketLink>(relay_)](Result<proto::Control> outcome) {
    const auto line = relay.lock();
    if (!line) return;
    proto::Control answer;
    if (outcome.ok())
      answer = std::move(*outcome);
    else {
      LogError("a request to this host", outcome.error());
      answer.set_status(wire::StatusOf(outcome.error().code()));
      answer.set_error(outcome.error().public_message());
    }
    answer.set_answer(true);
    proto::HostMessage reply_message;
    reply_message.set_id(id);
    reply_message.set_control(answer.SerializeAsString());
    const Status sent = line->Send(reply_message);
    if (!sent.ok()) LogError("answering the relay", sent.error());
  };
  if (!question.ParseFromString(message.control()))
    return reply(Error(Errc::kSerialization, "The question to the host is not readable."));
  if (stopping_) return reply(Error(Errc::kUnavailable, "The HSM host is stopping."));
  Answer(std::move(question), reply);
}

void Supervisor::Answer(proto::Control question, const Reply& reply) {
  proto::Control answer;
  switch (question.body_case()) {
    case proto::Control::kHostHello: {
      auto& hello = *answer.mutable_host_hello();
      hello.set_host_id(host_id_);
      hello.set_version(STRONGROOM_VERSION);
      for (const auto& [id, house] : houses_) Describe(hello.add_hsms(), *house);
      return reply(std::move(answer));
    }
    case proto::Control::kListHsms:
      answer.mutable_list_hsms();
      for (const auto& [id, house] : houses_) Describe(answer.mutable_list_hsms()->add_hsms(), *house);
      return reply(std::move(answer));
    case proto::Control::kStartHsm: return AnswerStart(question.start_hsm(), reply);
    case proto::Control::kStopHsm: return AnswerStop(question.stop_hsm().hsm_id(), reply);
    case proto::Control::kDestroyHsm: return AnswerDestroy(question.destroy_hsm().hsm_id(), reply);
    case proto::Control::kSetClientTrust: return AnswerTrust(question.set_client_trust(), reply);
    case proto::Control::kAllowFrontEnd: return AnswerAllow(question.allow_front_end(), reply);
    case proto::Control::kRemoveFrontEnd: return AnswerRemove(question.remove_front_end(), reply);
    default: return reply(Error(Errc::kUnsupported, "A host does not answer that; name the HSM it is for."));
  }
}

void Supervisor::Describe(proto::RunningHsm* to, const House& house) const {
  to->set_hsm_id(house.entry.hsm_id);
  to->set_cluster_id(house.entry.cluster_id);
  to->set_address(house.entry.address);
  to->set_pid(house.pid);
  to->set_restarts(house.restarts);
}

void Supervisor::AnswerStart(const proto::StartHsm& question, const Reply& reply) {
  HsmEntry entry{question.hsm_id(), question.cluster_id(), question.address(), question.zone(), {}, true};
  if (const Status checked = Check(entry); !checked.ok()) return reply(checked.error());
  proto::Control answer;
  *answer.mutable_start_hsm() = question;
  House* house = Find(entry.hsm_id);
  if (house != nullptr) {
    if (house->entry.address != entry.address || house->entry.cluster_id != entry.cluster_id)
      return reply(Error(Errc::kAlreadyExists, "That HSM exists with another address or cluster."));
    const bool was_wanted = std::exchange(house->entry.wanted, true);
    if (!was_wanted) {
      if (const Status saved = Save(); !saved.ok()) {
        house->entry.wanted = false;
        return reply(saved.error());
      }
      house->pause = std::chrono::milliseconds(0);
    }
    // A process that is being stopped ends first and is then wanted again.
    StartIfWanted(*house);
    return reply(std::move(answer));
  }
  if (houses_.size() >= kMaxHsms) return reply(Error(Errc::kLimitExceeded, "This host houses as many HSMs as it may."));
  for (const auto& [id, other] : houses_)
    if (other->entry.address == entry.address)
      return reply(Error(Errc::kAlreadyExists, "Another HSM has that address."));
  auto made = std::make_unique<House>(loop_);
  made->entry = entry;
  house = houses_.emplace(entry.hsm_id, std::move(made)).first->second.get();
  Status started = Save();
  if (started.ok()) started = StartHsm(*house);
  if (!started.ok()) {
    houses_.erase(entry.hsm_id);
    if (const Status undone = Save(); !undone.ok()) LogError("forgetting an HSM that did not start", undone.error());
    return reply(started.error());
  }
  reply(std::move(answer));
}

void Supervisor::AnswerStop(const std::string& hsm_id, const Reply& reply) {
  House* house = Find(hsm_id);
  if (house == nullptr) return reply(NoSuchHsm());
  const bool was_wanted = std::exchange(house->entry.wanted, false);
  if (was_wanted) {
    if (const Status saved = Save(); !saved.ok()) {
      house->entry.wanted = true;
      return reply(saved.error());
    }
  }
  proto::Control answer;
  answer.mutable_stop_hsm()->set_hsm_id(hsm_id);
  if (house->pid == 0) {
    house->restart.cancel();
    house->pausing = false;
    proto::HostMessage down;
    down.mutable_hsm_down()->set_hsm_id(hsm_id);
    down.mutable_hsm_down()->set_for_good(true);
    Tell(down);
    return reply(std::move(answer));
  }
  house->when_ended.push_back([reply, answer] { reply(answer); });
  EndHsm(*house);
}

void Supervisor::AnswerDestroy(const std::string& hsm_id, const Reply& reply) {
  if (!IsPlainId(hsm_id)) return reply(Error(Errc::kInvalidArgument, "hsm_id is not a well-formed id."));
  proto::Control answer;
  answer.mutable_destroy_hsm()->set_hsm_id(hsm_id);
  if (Find(hsm_id) == nullptr) {
    // Asked again: nothing of it may be left.
    const Status removed = RemoveHsmState(launcher_, hsm_id);
    return removed.ok() ? reply(std::move(answer)) : reply(removed.error());
  }
  AnswerStop(hsm_id, [this, hsm_id, reply, answer](Result<proto::Control> stopped) {
    if (!stopped.ok()) return reply(std::move(stopped));
    Status removed = RemoveHsmState(launcher_, hsm_id);
    if (!removed.ok()) return reply(removed.error());
    // Not here: the caller may be the house itself.
    boost::asio::post(loop_, [this, hsm_id, reply, answer] {
      const House* house = Find(hsm_id);
      if (house != nullptr && house->pid == 0 && !house->entry.wanted) houses_.erase(hsm_id);
      const Status saved = Save();
      if (!saved.ok()) return reply(saved.error());
      reply(answer);
    });
  });
}

void Supervisor::AnswerTrust(const proto::SetClientTrust& question, const Reply& reply) {
  House* house = Find(question.hsm_id());
  if (house == nullptr) return reply(NoSuchHsm());
  HsmEntry changed = house->entry;
  changed.trust_anchor = ToBytes(AsBytes(question.trust_anchor()));
  if (const Status checked = Check(changed); !checked.ok()) return reply(checked.error());
  std::swap(house->entry, changed);
  if (const Status saved = Save(); !saved.ok()) {
    std::swap(house->entry, changed);
    return reply(saved.error());
  }
  proto::HostMessage message;
  message.mutable_hsm_trust()->set_hsm_id(question.hsm_id());
  message.mutable_hsm_trust()->set_trust_anchor(question.trust_anchor());
  Tell(message);
  proto::Control answer;
  *answer.mutable_set_client_trust() = question;
  reply(std::move(answer));
}

// Who asks may do all that another front end could do here, so it may bring another in.
void Supervisor::AnswerAllow(const proto::AllowFrontEnd& question, const Reply& reply) {
  const auto certificate = crypto::Certificate::FromDer(AsBytes(question.certificate()));
  if (!certificate.ok()) return reply(Error(Errc::kInvalidArgument, "certificate is not a certificate."));
  auto known = LoadFrontEnds(options_.data);
  if (!known.ok()) return reply(std::move(known).error());
  if (std::find(known->begin(), known->end(), *certificate) == known->end()) {
    if (known->size() >= kMaxFrontEnds)
      return reply(Error(Errc::kLimitExceeded, "This host has as many front ends as it may."));
    const Status kept = AllowFrontEnd(options_.data, question.name(), *certificate);
    if (!kept.ok()) return reply(kept.error());
    log::Info("Front end {} may connect from now on.", question.name());
  }
  TellFrontEnds();
  proto::Control answer;
  *answer.mutable_allow_front_end() = question;
  reply(std::move(answer));
}

void Supervisor::AnswerRemove(const proto::RemoveFrontEnd& question, const Reply& reply) {
  const auto certificate = crypto::Certificate::FromDer(AsBytes(question.certificate()));
  if (!certificate.ok()) return reply(Error(Errc::kInvalidArgument, "certificate is not a certificate."));
  const auto removed = RemoveFrontEnd(options_.data, *certificate);
  if (!removed.ok()) return reply(removed.error());
  if (*removed) log::Info("A front end that is gone for good may connect no more.");
  TellFrontEnds();
  proto::Control answer;
  *answer.mutable_remove_front_end() = question;
  reply(std::move(answer));
}

}  // namespace strongroom::hsm_host
