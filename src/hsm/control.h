#pragma once

#include <chrono>
#include <memory>

#include "control/link.h"
#include "hsm/replica/replica.h"

namespace strongroom::hsm {

/// The HSM's end of the control link: answers the control plane's questions with the replica, tells it of changes, and
/// is the replica's way to the store.
///
/// Threads   one loop.
/// Lifetime  made before the replica (which needs the store) and bound to it with Serve; outlives it.
class Control final : public replica::StoreLink {
 public:
  struct Options {
    std::chrono::milliseconds log_deadline{5'000};        // LogAppend, LogRead
    std::chrono::milliseconds snapshot_deadline{60'000};  // SnapshotPut, SnapshotGet
  };
  Control(std::shared_ptr<control::Link> link, std::string hsm_id, Options options);
  Control(std::shared_ptr<control::Link> link, std::string hsm_id)
      : Control(std::move(link), std::move(hsm_id), Options()) {}
  ~Control() override;

  /// Begins to read the link and to answer from `replica`, which must live as long as this object is used.
  /// `on_closed` is told when the link has ended: the host is gone, and so must this process.
  void Serve(replica::Replica& replica, std::function<void(const Error&)> on_closed);
  /// Sends StatusChanged; for the replica's callbacks on lifecycle and membership. Also after Serve, once.
  void TellStatus();
  /// From now on no question is answered; for before the replica is destroyed.
  void Detach();

  Task<replica::Offer> Append(std::string cluster_id, std::uint64_t number, Bytes prev_hash, Bytes record) override;
  Task<Result<replica::Rows>> Read(std::string cluster_id, std::uint64_t from) override;
  Task<Result<replica::Rows>> ReadForked(std::string cluster_id, std::uint64_t from) override;
  Task<replica::Offer> GiveBack(std::string cluster_id, std::uint64_t number, Bytes prev_hash, Bytes record) override;
  Task<Status> SetAside(std::string cluster_id, std::uint64_t from, Bytes row_hash) override;
  Task<Status> PutSnapshot(std::string cluster_id, std::uint64_t number, std::string backup_id, std::string kind,
                           Bytes data) override;
  Task<Result<replica::StoredSnapshot>> GetSnapshot(std::string cluster_id) override;
  Task<Result<replica::SourceBackup>> GetBackup(std::string cluster_id, std::string backup_id) override;
  Task<Result<std::vector<proto::BackupWrapped>>> ReleaseKeys(std::string cluster_id, Bytes device_certificate,
                                                              std::vector<proto::BackupWrapped> wrapped) override;

 private:
  Task<Result<proto::Control>> Answer(proto::Control question);
  Task<Status> Obey(proto::Control& question, proto::Control& answer);
  Task<replica::Offer> Offered(proto::LogAppend append);
  Task<Result<replica::Rows>> Rows(proto::LogRead read);

  std::shared_ptr<control::Link> link_;
  std::string hsm_id_;
  Options options_;
  replica::Replica* replica_ = nullptr;
};

}  // namespace strongroom::hsm
