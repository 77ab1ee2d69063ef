#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/ids.h"
#include "base/log.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "cli/join_file.h"
#include "cli/recovery_options.h"
#include "cloudhsm/machines/rows.h"
#include "crypto/random.h"
#include "recovery/recovery_key.h"
#include "terminal/terminal.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;

struct InviteOptions {
  std::string data, file;
};

Status RequireRunning(store::Database& database, const DataDirectory& data) {
  SR_TRY(const std::string host_id, data.HostId());
  SR_TRY(const auto self, database.Read([&](store::Transaction& t) { return cloudhsm::LoadMachine(t, host_id); }));
  if (self && !self->approval.empty()) return {};
  return Error(Errc::kInvalidState, "This machine is not one of the deployment's yet: start `strongroom serve --data " +
                                        data.root().string() + "` and leave it running.");
}

Result<JoinPackage> Pack(const DataDirectory& data, const Settings& settings) {
  JoinPackage package;
  proto::JoinFile& facts = package.facts;
  facts.set_account_id(settings.account_id);
  facts.set_region(settings.region);
  facts.set_postgresql(settings.store);
  SR_TRY(const crypto::PublicKey recovery_key, data.RecoveryKey(settings));
  facts.set_recovery_public_key(std::string(AsText(recovery_key.ToSpki())));
  SR_TRY(*facts.mutable_https_ca(), ReadFile(data.tls() / "ca.crt"));
  SR_TRY(*facts.mutable_outer_certificate(), ReadFile(data.host() / "outer.crt"));
  SR_TRY(*facts.mutable_next_outer_certificate(), ReadFile(data.host() / "outer-next.crt"));
  SR_TRY(*facts.mutable_client_certificate(), ReadFile(data.host() / "client.crt"));
  SR_TRY(*facts.mutable_front_end_certificate(), ReadFile(data.service() / "front-end.crt"));
  SR_TRY(package.https_ca_key, Terminal::ReadKeyFile(data.tls() / "ca.key"));
  SR_TRY(package.outer_key, Terminal::ReadKeyFile(data.host() / "outer.key"));
  SR_TRY(package.next_outer_key, Terminal::ReadKeyFile(data.host() / "outer-next.key"));
  SR_TRY(package.client_key, Terminal::ReadKeyFile(data.host() / "client.key"));
  return package;
}

Status RunInvite(const InviteOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  if (settings.store.empty())
    return Error(
        Errc::kUnsupported,
        "The store of this deployment is SQLite on this machine, which no other machine can work with. Several "
        "machines need one on PostgreSQL: `strongroom init --postgresql`, or `strongroom restore --postgresql`.");
  if (fs::exists(options.file))
    return Error(Errc::kAlreadyExists, options.file + " exists already and is not replaced.");
  log::OnlyFrom(log::Level::kWarn);
  SR_CHECK(HardenForSecrets());
  SR_TRY(const auto database, OpenOwnStore(data, settings));
  SR_CHECK(RequireRunning(*database, data));
  SR_TRY(JoinPackage package, Pack(data, settings));
  const std::string id = NewUuid();
  SR_TRY(package.invitation, crypto::RandomSecret(32));
  // Here strongroomd finds what it checks the other machine's word against.
  const fs::path invitations = data.service() / "invitations";
  SR_CHECK(MakeDirectory(invitations, 0700, ::geteuid() == 0 ? kServiceUser : ::geteuid()));
  SR_CHECK(Terminal::WriteKeyFile(invitations / id, package.invitation));
  SR_CHECK(GiveTo(invitations / id, kServiceUser));
  const Bytes hash = cloudhsm::InvitationHash(package.invitation);
  SR_TRY(const std::int64_t expires_at,
         database->Transact([&](store::Transaction& t) { return cloudhsm::InsertInvitation(t, id, hash); }));
  package.facts.set_invitation_id(id);
  package.facts.set_expires_at(expires_at);
  SR_CHECK(WriteJoinFile(options.file, std::move(package)));
  std::printf(
      "%s is good for one machine and for one hour, while Strongroom runs here. It holds private keys: take it there "
      "over a "
      "way that nobody listens on, run `strongroom join %s --data DIR` and remove it from both machines.\n",
      options.file.c_str(), fs::path(options.file).filename().c_str());
  return {};
}

std::function<Status()> DeclareInvite(CLI::App& app) {
  auto options = std::make_shared<InviteOptions>();
  app.add_option("FILE", options->file, "The file to write; one that is there is not replaced")->required();
  app.add_option("--data", options->data, "The data directory of a machine that is part of the deployment")->required();
  app.footer("The other machine is let in by this one's Strongroom, which has to be running then.");
  return [options] { return RunInvite(*options); };
}

}  // namespace

const Command op::invite = {"invite", "Write the file with which another machine joins this deployment",
                            &DeclareInvite};

}  // namespace strongroom::cli
