#include "cloudhsm/machines/rows.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "crypto/hash.h"

namespace strongroom::cloudhsm {
namespace {

constexpr std::string_view kColumns =
    "host_id, address, port, network, control_certificate, front_end_certificate, invitation_id, proof, approval";
constexpr std::string_view kAlsoRead = ", seen_at, removed_at, withdrawn";
constexpr std::string_view kFeedKind = "machine";
constexpr std::size_t kMaxPemBytes = 8192;

MachineRow Read(const store::Row& row) {
  return {.host_id = row.Text(0),
          .address = row.Text(1),
          .port = row.Int(2),
          .network = row.Text(3),
          .control_certificate = row.Text(4),
          .front_end_certificate = row.Text(5),
          .invitation_id = row.Text(6),
          .proof = row.Blob(7),
          .approval = row.Blob(8),
          .seen_at = row.Int(9),
          .removed = !row.IsNull(10),
          .withdrawn = row.Int(11) != 0};
}

void AppendCounted(Bytes& to, std::string_view text) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(text.size() >> shift));
  Append(to, AsBytes(text));
}

bool IsHostId(const std::string& text) {
  return !text.empty() && text.size() <= 64 && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Error Bad(std::string_view member) {
  return Error(Errc::kInvalidArgument, "A machine's " + std::string(member) + " is not well-formed.");
}

Error NotInvited(std::string_view why) {
  return Error(Errc::kUntrusted, "The invitation " + std::string(why) + ". Make a new one with `strongroom invite`.");
}

Status TellOthers(store::Transaction& t, const MachineRow& row) { return t.Change(kFeedKind, "-", "-", row.host_id); }

}  // namespace

crypto::Sha256Digest FactsOf(const MachineRow& row) {
  Bytes facts = ToBytes(AsBytes("SRM"));
  facts.push_back(1);
  for (const std::string* text : {&row.host_id, &row.address, &row.network, &row.control_certificate,
                                  &row.front_end_certificate, &row.invitation_id})
    AppendCounted(facts, *text);
  AppendCounted(facts, std::to_string(row.port));
  return crypto::Sha256(facts);
}

Bytes ProofOf(const MachineRow& row, const SecretBuffer& invitation) {
  const crypto::Sha256Digest facts = FactsOf(row);
  return ToBytes(crypto::HmacSha256(invitation, {AsBytes("strongroom machine"), facts}));
}

Status Check(const MachineRow& row) {
  if (!IsHostId(row.host_id)) return Bad("id");
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(row.address, failed);
  if (failed || address.is_unspecified() || address.is_multicast()) return Bad("address");
  if (row.port < 1 || row.port > 65535) return Bad("port");
  boost::asio::ip::make_address_v4(row.network + ".1", failed);
  if (failed) return Bad("network");
  if (!crypto::Certificate::FromPem(row.control_certificate, kMaxPemBytes).ok()) return Bad("control certificate");
  if (!crypto::Certificate::FromPem(row.front_end_certificate, kMaxPemBytes).ok()) return Bad("front-end certificate");
  return {};
}

Bytes InvitationHash(const SecretBuffer& invitation) {
  return ToBytes(crypto::HmacSha256(invitation, {AsBytes("strongroom invitation")}));
}

Result<std::int64_t> InsertInvitation(store::Transaction& t, std::string_view invitation_id, ByteView secret_hash) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  // Old ones say nothing any more.
  SR_CHECK(t.Execute("DELETE FROM invitations WHERE expires_at < $1", {now - 24 * kInvitationLife.count()}));
  const std::int64_t expires_at = now + kInvitationLife.count();
  SR_CHECK(t.Execute("INSERT INTO invitations (invitation_id, secret_hash, expires_at) VALUES ($1, $2, $3)",
                     {store::Text(invitation_id), store::Blob(secret_hash), expires_at}));
  return expires_at;
}

Status CheckInvitation(store::Transaction& t, std::string_view invitation_id, ByteView secret_hash) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const auto row, t.QueryOne("SELECT secret_hash, expires_at, used_by FROM invitations WHERE invitation_id = $1",
                                    {store::Text(invitation_id)}));
  if (!row) return NotInvited("is not known to this store");
  if (!crypto::ConstantTimeEqual(row->Blob(0), secret_hash)) return NotInvited("is not the one that was made");
  if (!row->IsNull(2)) return NotInvited("was used already");
  if (row->Int(1) <= now) return NotInvited("has expired");
  return {};
}

