#include <gtest/gtest.h>

#include "cloudhsm/backups.h"
#include "cloudhsm/testing/world.h"

namespace strongroom::cloudhsm {
namespace {

using testing::Answer;
using testing::World;

constexpr std::int64_t kDayMillis = 24LL * 60 * 60 * 1000;
const std::string kInvalid = "CloudHsmInvalidRequestException";
const std::string kNotFound = "CloudHsmResourceNotFoundException";
const std::string kAccessDenied = "CloudHsmAccessDeniedException";

boost::json::array Backups(World& world, boost::json::object request = {}) {
  const Answer answer = world.Call("DescribeBackups", std::move(request));
  EXPECT_TRUE(answer.ok()) << answer.message;
  return answer.ok() ? answer.body.at("Backups").as_array() : boost::json::array();
}
std::string IdOf(const boost::json::value& backup) { return std::string(backup.at("BackupId").as_string()); }
std::string StateOf(World& world, const std::string& id) {
  const auto found = Backups(world, {{"Filters", {{"backupIds", {id}}}}});
  return found.empty() ? "(none)" : std::string(found[0].at("BackupState").as_string());
}
/// As if the backup had been taken (or given up) that long ago.
void Age(World& world, const std::string& id, std::int64_t days) {
  const auto aged = world.database->Transact([&](store::Transaction& t) {
    return t.Execute("UPDATE backups SET created_at = created_at - $1, delete_at = delete_at - $1 WHERE backup_id = $2",
                     {days * kDayMillis, store::Text(id)});
  });
  ASSERT_TRUE(aged.ok()) << aged.error();
}
void DeleteHsms(World& world, const std::string& cluster) {
  const boost::json::object shown = world.Cluster(cluster);
  for (const auto& hsm : shown.at("Hsms").as_array())
    ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", hsm.at("HsmId")}}).ok());
  ASSERT_TRUE(world.Work().ok());
}

TEST(Backups, AreTakenAtActivationForANewHsmAndEachDay) {
  World world;
  const std::string cluster = world.ActiveCluster();
  auto backups = Backups(world);
  ASSERT_EQ(backups.size(), 1U);
  const auto& first = backups[0].as_object();
  EXPECT_EQ(first.at("BackupState"), "READY");
  EXPECT_EQ(first.at("ClusterId"), boost::json::value(cluster));
  EXPECT_EQ(first.at("NeverExpires"), false);
  EXPECT_EQ(first.at("HsmType"), "hsm1.medium");
  EXPECT_EQ(first.at("Mode"), "FIPS");
  EXPECT_EQ(first.at("BackupArn"),
            boost::json::value("arn:aws:cloudhsm:us-east-1:111122223333:backup/" + IdOf(backups[0])));
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(Backups(world).size(), 1U) << "not before a day has passed";
  Age(world, IdOf(backups[0]), 2);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(Backups(world).size(), 2U);
  world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(Backups(world).size(), 3U);
}

TEST(Backups, ComeInPagesInEitherOrderAndByFilter) {
  World world;
  const std::string cluster = world.ActiveCluster();
  for (int day = 0; day < 3; ++day) {
    for (const auto& backup : Backups(world)) Age(world, IdOf(backup), 2);
    ASSERT_TRUE(world.database
                    ->Transact([&](store::Transaction& t) -> Status {
                      SR_TRY(const auto row, LoadClusterById(t, cluster));
                      BackupRow made = BackupOf(
                          *row, "backup-aaaaaaaaaa" + std::string(1, static_cast<char>('a' + day)), *t.NowMillis());
                      made.state = BackupState::kReady;
                      return InsertBackup(t, made);
                    })
                    .ok());
  }
  const auto newest_first = Backups(world);
  ASSERT_EQ(newest_first.size(), 4U);
  auto oldest_first = Backups(world, {{"SortAscending", true}});
  std::reverse(oldest_first.begin(), oldest_first.end());
  EXPECT_EQ(newest_first, oldest_first);
  boost::json::array paged;
  boost::json::object request{{"MaxResults", 3}};
  for (int pages = 0; pages < 3; ++pages) {
    const Answer page = world.Call("DescribeBackups", request);
    ASSERT_TRUE(page.ok()) << page.message;
    for (const auto& backup : page.body.at("Backups").as_array()) paged.push_back(backup);
    const auto* next = page.body.as_object().if_contains("NextToken");
    if (next == nullptr) break;
    request["NextToken"] = *next;
  }
  EXPECT_EQ(paged, newest_first);
  EXPECT_EQ(Backups(world, {{"Filters", {{"clusterIds", {"cluster-otherothera"}}}}}).size(), 0U);
  EXPECT_EQ(Backups(world, {{"Filters", {{"clusterIds", {cluster}}, {"states", {"READY"}}}}}).size(), 4U);
  EXPECT_EQ(Backups(world, {{"Filters", {{"neverExpires", {"true"}}}}}).size(), 0U);
  EXPECT_EQ(Backups(world, {{"Filters", {{"backupIds", {"backup-aaaaaaaaaab"}}}}}).size(), 1U);
  EXPECT_EQ(Backups(world, {{"Shared", true}}).size(), 0U);
}

struct Refusal {
  std::string name, operation, body, want_type, want_message;
};
// BACKUP stands for a READY one, GONE for one that is given up.
const Refusal kRefusals[] = {
    {"DeleteUnknown", "DeleteBackup", R"({"BackupId":"backup-aaaaaaaaaaa"})", kNotFound,
     "Backup backup-aaaaaaaaaaa was not found."},
    {"DeleteTwice", "DeleteBackup", R"({"BackupId":"GONE"})", kInvalid, "Backup GONE is in state PENDING_DELETION."},
    {"RestoreWhatIsThere", "RestoreBackup", R"({"BackupId":"BACKUP"})", kInvalid, "Backup BACKUP is in state READY."},
    {"RestoreUnknown", "RestoreBackup", R"({"BackupId":"backup-aaaaaaaaaaa"})", kNotFound,
     "Backup backup-aaaaaaaaaaa was not found."},
    {"KeepWhatIsGone", "ModifyBackupAttributes", R"({"BackupId":"GONE","NeverExpires":true})", kInvalid,
     "Backup GONE is in state PENDING_DELETION."},
    {"CopyToItself", "CopyBackupToRegion", R"({"BackupId":"BACKUP","DestinationRegion":"us-east-1"})", kInvalid,
     "DestinationRegion must not be the region that the backup is in."},
    {"CopyToWhereNobodyIs", "CopyBackupToRegion", R"({"BackupId":"BACKUP","DestinationRegion":"us-east-9"})", kInvalid,
     "DestinationRegion us-east-9 is not a Region of this deployment."},
    {"CopyWhatIsGone", "CopyBackupToRegion", R"({"BackupId":"GONE","DestinationRegion":"eu-west-1"})", kInvalid,
     "Backup GONE is in state PENDING_DELETION."},
    {"CreateFromWhatIsGone", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-0a0a0a0a"],"SourceBackupId":"GONE"})", kInvalid,
     "Backup GONE is in state PENDING_DELETION."},
    {"CreateInAnotherMode", "CreateCluster",
     R"({"HsmType":"hsm2m.medium","Mode":"NON_FIPS","SubnetIds":["subnet-0a0a0a0a"],"SourceBackupId":"BACKUP"})",
     kInvalid, "The backup is not compatible with mode NON_FIPS."},
    {"CreateFromElsewhere", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-0a0a0a0a"],"SourceBackupId":"arn:aws:cloudhsm:eu-west-1:111122223333:backup/BACKUP"})",
     kNotFound, "Backup BACKUP was not found."},
    {"CreateFromAnotherAccounts", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-0a0a0a0a"],"SourceBackupId":"arn:aws:cloudhsm:us-east-1:999999999999:backup/BACKUP"})",
     kAccessDenied,
     "User: arn:aws:iam::111122223333:root is not authorized to perform: cloudhsm:CreateCluster on resource: "
     "arn:aws:cloudhsm:us-east-1:999999999999:backup/BACKUP"},
    {"UnknownFilter", "DescribeBackups", R"({"Filters":{"vpcIds":["x"]}})", kInvalid,
     "The filter vpcIds is not supported. Use backupIds, sourceBackupIds, clusterIds, states or neverExpires."},
    {"FilterThatIsNoTruth", "DescribeBackups", R"({"Filters":{"neverExpires":["yes"]}})", kInvalid,
     "The filter neverExpires takes true or false."},
    {"OtherListsToken", "DescribeBackups", R"({"NextToken":"Y2x1c3RlcnMKeA=="})", kInvalid,
     "The NextToken is not valid."},
    {"ModifyNothing", "ModifyCluster", R"({"ClusterId":"CLUSTER"})", kInvalid,
     "Specify BackupRetentionPolicy or HsmType."},
    {"ModifyRetentionTooLong", "ModifyCluster",
     R"({"ClusterId":"CLUSTER","BackupRetentionPolicy":{"Type":"DAYS","Value":"380"}})", kInvalid,
     "Backup retention value must be between 7 and 379 days."},
    {"ModifyUnknown", "ModifyCluster", R"({"ClusterId":"cluster-aaaaaaaaaaa","HsmType":"hsm1.medium"})", kNotFound,
     "Cluster cluster-aaaaaaaaaaa was not found."}};

std::string With(std::string text, std::string_view what, const std::string& value) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + value.size()))
    text.replace(at, what.size(), value);
  return text;
}

