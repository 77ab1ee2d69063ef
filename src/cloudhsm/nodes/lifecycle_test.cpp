#include "cloudhsm/nodes/lifecycle.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cloudhsm/certificates.h"
#include "cloudhsm/testing/world.h"

namespace strongroom::cloudhsm {
namespace {

using testing::Answer;
using testing::Await;
using testing::FakeHardware;
using testing::World;

std::string State(const boost::json::object& cluster) { return std::string(cluster.at("State").as_string()); }
const boost::json::array& HsmsOf(const boost::json::object& cluster) { return cluster.at("Hsms").as_array(); }
std::string HsmState(const boost::json::object& cluster, std::size_t i = 0) {
  return std::string(HsmsOf(cluster).at(i).at("State").as_string());
}
std::vector<std::string> Keys(const boost::json::value& object) {
  std::vector<std::string> keys;
  for (const auto& entry : object.as_object()) keys.emplace_back(entry.key());
  return keys;
}
int Total(const FakeHardware& hardware, int testing::FakeHsm::*counter) {
  int total = 0;
  for (const auto& [id, hsm] : hardware.hsms) total += hsm.*counter;
  return total;
}

TEST(Lifecycle, FirstHsmBringsTheClustersCertificates) {
  World world;
  const std::string cluster = world.NewCluster();
  world.NewHsm(cluster);
  EXPECT_EQ(HsmState(world.Cluster(cluster)), "CREATE_IN_PROGRESS");
  ASSERT_TRUE(world.Work().ok());
  const auto shown = world.Cluster(cluster);
  EXPECT_EQ(State(shown), "UNINITIALIZED");
  EXPECT_EQ(HsmState(shown), "ACTIVE");
  EXPECT_EQ(HsmsOf(shown).at(0).at("EniIp").as_string(), "127.9.9.10");
  const auto& certificates = shown.at("Certificates");
  EXPECT_EQ(Keys(certificates), (std::vector<std::string>{"ClusterCsr", "HsmCertificate", "AwsHardwareCertificate",
                                                          "ManufacturerHardwareCertificate"}));
  // The owner's check of spec 3.5: the HSM's certificate leads to the root, and is for the key of the request.
  const auto hsm = crypto::Certificate::FromPem(certificates.at("HsmCertificate").as_string()).value();
  const auto device =
      crypto::Certificate::FromPem(certificates.at("ManufacturerHardwareCertificate").as_string()).value();
  EXPECT_TRUE(hsm.VerifyIssuedBy(device).ok());
  EXPECT_TRUE(device.VerifyIssuedBy(*world.hardware.manufacturer_root).ok());
  EXPECT_EQ(crypto::ParseCsr(certificates.at("ClusterCsr").as_string()).value().public_key_spki, hsm.public_key_spki());
}

TEST(Lifecycle, InitializationAndActivation) {
  World world;
  const std::string cluster = world.NewCluster();
  const std::string hsm = world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  const auto made = world.Sign(cluster);
  const Answer answer = world.Call(
      "InitializeCluster", {{"ClusterId", cluster}, {"SignedCert", made.certificate}, {"TrustAnchor", made.anchor}});
  EXPECT_EQ(answer.body,
            (boost::json::object{
                {"State", "INITIALIZE_IN_PROGRESS"},
                {"StateMessage", "Cluster is initializing. State will change to INITIALIZED upon completion."}}));
  EXPECT_FALSE(world.Cluster(cluster).at("Certificates").as_object().contains("ClusterCertificate"));
  ASSERT_TRUE(world.Work().ok());
  const auto shown = world.Cluster(cluster);
  EXPECT_EQ(State(shown), "INITIALIZED");
  EXPECT_FALSE(shown.contains("StateMessage"));
  EXPECT_EQ(shown.at("Certificates"), (boost::json::object{{"ClusterCertificate", made.certificate}}));
  EXPECT_EQ(world.hardware.trusted[hsm], AsText(PemToDer(made.anchor).value()));

  // No HSM of another cluster can report for this one, and INITIALIZED is not yet ACTIVE.
  proto::StatusChanged changed;
  changed.set_cluster_id(cluster);
  changed.set_lifecycle(proto::INITIALIZED);
  EXPECT_TRUE(Await(world.loop, world.lifecycle->Note("host-1", hsm, changed)).ok());
  changed.set_lifecycle(proto::ACTIVE);
  EXPECT_EQ(Await(world.loop, world.lifecycle->Note("host-1", "hsm-aaaaaaaaaaa", changed)).error().code(),
            Errc::kPermission);
  EXPECT_EQ(Await(world.loop, world.lifecycle->Note("host-2", hsm, changed)).error().code(), Errc::kPermission);
  EXPECT_EQ(State(world.Cluster(cluster)), "INITIALIZED");

  world.Activate(cluster);
  EXPECT_EQ(State(world.Cluster(cluster)), "ACTIVE");
  EXPECT_EQ(world.hardware.asked.back(), "snapshot-activation");
  const auto info = Await(world.loop, world.service->Find("111122223333", "us-east-1", cluster)).value();
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->state, ClusterState::kActive);
  EXPECT_EQ(info->trust_anchor, PemToDer(made.anchor).value());
  EXPECT_EQ(info->cluster_certificate, PemToDer(made.certificate).value());
  EXPECT_EQ(info->active_hsms(), 1U);
  EXPECT_FALSE(info->spans_two_zones());
}

TEST(Lifecycle, RefusedCertificatesLeadBackToUninitialized) {
  World world;
  const std::string cluster = world.NewCluster();
  world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  const auto made = world.Sign(cluster);
  world.hardware.refuse_install = {"not this one"};
  ASSERT_TRUE(world
                  .Call("InitializeCluster",
                        {{"ClusterId", cluster}, {"SignedCert", made.certificate}, {"TrustAnchor", made.anchor}})
                  .ok());
  ASSERT_TRUE(world.Work().ok());
  const auto shown = world.Cluster(cluster);
  EXPECT_EQ(State(shown), "UNINITIALIZED");
  EXPECT_EQ(shown.at("StateMessage").as_string(), "The HSM refused the certificates: not this one");
  EXPECT_TRUE(shown.at("Certificates").as_object().contains("ClusterCsr"));
  EXPECT_FALSE(shown.at("Certificates").as_object().contains("ClusterCertificate"));
}

TEST(Lifecycle, ActivationIsFoundWhenAHostComesBack) {
  World world;
  const std::string cluster = world.NewCluster();
  const std::string hsm = world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  const auto made = world.Sign(cluster);
  ASSERT_TRUE(world
                  .Call("InitializeCluster",
                        {{"ClusterId", cluster}, {"SignedCert", made.certificate}, {"TrustAnchor", made.anchor}})
                  .ok());
  ASSERT_TRUE(world.Work().ok());
  world.hardware.hsms.at(hsm).status.set_lifecycle(proto::ACTIVE);
  world.hardware.asked.clear();
  world.hardware.trusted.clear();
  ASSERT_TRUE(Await(world.loop, world.lifecycle->Reconcile("host-1")).ok());
  EXPECT_EQ(world.hardware.asked, (std::vector<std::string>{"start", "trust", "status"}));
  EXPECT_TRUE(world.hardware.trusted.contains(hsm));
  EXPECT_EQ(State(world.Cluster(cluster)), "ACTIVE");
}

TEST(Lifecycle, LaterHsmJoinsFromABackup) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  world.hardware.asked.clear();
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.asked,
            (std::vector<std::string>{"start", "trust", "status", "device-request", "certify", "install-device",
                                      "snapshot-join", "admit", "join", "status"}));
  const auto shown = world.Cluster(cluster);
  ASSERT_EQ(HsmsOf(shown).size(), 2U);
  EXPECT_EQ(HsmState(shown, 1), "ACTIVE");
  EXPECT_EQ(HsmsOf(shown).at(1).at("EniIp").as_string(), "127.9.9.11");
  EXPECT_EQ(world.hardware.hsms.at(second).created, 0);
  const auto info = Await(world.loop, world.service->Find("111122223333", "us-east-1", cluster)).value();
  EXPECT_TRUE(info->spans_two_zones());
}

