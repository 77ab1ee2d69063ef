#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "channel/tls_context.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/network.h"
#include "cli/data/own_store.h"
#include "cli/join_file.h"
#include "cli/recovery_options.h"
#include "cloudhsm/machines/rows.h"
#include "store/connection_string.h"
#include "terminal/terminal.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds kApprovalPatience{30};

struct JoinOptions {
  std::string file, data, listen, network, postgresql;
};

/// What all machines of a deployment share, before Init makes what this one has of its own.
Status Install(const DataDirectory& data, const JoinPackage& package) {
  const proto::JoinFile& facts = package.facts;
  const struct {
    fs::path certificate, key;
    const std::string* pem;
    const SecretBuffer* key_pem;
  } pairs[] = {
      {data.tls() / "ca.crt", data.tls() / "ca.key", &facts.https_ca(), &package.https_ca_key},
      {data.host() / "outer.crt", data.host() / "outer.key", &facts.outer_certificate(), &package.outer_key},
      {data.host() / "outer-next.crt", data.host() / "outer-next.key", &facts.next_outer_certificate(),
       &package.next_outer_key},
      {data.host() / "client.crt", data.host() / "client.key", &facts.client_certificate(), &package.client_key},
  };
  for (const auto& pair : pairs) {
    SR_CHECK(WriteFileAtomically(pair.certificate, *pair.pem, 0644));
    SR_CHECK(Terminal::WriteKeyFile(pair.key, *pair.key_pem));
    SR_CHECK(channel::LoadIdentity(pair.certificate, pair.key));
  }
  // Its front end names the others, once it is connected here.
  SR_TRY(const crypto::Certificate front_end, crypto::Certificate::FromPem(facts.front_end_certificate(), 8192));
  SR_CHECK(MakeDirectory(data.host() / "front-ends", 0755, 0));
  SR_CHECK(WriteFileAtomically(data.host() / "front-ends" / "invited-by.pem", front_end.ToPem(), 0644));
  // Ours says whom it waits for.
  return WriteFileAtomically(data.service() / "invited-by.crt", front_end.ToPem(), 0644);
}

Result<cloudhsm::MachineRow> Self(const DataDirectory& data, const Settings& settings, const JoinPackage& package) {
  cloudhsm::MachineRow row;
  SR_TRY(row.host_id, data.HostId());
  row.address = settings.network_prefix + ".1";
  row.network = settings.network_prefix;
  SR_TRY(const crypto::Certificate control, channel::LoadCertificate(data.host() / "control.crt"));
  SR_TRY(const crypto::Certificate front_end, channel::LoadCertificate(data.service() / "front-end.crt"));
  row.control_certificate = control.ToPem();
  row.front_end_certificate = front_end.ToPem();
  row.invitation_id = package.facts.invitation_id();
  row.proof = cloudhsm::ProofOf(row, package.invitation);
  return row;
}

bool WaitForApproval(store::Database& database, const std::string& host_id) {
  const auto give_up = std::chrono::steady_clock::now() + kApprovalPatience;
  while (std::chrono::steady_clock::now() < give_up) {
    const auto row = database.Read([&](store::Transaction& t) { return cloudhsm::LoadMachine(t, host_id); });
    if (row.ok() && *row && !(*row)->approval.empty()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
  return false;
}

Result<InitOptions> InitOptionsOf(const JoinOptions& options, const JoinPackage& package, store::Database& database,
                                  const Bytes& hash) {
  InitOptions init;
  if (!options.listen.empty()) {
    SR_TRY(init.listen, ParseListen(options.listen));
  }
  init.network_prefix = options.network;
  init.account_id = package.facts.account_id();
  init.region = package.facts.region();
  init.postgresql = package.facts.postgresql();
  init.recovery_key = [&package] { return crypto::PublicKey::FromSpki(AsBytes(package.facts.recovery_public_key())); };
  init.shared = [&package](const DataDirectory& data) { return Install(data, package); };
  init.last = [&package, &database, &hash](const DataDirectory& data, const Settings& settings) -> Status {
    SR_TRY(const cloudhsm::MachineRow self, Self(data, settings, package));
    return database.Transact([&](store::Transaction& t) { return cloudhsm::JoinMachine(t, self, hash); });
  };
  return init;
}

Status RunJoin(const JoinOptions& options) {
  DataDirectory data{options.data};
  if (data.initialised())
    return Error(Errc::kAlreadyExists, data.root().string() +
                                           " is a Strongroom data directory already; a machine joins "
                                           "with a new one.");
  if (!options.network.empty()) SR_CHECK(RequireUsableNetwork(options.network));
  log::OnlyFrom(log::Level::kWarn);
  SR_CHECK(HardenForSecrets());
  SR_TRY(JoinPackage package, ReadJoinFile(options.file));
  if (!options.postgresql.empty()) package.facts.set_postgresql(options.postgresql);
  Settings settings;
  settings.store = package.facts.postgresql();
  SR_CHECK(RequireDeploymentToJoin(data.StoreOf(settings)));
  SR_TRY(const auto database, store::Database::Open(data.StoreOf(settings)));
  const Bytes hash = cloudhsm::InvitationHash(package.invitation);
  // Before anything is made here; checked again when the invitation is used.
  SR_CHECK(database->Read([&](store::Transaction& t) -> Status {
    return cloudhsm::CheckInvitation(t, package.facts.invitation_id(), hash);
  }));
  SR_CHECK(data.RequireWhole());
  SR_TRY(const int lock, data.LockNew());
  SR_TRY(const InitOptions init, InitOptionsOf(options, package, *database, hash));
  SR_CHECK(data.Init(init));
  ::close(lock);
  SR_TRY(const std::string host_id, data.HostId());
  std::printf("This is machine %s now. Start it with `strongroom serve --data %s`, and remove %s.\n", host_id.c_str(),
              data.root().c_str(), options.file.c_str());
  std::fflush(stdout);
  if (!WaitForApproval(*database, host_id))
    std::printf(
        "The machine that invited it has not let it in yet: Strongroom must be running there within the hour. "
        "`strongroom serve` waits for that.\n");
  return {};
}

std::function<Status()> DeclareJoin(CLI::App& app) {
  auto options = std::make_shared<JoinOptions>();
  app.add_option("FILE", options->file, "What `strongroom invite` has written")->required()->check(CLI::ExistingFile);
  app.add_option("--data", options->data, "The data directory to make on this machine")->required();
  app.add_option("--listen", options->listen, "HTTPS address, ADDR:PORT; default: an address of the machine's own");
  app.add_option(
      "--network", options->network,
      "Network of this machine's HSMs, like 10.20.30; default: a loopback network, for several on one machine");
  app.add_option("--postgresql", options->postgresql,
                 "libpq connection string, without password, if this machine reaches the database in another way")
      ->check([](const std::string& text) {
        const Status checked = store::CheckForCommandLine(text);
        return checked.ok() ? std::string() : checked.error().public_message();
      });
  return [options] { return RunJoin(*options); };
}

}  // namespace

const Command op::join = {"join", "Make this machine one of a deployment's, with a file of `strongroom invite`",
                          &DeclareJoin};

}  // namespace strongroom::cli