/// One world for all refusals: none of them changes anything.
struct RefusalWorld {
  RefusalWorld() {
    cluster = world.ActiveCluster();
    gone = IdOf(Backups(world)[0]);
    Age(world, gone, 2);
    EXPECT_TRUE(world.Work().ok());
    EXPECT_TRUE(world.Call("DeleteBackup", {{"BackupId", gone}}).ok());
    backup = IdOf(Backups(world, {{"Filters", {{"states", {"READY"}}}}})[0]);
  }
  std::string Fill(std::string text) const {
    return With(With(With(std::move(text), "BACKUP", backup), "GONE", gone), "CLUSTER", cluster);
  }
  World world;
  std::string cluster, backup, gone;
};
class BackupRefusal : public ::testing::TestWithParam<Refusal> {};
TEST_P(BackupRefusal, AnswersAsTheRowSays) {
  static RefusalWorld shared;
  const Answer answer = shared.world.Call(GetParam().operation, shared.Fill(GetParam().body));
  EXPECT_EQ(answer.error_type, GetParam().want_type);
  EXPECT_EQ(answer.message, shared.Fill(GetParam().want_message));
}
INSTANTIATE_TEST_SUITE_P(Rows, BackupRefusal, ::testing::ValuesIn(kRefusals),
                         [](const auto& row) { return row.param.name; });