TEST(Lifecycle, DeletedHsmIsRemovedZeroizedAndDestroyed) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  world.hardware.asked.clear();
  const Answer answer = world.Call("DeleteHsm", {{"ClusterId", cluster}, {"EniIp", "127.9.9.11"}});
  EXPECT_EQ(answer.body, (boost::json::object{{"HsmId", second}}));
  EXPECT_EQ(HsmState(world.Cluster(cluster), 1), "DELETE_IN_PROGRESS");
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.asked,
            (std::vector<std::string>{"status", "snapshot-remove", "remove", "start", "trust", "zeroize", "destroy"}));
  EXPECT_EQ(HsmsOf(world.Cluster(cluster)).size(), 1U);
  EXPECT_FALSE(world.hardware.hsms.contains(second));
  // Its address is free again.
  world.NewHsm(cluster, "us-east-1b");
  EXPECT_EQ(HsmsOf(world.Cluster(cluster)).at(1).at("EniIp").as_string(), "127.9.9.11");
}

TEST(Lifecycle, AllHsmsCanBeDeletedAtOnce) {
  World world;
  const std::string cluster = world.ActiveCluster();
  world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  for (const char* address : {"127.9.9.10", "127.9.9.11"}) {
    ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"EniIp", address}}).ok());
  }
  ASSERT_TRUE(world.Work().ok());
  EXPECT_TRUE(HsmsOf(world.Cluster(cluster)).empty());
  EXPECT_TRUE(world.hardware.hsms.empty());
}

