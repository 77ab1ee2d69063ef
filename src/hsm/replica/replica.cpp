#include "hsm/replica/replica.h"

#include "hsm/replica/core.h"

namespace strongroom::hsm::replica {

Result<std::unique_ptr<Replica>> Replica::Open(Loop& loop, StoreLink& store, ReplicaOptions options) {
  SR_TRY(std::optional<proto::Zeroize> zeroized, LoadZeroized(options.directory));
  SR_TRY(Device device, Device::Open(options.directory, options.hsm_id, options.root_key));
  SR_TRY(LocalLog log, LocalLog::Open(options.directory));
  auto core = std::make_shared<Core>(loop, store, std::move(options), std::move(device), std::move(log));
  SR_CHECK(core->Replay());
  if (zeroized) core->ComeBackZeroized(std::move(*zeroized));
  return std::unique_ptr<Replica>(new Replica(std::move(core)));
}

Replica::Replica(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Replica::~Replica() { core_->Drop(); }

void Replica::Start() { core_->Start(); }
const State& Replica::state() const noexcept { return core_->state(); }
const Device& Replica::device() const noexcept { return core_->device(); }
std::uint64_t Replica::head() const noexcept { return core_->head().number; }
bool Replica::changes_possible() const noexcept { return core_->changes_possible(); }
bool Replica::serving() const noexcept { return core_->serving(); }

std::vector<proto::Member> Replica::Members() const {
  std::vector<proto::Member> members;
  for (const auto& [hsm_id, entry] : core_->state().members()) members.push_back(entry.member);
  return members;
}

Task<Result<Bytes>> Replica::Change(const wire::ClientId* client, wire::Command command, Decide decide) {
  std::optional<wire::ClientId> id;
  if (client != nullptr) id = *client;
  return core_->Change(id, static_cast<std::uint32_t>(command), std::move(decide));
}

Task<Status> Replica::CatchUp(Reason reason) { return core_->CatchUp(reason); }
const Bytes& Replica::Position() const { return core_->position(); }
Task<Status> Replica::WaitFor(Bytes position) { return core_->WaitFor(std::move(position)); }
bool Replica::HasReached(ByteView position) const {
  const Bytes& mine = core_->position();
  return position.empty() || std::equal(position.begin(), position.end(), mine.begin(), mine.end());
}

Task<Result<Bytes>> Replica::DeviceRequest() { return core_->DeviceRequest(); }
Task<Status> Replica::InstallDevice(proto::InstallDevice request) { return core_->InstallDevice(std::move(request)); }
Task<Status> Replica::CreateCluster(proto::CreateCluster request) { return core_->CreateCluster(std::move(request)); }
Task<Status> Replica::InstallClusterCertificate(proto::InstallClusterCertificate request) {
  return core_->InstallClusterCertificate(std::move(request));
}
Task<Status> Replica::AdmitMember(proto::AdmitMember request) { return core_->AdmitMember(std::move(request)); }
Task<Status> Replica::JoinCluster(proto::JoinCluster request) { return core_->JoinCluster(std::move(request)); }
Task<Status> Replica::RemoveMember(std::string hsm_id) { return core_->RemoveMember(std::move(hsm_id)); }
Task<Status> Replica::RestoreCluster(proto::RestoreCluster request) {
  return core_->RestoreCluster(std::move(request));
}
Task<Status> Replica::ReplaceRecoveryKey(std::string public_key) {
  return core_->ReplaceRecoveryKey(std::move(public_key));
}
Task<Status> Replica::MakeSnapshot(std::string kind, std::string backup_id) {
  return core_->MakeSnapshot(std::move(kind), std::move(backup_id));
}
Task<Status> Replica::EnrollFrontEnd(proto::EnrollFrontEnd request) {
  return core_->EnrollFrontEnd(std::move(request));
}
Task<Status> Replica::RemoveFrontEnd(proto::RemoveFrontEnd request) {
  return core_->RemoveFrontEnd(std::move(request));
}
Task<Result<proto::Zeroize>> Replica::Zeroize() { return core_->Zeroize(); }
Task<Result<proto::ChooseLogReply>> Replica::ChooseLog(proto::ChooseLogRequest::Side side) {
  return core_->ChooseLog(side);
}
std::string Replica::LogProblem() const { return core_->LogProblem(); }
proto::HsmStatus Replica::HsmStatus() const { return core_->HsmStatus(); }
void Replica::OnLogNotice(const proto::LogNotice& notice) { core_->OnLogNotice(notice); }

}  // namespace strongroom::hsm::replica