TEST(Backups, AreNeededUntilTheirClusterHasAnHsm) {
  World world;
  world.ActiveCluster();
  const std::string id = IdOf(Backups(world)[0]);
  const Answer made = world.Call(
      "CreateCluster", {{"HsmType", "hsm1.medium"}, {"SubnetIds", {"subnet-0a0a0a0a"}}, {"SourceBackupId", id}});
  ASSERT_TRUE(made.ok()) << made.message;
  const std::string cluster(made.body.at("Cluster").at("ClusterId").as_string());
  ASSERT_TRUE(world.Work().ok());
  ASSERT_TRUE(world.Call("DeleteBackup", {{"BackupId", id}}).ok());
  Age(world, id, 8);
  ASSERT_TRUE(world.Work().ok());
  const Answer refused = world.Call("CreateHsm", {{"ClusterId", cluster}, {"AvailabilityZone", "us-east-1a"}});
  EXPECT_EQ(refused.message, "Cluster " + cluster + " is made from backup " + id +
                                 ", which is deleted: it can have no HSM any more. Delete the cluster.");
  EXPECT_TRUE(world.Call("DeleteCluster", {{"ClusterId", cluster}}).ok());
}

TEST(Backups, AreNobodyElses) {
  World world;
  world.ActiveCluster();
  const std::string id = IdOf(Backups(world)[0]);
  const Answer other = world.Call("DeleteBackup", {{"BackupId", id}}, "999999999999");
  EXPECT_EQ(other.error_type, kNotFound);
}