TEST(Lifecycle, LastHsmLeavesABackupAndTheClusterKeepsItsState) {
  World world;
  const std::string cluster = world.ActiveCluster();
  world.hardware.asked.clear();
  const std::string hsm(HsmsOf(world.Cluster(cluster)).at(0).at("HsmId").as_string());
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", hsm}}).ok());
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.asked, (std::vector<std::string>{"start", "trust", "status", "snapshot-remove", "start",
                                                            "trust", "zeroize", "destroy"}));
  EXPECT_EQ(State(world.Cluster(cluster)), "ACTIVE");
  ASSERT_TRUE(world.Call("DeleteCluster", {{"ClusterId", cluster}}).ok());
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(State(world.Cluster(cluster)), "DELETED");
}

std::vector<std::string> Backups(World& world) {
  std::vector<std::string> found;
  const auto listed = world.database->Transact([](store::Transaction& t) {
    return t.Query("SELECT backup_id, state FROM backups ORDER BY created_at, backup_id");
  });
  for (const store::Row& row : listed.value()) found.push_back(row.Text(0) + " " + row.Text(1));
  return found;
}
void Sql(World& world, std::string_view text) {
  ASSERT_TRUE(world.database->Transact([&](store::Transaction& t) { return t.Execute(text); }).ok());
}

TEST(Lifecycle, ABackupThatWasCutOffIsTakenLaterOrGoesWithTheCluster) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::vector<std::string> first = Backups(world);
  ASSERT_EQ(first.size(), 1U);
  Sql(world, "UPDATE backups SET state = 'CREATE_IN_PROGRESS'");
  Sql(world, "DELETE FROM cluster_snapshots");
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(Backups(world), first) << "the first one, and no other";

  Sql(world, "UPDATE backups SET created_at = created_at - 200000000");
  Sql(world,
      "INSERT INTO backups (account_id, region, backup_id, cluster_id, state, created_at, never_expires, hsm_type, "
      "mode, cluster_certificate, trust_anchor, data_cluster_id, data_backup_id) SELECT account_id, region, "
      "'backup-leftbehind1', cluster_id, 'CREATE_IN_PROGRESS', created_at + 1, 0, hsm_type, mode, "
      "cluster_certificate, trust_anchor, data_cluster_id, 'backup-leftbehind1' FROM backups");
  ASSERT_TRUE(world.Work().ok());
  std::vector<std::string> all = Backups(world);
  ASSERT_GE(all.size(), 2U);
  EXPECT_EQ(all[1], "backup-leftbehind1 READY");
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(Backups(world).size(), 3U) << "then the day's own";

  const std::string hsm(HsmsOf(world.Cluster(cluster)).at(0).at("HsmId").as_string());
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", hsm}}).ok());
  ASSERT_TRUE(world.Work().ok());
  Sql(world, "UPDATE backups SET state = 'CREATE_IN_PROGRESS' WHERE backup_id = 'backup-leftbehind1'");
  ASSERT_TRUE(world.Call("DeleteCluster", {{"ClusterId", cluster}}).ok());
  ASSERT_TRUE(world.Work().ok());
  all = Backups(world);
  EXPECT_EQ(all[1], "backup-leftbehind1 DELETED");
}

