#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/certificate.h"
#include "secret/secret_buffer.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// How long an invitation of another machine is good for.
inline constexpr std::chrono::milliseconds kInvitationLife{std::chrono::hours(1)};

/// One row of `machines`: a machine with a front end and a host of HSMs. Certificates are PEM.
struct MachineRow {
  std::string host_id;
  std::string address;  // of its host's control link
  std::int64_t port = 2224;
  std::string network;  // "127.81.4": its HSMs have addresses in it
  std::string control_certificate, front_end_certificate;
  std::string invitation_id;  // empty for the first machine
  Bytes proof;                // made by the machine itself, with the invitation's secret
  Bytes approval;             // by a front end of the deployment; empty while there is none

  // Read only; the functions below that say so write them.
  std::int64_t seen_at = 0;  // when its front end said that it runs, or its host answered another; 0: never
  bool removed = false;      // it is gone for good (removal.h)
  bool withdrawn = false;    // and the domain cluster's log says so
};

/// SHA-256 over everything that proof and approval cover (docs/formats.md 12).
crypto::Sha256Digest FactsOf(const MachineRow& row);
/// HMAC-SHA-256 of the facts under an invitation's secret.
Bytes ProofOf(const MachineRow& row, const SecretBuffer& invitation);
/// Whether the facts make sense: ids, an IP address, a network, certificates.
/// Errors: kInvalidArgument, naming the member.
Status Check(const MachineRow& row);

/// What a store keeps of an invitation's secret.
Bytes InvitationHash(const SecretBuffer& invitation);
/// Keeps a new invitation; returns when it expires, by the store's clock.
Result<std::int64_t> InsertInvitation(store::Transaction& t, std::string_view invitation_id, ByteView secret_hash);
/// Errors: kUntrusted for one that is unknown, was used, has expired, or has another secret; the text says which.
Status CheckInvitation(store::Transaction& t, std::string_view invitation_id, ByteView secret_hash);

Result<std::vector<MachineRow>> LoadMachines(store::Transaction& t);
Result<std::optional<MachineRow>> LoadMachine(store::Transaction& t, std::string_view host_id);
/// What a machine is to the deployment in this store.
enum class Standing : std::uint8_t {
  kFirst,    // no machine is known yet: it enters itself
  kWaiting,  // it has joined, and nobody has let it in yet
  kMember,
  kRemoved,
  kUnknown,  // others are known and this one is not: it was removed before it was let in, or was never of it
};
Result<Standing> StandingOf(store::Transaction& t, std::string_view host_id);
/// Adds a machine and uses its invitation up. Errors: those of CheckInvitation; kAlreadyExists when the machine is
/// there already or was, or one that is not gone has its network or address.
Status JoinMachine(store::Transaction& t, const MachineRow& row, ByteView secret_hash);
/// Writes a machine's own row with its approval, new or changed; a removed one stays removed.
Status PutMachine(store::Transaction& t, const MachineRow& row);
/// Notes the approval, unless the row has changed meanwhile; whether it has been noted.
Result<bool> ApproveMachine(store::Transaction& t, const MachineRow& row);
/// These are there now.
Status NoteSeen(store::Transaction& t, const std::vector<std::string>& host_ids);
/// The domain cluster's log says that the machine is gone. False when that was noted before.
Result<bool> NoteWithdrawn(store::Transaction& t, std::string_view host_id);

}  // namespace strongroom::cloudhsm