TEST(Backups, AreGivenUpForSevenDaysAndThenGoneWithTheirBytes) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string id = IdOf(Backups(world)[0]);
  const Answer given_up = world.Call("DeleteBackup", {{"BackupId", id}});
  ASSERT_TRUE(given_up.ok()) << given_up.message;
  EXPECT_EQ(given_up.body.at("Backup").at("BackupState"), "PENDING_DELETION");
  EXPECT_TRUE(given_up.body.at("Backup").as_object().contains("DeleteTimestamp"));
  const Answer back = world.Call("RestoreBackup", {{"BackupId", id}});
  EXPECT_EQ(back.body.at("Backup").at("BackupState"), "READY");
  EXPECT_FALSE(back.body.at("Backup").as_object().contains("DeleteTimestamp"));
  const Answer copied = world.Call("CopyBackupToRegion", {{"BackupId", id}, {"DestinationRegion", "eu-west-1"}});
  ASSERT_TRUE(copied.ok()) << copied.message;
  EXPECT_EQ(copied.body.at("DestinationBackup").at("SourceBackup"), boost::json::value(id));
  ASSERT_TRUE(world.Call("DeleteBackup", {{"BackupId", id}}).ok());
  Age(world, id, 6);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(StateOf(world, id), "PENDING_DELETION");
  Age(world, id, 2);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(StateOf(world, id), "(none)");
  const auto bytes = [&] {
    return world.database->Read([&](store::Transaction& t) {
      return t.Query("SELECT 1 FROM cluster_snapshots WHERE backup_id = $1", {store::Text(id)});
    });
  };
  EXPECT_EQ(bytes()->size(), 1U) << "the copy's bytes are the same";
  ASSERT_TRUE(world.database
                  ->Transact([&](store::Transaction& t) {
                    return t.Execute(
                        "UPDATE backups SET state = 'PENDING_DELETION', delete_at = 1 WHERE region = 'eu-west-1'");
                  })
                  .ok());
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(bytes()->size(), 0U);
}

TEST(Backups, ExpireByTheClustersPolicyButTheLastOneStays) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string first = IdOf(Backups(world)[0]);
  const Answer changed = world.Call(
      "ModifyCluster", {{"ClusterId", cluster}, {"BackupRetentionPolicy", {{"Type", "DAYS"}, {"Value", "7"}}}});
  ASSERT_TRUE(changed.ok()) << changed.message;
  EXPECT_EQ(changed.body.at("Cluster").at("BackupRetentionPolicy").at("Value"), "7");
  DeleteHsms(world, cluster);
  const auto backups = Backups(world);
  ASSERT_EQ(backups.size(), 2U);
  const std::string last = IdOf(backups[0]) == first ? IdOf(backups[1]) : IdOf(backups[0]);
  Age(world, first, 20);
  Age(world, last, 10);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(StateOf(world, first), "PENDING_DELETION");
  EXPECT_EQ(StateOf(world, last), "READY") << "without it the cluster would be lost";
  ASSERT_TRUE(world.Call("RestoreBackup", {{"BackupId", first}}).ok());
  ASSERT_TRUE(world.Call("ModifyBackupAttributes", {{"BackupId", first}, {"NeverExpires", true}}).ok());
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(StateOf(world, first), "READY");
}

