#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "cli/client_package.h"
#include "cli/commands/all.h"
#include "cli/data/own_store.h"
#include "cli/recovery_options.h"
#include "cloudhsm/rows.h"
#include "hsm_host/host_directory.h"
#include "hsm_host/root_key.h"
#include "recovery/current_key.h"
#include "recovery/maintenance.h"
#include "recovery/recovery_key.h"

namespace strongroom::cli {
namespace {

struct RecoveryKeyOptions {
  std::string data;
  NewRecoveryKey fresh;
};

Result<cloudhsm::HsmRow> DomainHsm(store::Transaction& t, const std::string& host_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT cluster_id FROM clusters WHERE kind = 'domain'"));
  if (row) {
    SR_TRY(const auto cluster, cloudhsm::LoadClusterById(t, row->Text(0)));
    const std::vector<cloudhsm::HsmRow> hsms = cluster ? cluster->hsms : std::vector<cloudhsm::HsmRow>();
    for (const cloudhsm::HsmRow& hsm : hsms)
      if (hsm.host_id == host_id && hsm.state == cloudhsm::HsmState::kActive) return hsm;
  }
  return Error(Errc::kNotFound, "This machine has no HSM of the domain cluster; run this where there is one.");
}

Status Show(const RecoveryKeyOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  SR_TRY(const crypto::PublicKey key, data.RecoveryKey(settings));
  std::printf("%s\n", recovery::Fingerprint(key).c_str());
  return {};
}

Status Replace(const RecoveryKeyOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  SR_CHECK(options.fresh.Check(data));
  SR_CHECK(HardenForSecrets());
  SR_TRY(const int lock, data.Lock());
  SR_TRY(const std::string host_id, data.HostId());
  SR_TRY(const auto database, OpenOwnStore(data, settings));
  SR_TRY(const cloudhsm::HsmRow hsm, database->Read([&](store::Transaction& t) { return DomainHsm(t, host_id); }));
  // An HSM that cannot be started must be known before anything is noted.
  SR_CHECK(
      hsm_host::ReadHostRootKey(hsm_host::RootKeySource::kAutomatic, hsm_host::HostDirectory{data.host()}.root_key()));
  SR_TRY(const crypto::PublicKey key, options.fresh.Make(data));
  const recovery::MaintainedHsm maintained{data.host(), data.hsm(), ProgramDirectory() / "strongroom-hsm",
                                           host_id,     hsm.hsm_id, hsm.cluster_id,
                                           hsm.eni_ip,  hsm.zone};
  // The other machines hear of it by the store, and whoever is killed in between leaves word of it.
  SR_CHECK(database->Transact([&](store::Transaction& t) { return recovery::BeginReplacing(t, key); }));
  proto::Control question;
  question.mutable_replace_recovery_key()->set_public_key(std::string(AsText(key.ToSpki())));
  SR_TRY(const proto::Control answer,
         recovery::AskInMaintenance(maintained, *database, std::move(question), std::nullopt));
  SR_CHECK(database->Transact([&](store::Transaction& t) { return recovery::EndReplacing(t, key); }));
  SR_CHECK(WriteFileAtomically(data.recovery_public_key(), recovery::PublicPem(key), 0644));
  ::close(lock);
  std::printf(
      "The recovery key is now %s (epoch %llu). %s Backups taken before are restored with the key before; take a new "
      "one "
      "now.\n",
      recovery::Fingerprint(key).substr(0, 16).c_str(), static_cast<unsigned long long>(answer.hsm_status().epoch()),
      options.fresh.Where().c_str());
  return {};
}

std::function<Status()> DeclareRecoveryKey(CLI::App& app) {
  auto options = std::make_shared<RecoveryKeyOptions>();
  auto action = std::make_shared<Status (*)(const RecoveryKeyOptions&)>(&Show);
  app.require_subcommand(1);
  auto* show = app.add_subcommand("show", "Print the fingerprint of the key that restores backups taken now");
  show->add_option("--data", options->data, "The data directory")->required();
  show->callback([action] { *action = &Show; });
  auto* replace =
      app.add_subcommand("replace", "Make a new recovery key; `strongroom serve` must be stopped meanwhile");
  replace->add_option("--data", options->data, "The data directory")->required();
  options->fresh.Declare(*replace, false);
  replace->callback([action] { *action = &Replace; });
  return [options, action] { return (*action)(*options); };
}

}  // namespace

const Command op::recovery_key = {"recovery-key", "Show or replace the key that restores backups", &DeclareRecoveryKey};

}  // namespace strongroom::cli