TEST(Lifecycle, DeletingTheOnlyHsmBeforeInitializationStartsAnew) {
  World world;
  const std::string cluster = world.NewCluster();
  const std::string first = world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", first}}).ok());
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.Cluster(cluster).at("Certificates"), boost::json::object());
  const std::string next = world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(HsmState(world.Cluster(cluster)), "ACTIVE");
  EXPECT_EQ(world.hardware.hsms.at(next).created, 1);
  EXPECT_TRUE(world.Cluster(cluster).at("Certificates").as_object().contains("ClusterCsr"));
}

TEST(Lifecycle, AnHsmThatCannotBeMadeCanBeGivenUp) {
  World world;
  const std::string cluster = world.NewCluster();
  const std::string hsm = world.NewHsm(cluster);
  world.host->up = false;
  EXPECT_EQ(world.Work().error().code(), Errc::kUnavailable);
  EXPECT_EQ(HsmState(world.Cluster(cluster)), "CREATE_IN_PROGRESS");
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", hsm}}).ok());
  world.host->up = true;
  ASSERT_TRUE(world.Work().ok());
  EXPECT_TRUE(HsmsOf(world.Cluster(cluster)).empty());
  EXPECT_TRUE(world.hardware.hsms.empty());
}

TEST(Lifecycle, AnotherFrontEndsLeaseIsRespected) {
  World world;
  const std::string cluster = world.NewCluster();
  world.NewHsm(cluster);
  world.jobs->lease = std::chrono::hours(1);
  world.host->up = false;
  // The holder dies between its steps: its lease stays.
  world.hardware.asked.clear();
  auto hold = [&](store::Transaction& t) -> Status {
    SR_TRY(const store::Rows rows, t.Query("SELECT value FROM deployment WHERE name LIKE 'lease/%'"));
    EXPECT_TRUE(rows.empty());
    const std::string until = "9999999999999 somebody-else";
    SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2)",
                       {store::Text("lease/" + cluster), store::Blob(AsBytes(until))}));
    return {};
  };
  ASSERT_TRUE(world.database->Transact(hold).ok());
  world.host->up = true;
  EXPECT_TRUE(world.Work().ok());
  EXPECT_TRUE(world.hardware.asked.empty());
  EXPECT_EQ(HsmState(world.Cluster(cluster)), "CREATE_IN_PROGRESS");
}

// A front end dies at the n-th question of a job, before or after the question was carried out. The next one finds the
// store and the hardware as they are, and both end as if nothing had happened.
struct CrashRow {
  int question;
  FakeHardware::Crash crash;
};

std::vector<CrashRow> CrashRows(int questions) {
  std::vector<CrashRow> rows;
  for (int i = 0; i < questions; ++i) {
    rows.push_back({i, FakeHardware::Crash::kBefore});
    rows.push_back({i, FakeHardware::Crash::kAfter});
  }
  return rows;
}

std::string CrashName(const ::testing::TestParamInfo<CrashRow>& tested) {
  return (tested.param.crash == FakeHardware::Crash::kBefore ? "Before" : "After") + std::string("Question") +
         std::to_string(tested.param.question);
}

class Crash : public ::testing::TestWithParam<CrashRow> {
 protected:
  void CrashAndGoOn() {
    world_.hardware.crash_after = GetParam().question;
    world_.hardware.crash = GetParam().crash;
    EXPECT_FALSE(world_.Work().ok()) << "the job asks fewer questions than the table says";
    world_.hardware.crash_after = -1;
    world_.Restart();
    EXPECT_TRUE(world_.Work().ok());
  }
  std::int64_t Count(const std::string& table, const std::string& cluster) {
    return world_.database
        ->Read([&](store::Transaction& t) -> Result<std::int64_t> {
          SR_TRY(const auto row,
                 t.QueryOne("SELECT COUNT(*) FROM " + table + " WHERE cluster_id = $1", {store::Text(cluster)}));
          return row->Int(0);
        })
        .value();
  }
  World world_;
};