TEST(Backups, BringBackAClusterWithoutHsms) {
  World world;
  const std::string cluster = world.ActiveCluster();
  DeleteHsms(world, cluster);
  ASSERT_TRUE(world.Cluster(cluster).at("Hsms").as_array().empty());
  world.hardware.asked.clear();
  const std::string hsm = world.NewHsm(cluster);
  const Answer second = world.Call("CreateHsm", {{"ClusterId", cluster}, {"AvailabilityZone", "us-east-1b"}});
  EXPECT_EQ(second.error_type, kInvalid) << "nobody could admit it yet";
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.hsms.at(hsm).restored, 1);
  EXPECT_EQ(world.hardware.hsms.at(hsm).joined, 0);
  EXPECT_EQ(world.Cluster(cluster).at("Hsms").at(0).at("State"), "ACTIVE");
  const std::string next = world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.hsms.at(next).joined, 1);
  EXPECT_EQ(world.hardware.hsms.at(next).restored, 0);
}

TEST(Backups, MakeAClusterWhenTheirOwnIsGone) {
  World world;
  const std::string old = world.ActiveCluster();
  const auto certificates = world.Cluster(old).at("Certificates");
  DeleteHsms(world, old);
  ASSERT_TRUE(world.Call("DeleteCluster", {{"ClusterId", old}}).ok());
  ASSERT_TRUE(world.Work().ok());
  const std::string backup = IdOf(Backups(world)[0]);
  const Answer made =
      world.Call("CreateCluster", {{"HsmType", "hsm2m.medium"},
                                   {"SubnetIds", {"subnet-0a0a0a0a"}},
                                   {"SourceBackupId", "arn:aws:cloudhsm:us-east-1:111122223333:backup/" + backup}});
  ASSERT_TRUE(made.ok()) << made.message;
  EXPECT_EQ(made.body.at("Cluster").at("SourceBackupId"), boost::json::value(backup));
  EXPECT_EQ(made.body.at("Cluster").at("Certificates"), certificates);
  const std::string cluster(made.body.at("Cluster").at("ClusterId").as_string());
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.Cluster(cluster).at("State"), "INITIALIZED");
  const std::string hsm = world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.hsms.at(hsm).restored, 1);
  EXPECT_FALSE(world.hardware.restored_from.empty());
  EXPECT_EQ(world.Cluster(cluster).at("State"), "ACTIVE");
}

TEST(Backups, AreAResourceOfTheirOwnToWhoMakesAClusterOfThem) {
  World world;
  world.ActiveCluster();
  const std::string backup = IdOf(Backups(world)[0]);
  const auto compiled = world.authorizer.Compile(
      ports::PolicyKind::kIdentity,
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudhsm:*","Resource":"*"},)"
      R"({"Effect":"Deny","Action":"cloudhsm:CreateCluster","Resource":"arn:aws:cloudhsm:*:111122223333:backup/*"}]})");
  ASSERT_TRUE(compiled.ok()) << compiled.error();
  ports::PrincipalPolicies policies;
  policies.identity.push_back({"alice", *compiled});
  world.alice = std::make_shared<const ports::PrincipalPolicies>(std::move(policies));
  boost::json::object body{{"HsmType", "hsm2m.medium"}, {"SubnetIds", {"subnet-0a0a0a0a"}}};
  EXPECT_TRUE(world.Call("CreateCluster", body).ok());
  for (const std::string& named : {backup, "arn:aws:cloudhsm:us-east-1:111122223333:backup/" + backup}) {
    body["SourceBackupId"] = named;
    EXPECT_EQ(world.Call("CreateCluster", body).error_type, "CloudHsmAccessDeniedException");
  }
}

TEST(Backups, CarryTags) {
  World world;
  world.ActiveCluster();
  const std::string id = IdOf(Backups(world)[0]);
  ASSERT_TRUE(world.Call("TagResource", {{"ResourceId", id}, {"TagList", {{{"Key", "k"}, {"Value", "v"}}}}}).ok());
  EXPECT_EQ(Backups(world)[0].at("TagList").at(0).at("Value"), "v");
}

}  // namespace
}  // namespace strongroom::cloudhsm