Result<std::vector<MachineRow>> LoadMachines(store::Transaction& t) {
  SR_TRY(const store::Rows rows, t.Query("SELECT " + std::string(kColumns) + std::string(kAlsoRead) +
                                         " FROM machines ORDER BY joined_at, host_id"));
  std::vector<MachineRow> machines;
  for (const store::Row& row : rows) machines.push_back(Read(row));
  return machines;
}

Result<std::optional<MachineRow>> LoadMachine(store::Transaction& t, std::string_view host_id) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT " + std::string(kColumns) + std::string(kAlsoRead) + " FROM machines WHERE host_id = $1",
                    {store::Text(host_id)}));
  if (!row) return std::optional<MachineRow>();
  return std::optional<MachineRow>(Read(*row));
}

Result<Standing> StandingOf(store::Transaction& t, std::string_view host_id) {
  SR_TRY(const auto row, LoadMachine(t, host_id));
  if (row) {
    if (row->removed) return Standing::kRemoved;
    return row->approval.empty() ? Standing::kWaiting : Standing::kMember;
  }
  SR_TRY(const auto other, t.QueryOne("SELECT 1 FROM machines"));
  return other ? Standing::kUnknown : Standing::kFirst;
}

Status JoinMachine(store::Transaction& t, const MachineRow& row, ByteView secret_hash) {
  SR_CHECK(Check(row));
  SR_CHECK(CheckInvitation(t, row.invitation_id, secret_hash));
  SR_TRY(const auto other,
         t.QueryOne("SELECT host_id FROM machines WHERE host_id = $1 OR (removed_at IS NULL AND (network = $2 OR "
                    "(address = $3 AND port = $4)))",
                    {store::Text(row.host_id), store::Text(row.network), store::Text(row.address), row.port}));
  if (other)
    return Error(Errc::kAlreadyExists, "Machine " + other->Text(0) + " has that network, address or id already.");
  SR_CHECK(t.Execute("UPDATE invitations SET used_by = $2 WHERE invitation_id = $1",
                     {store::Text(row.invitation_id), store::Text(row.host_id)}));
  MachineRow fresh = row;
  fresh.approval.clear();
  return PutMachine(t, fresh);
}

Status PutMachine(store::Transaction& t, const MachineRow& row) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  const auto bytes_or_null = [](const Bytes& bytes) {
    return bytes.empty() ? store::Value(nullptr) : store::Value(bytes);
  };
  SR_CHECK(t.Execute("INSERT INTO machines (" + std::string(kColumns) +
                         ", joined_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (host_id) DO "
                         "UPDATE SET address = $2, "
                         "port = $3, network = $4, control_certificate = $5, front_end_certificate = $6, invitation_id "
                         "= $7, proof = $8, "
                         "approval = $9",
                     {store::Text(row.host_id), store::Text(row.address), row.port, store::Text(row.network),
                      store::Text(row.control_certificate), store::Text(row.front_end_certificate),
                      row.invitation_id.empty() ? store::Value(nullptr) : store::Text(row.invitation_id),
                      bytes_or_null(row.proof), bytes_or_null(row.approval), now}));
  return TellOthers(t, row);
}

Result<bool> ApproveMachine(store::Transaction& t, const MachineRow& row) {
  SR_TRY(const auto current, LoadMachine(t, row.host_id));
  if (!current || FactsOf(*current) != FactsOf(row)) return false;
  SR_CHECK(t.Execute("UPDATE machines SET approval = $2 WHERE host_id = $1",
                     {store::Text(row.host_id), store::Blob(row.approval)}));
  SR_CHECK(TellOthers(t, row));
  return true;
}

Status NoteSeen(store::Transaction& t, const std::vector<std::string>& host_ids) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  for (const std::string& host_id : host_ids)
    SR_CHECK(t.Execute("UPDATE machines SET seen_at = $2 WHERE host_id = $1", {store::Text(host_id), now}));
  return {};
}

Result<bool> NoteWithdrawn(store::Transaction& t, std::string_view host_id) {
  SR_TRY(const auto changed,
         t.Execute("UPDATE machines SET withdrawn = 1 WHERE host_id = $1 AND withdrawn = 0", {store::Text(host_id)}));
  return changed > 0;
}

}  // namespace strongroom::cloudhsm