class CrashInFirstHsm : public Crash {};
TEST_P(CrashInFirstHsm, EndsWell) {
  const std::string cluster = world_.NewCluster();
  world_.NewHsm(cluster);
  CrashAndGoOn();
  const auto shown = world_.Cluster(cluster);
  EXPECT_EQ(HsmState(shown), "ACTIVE");
  EXPECT_TRUE(shown.at("Certificates").as_object().contains("ClusterCsr"));
  EXPECT_EQ(world_.hardware.hsms.size(), 1U);
  EXPECT_EQ(Total(world_.hardware, &testing::FakeHsm::created), 1);
  EXPECT_EQ(Count("cluster_log", cluster), 1);
}
INSTANTIATE_TEST_SUITE_P(Lifecycle, CrashInFirstHsm, ::testing::ValuesIn(CrashRows(5)), CrashName);

class CrashInLaterHsm : public Crash {};
TEST_P(CrashInLaterHsm, EndsWell) {
  const std::string cluster = world_.ActiveCluster();
  const std::string second = world_.NewHsm(cluster, "us-east-1b");
  CrashAndGoOn();
  EXPECT_EQ(HsmState(world_.Cluster(cluster), 1), "ACTIVE");
  EXPECT_EQ(world_.hardware.hsms.at(second).joined, 1);
  EXPECT_EQ(world_.hardware.hsms.size(), 2U);
  EXPECT_EQ(Count("cluster_snapshots", cluster), 2);  // activation and join
}
INSTANTIATE_TEST_SUITE_P(Lifecycle, CrashInLaterHsm, ::testing::ValuesIn(CrashRows(9)), CrashName);

class CrashInInitialization : public Crash {};
TEST_P(CrashInInitialization, EndsWell) {
  const std::string cluster = world_.NewCluster();
  const std::string hsm = world_.NewHsm(cluster);
  ASSERT_TRUE(world_.Work().ok());
  const auto made = world_.Sign(cluster);
  ASSERT_TRUE(world_
                  .Call("InitializeCluster",
                        {{"ClusterId", cluster}, {"SignedCert", made.certificate}, {"TrustAnchor", made.anchor}})
                  .ok());
  CrashAndGoOn();
  EXPECT_EQ(State(world_.Cluster(cluster)), "INITIALIZED");
  EXPECT_TRUE(world_.hardware.trusted.contains(hsm));
}
INSTANTIATE_TEST_SUITE_P(Lifecycle, CrashInInitialization, ::testing::ValuesIn(CrashRows(2)), CrashName);

class CrashInDeletion : public Crash {};
TEST_P(CrashInDeletion, EndsWell) {
  const std::string cluster = world_.ActiveCluster();
  const std::string second = world_.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world_.Work().ok());
  ASSERT_TRUE(world_.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", second}}).ok());
  // A lost answer to Zeroize is asked for again within the job.
  world_.hardware.crash_after = GetParam().question;
  world_.hardware.crash = GetParam().crash;
  (void)world_.Work();
  world_.hardware.crash_after = -1;
  world_.Restart();
  EXPECT_TRUE(world_.Work().ok());
  EXPECT_EQ(HsmsOf(world_.Cluster(cluster)).size(), 1U);
  EXPECT_FALSE(world_.hardware.hsms.contains(second));
  EXPECT_FALSE(world_.Cluster(cluster).contains("StateMessage")) << "it has proved that it zeroised itself";
  EXPECT_EQ(Count("cluster_snapshots", cluster), 3);  // activation, join, remove
}
INSTANTIATE_TEST_SUITE_P(Lifecycle, CrashInDeletion, ::testing::ValuesIn(CrashRows(7)), CrashName);

}  // namespace
}  // namespace strongroom::cloudhsm
