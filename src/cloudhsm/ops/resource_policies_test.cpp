#include <gtest/gtest.h>

#include "cloudhsm/backups.h"
#include "cloudhsm/testing/world.h"

namespace strongroom::cloudhsm {
namespace {

using testing::Answer;
using testing::FakePrincipals;
using testing::World;

const std::string kOwner = "111122223333", kOther = "444455556666", kThird = "999999999999";
const std::string kOtherRoot = "arn:aws:iam::444455556666:root", kOtherAlice = "arn:aws:iam::444455556666:user/alice";
const std::string kInvalid = "CloudHsmInvalidRequestException";
const std::string kNotFound = "CloudHsmResourceNotFoundException";
const std::string kDenied = "CloudHsmAccessDeniedException";

std::string ArnOf(const std::string& backup, const std::string& account = kOwner,
                  const std::string& region = "us-east-1") {
  return "arn:aws:cloudhsm:" + region + ":" + account + ":backup/" + backup;
}
std::string Statement(const std::string& effect, const std::string& principal, const std::string& action,
                      const std::string& condition = "") {
  return R"({"Effect":")" + effect + R"(","Principal":)" + principal + R"(,"Action":")" + action +
         R"(","Resource":"*")" + (condition.empty() ? "" : R"(,"Condition":)" + condition) + "}";
}
std::string Policy(const std::string& statements) {
  return R"({"Version":"2012-10-17","Statement":[)" + statements + "]}";
}
std::string Names(const std::string& arn) { return R"({"AWS":")" + arn + R"("})"; }
/// What shares a backup with an account or a user.
std::string Sharing(const std::string& arn = kOtherRoot) {
  return Policy(Statement("Allow", Names(arn), "cloudhsm:CreateCluster") + "," +
                Statement("Allow", Names(arn), "cloudhsm:DescribeBackups"));
}

/// A world with a backup of the owner's cluster.
struct Shared : World {
  Shared() {
    source = ActiveCluster();
    backup = std::string(Call("DescribeBackups", {}, kOwner).body.at("Backups").at(0).at("BackupId").as_string());
    arn = ArnOf(backup);
  }
  /// Users alice of all accounts may do what these statements say; no text: everybody is the account's root again.
  void AliceMay(const std::string& statements) {
    alice.reset();
    if (statements.empty()) return;
    auto compiled = authorizer.Compile(ports::PolicyKind::kIdentity, Policy(statements));
    ASSERT_TRUE(compiled.ok()) << compiled.error();
    ports::PrincipalPolicies policies;
    policies.identity.push_back({"alice", *compiled});
    alice = std::make_shared<const ports::PrincipalPolicies>(std::move(policies));
  }
  Answer Put(const std::string& policy) {
    return Call("PutResourcePolicy", {{"ResourceArn", arn}, {"Policy", policy}}, kOwner);
  }
  void Share(const std::string& policy = Sharing()) {
    const Answer put = Put(policy);
    ASSERT_TRUE(put.ok()) << put.message;
  }
  Answer Unshare() { return Call("DeleteResourcePolicy", {{"ResourceArn", arn}}, kOwner); }
  Answer Make(const std::string& account, const std::string& from) {
    return Call("CreateCluster",
                {{"HsmType", "hsm1.medium"}, {"SubnetIds", {"subnet-0a0a0a0a"}}, {"SourceBackupId", from}}, account);
  }
  boost::json::array Lists(const std::string& account, boost::json::object request = {}) {
    request["Shared"] = true;
    const Answer answer = Call("DescribeBackups", std::move(request), account);
    EXPECT_TRUE(answer.ok()) << answer.message;
    return answer.ok() ? answer.body.at("Backups").as_array() : boost::json::array();
  }
  void Sql(std::string_view sql) {
    const auto done = database->Transact([&](store::Transaction& t) { return t.Execute(sql, {}); });
    ASSERT_TRUE(done.ok()) << done.error();
  }
  std::string source, backup, arn;
};

std::string With(std::string text, std::string_view what, const std::string& value) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + value.size()))
    text.replace(at, what.size(), value);
  return text;
}

struct Refusal {
  std::string name, operation, arn, policy, want_type, want_message;
};
const std::string kOwnArn = "arn:aws:cloudhsm:us-east-1:111122223333:";
const Refusal kRefusals[] = {
    {"PutWithoutArn", "PutResourcePolicy", "", Sharing(), kInvalid, "Specify ResourceArn."},
    {"PutWithoutPolicy", "PutResourcePolicy", kOwnArn + "backup/BACKUP", "", kInvalid, "Specify Policy."},
    {"GetWithoutArn", "GetResourcePolicy", "", "", kInvalid, "Specify ResourceArn."},
    {"DeleteWithoutArn", "DeleteResourcePolicy", "", "", kInvalid, "Specify ResourceArn."},
    {"PutOnACluster", "PutResourcePolicy", kOwnArn + "cluster/cluster-aaaaaaaaaaa", Sharing(), kInvalid,
     "Only backups have resource policies: " + kOwnArn + "cluster/cluster-aaaaaaaaaaa is no backup."},
    {"PutOnAnHsm", "PutResourcePolicy", kOwnArn + "hsm/hsm-aaaaaaaaaaa", Sharing(), kInvalid,
     "Only backups have resource policies: " + kOwnArn + "hsm/hsm-aaaaaaaaaaa is no backup."},
    {"GetOfACluster", "GetResourcePolicy", kOwnArn + "cluster/cluster-aaaaaaaaaaa", "", kInvalid,
     "Only backups have resource policies: " + kOwnArn + "cluster/cluster-aaaaaaaaaaa is no backup."},
    {"PutOnUnknown", "PutResourcePolicy", kOwnArn + "backup/backup-aaaaaaaaaaa", Sharing(), kNotFound,
     "Backup backup-aaaaaaaaaaa was not found."},
    {"GetOfUnknown", "GetResourcePolicy", kOwnArn + "backup/backup-aaaaaaaaaaa", "", kNotFound,
     "Backup backup-aaaaaaaaaaa was not found."},
    {"DeleteOfUnknown", "DeleteResourcePolicy", kOwnArn + "backup/backup-aaaaaaaaaaa", "", kNotFound,
     "Backup backup-aaaaaaaaaaa was not found."},
    {"PutOnAnotherAccounts", "PutResourcePolicy", ArnOf("BACKUP", kOther), Sharing(), kNotFound,
     "Backup BACKUP was not found."},
    {"GetOfAnotherAccounts", "GetResourcePolicy", ArnOf("BACKUP", kOther), "", kNotFound,
     "Backup BACKUP was not found."},
    {"DeleteOfAnotherAccounts", "DeleteResourcePolicy", ArnOf("BACKUP", kOther), "", kNotFound,
     "Backup BACKUP was not found."},
    {"PutElsewhere", "PutResourcePolicy", ArnOf("BACKUP", kOwner, "eu-west-1"), Sharing(), kNotFound,
     "Backup BACKUP was not found."},
    {"PutInAnotherPartition", "PutResourcePolicy", "arn:aws-us-gov:cloudhsm:us-east-1:111122223333:backup/BACKUP",
     Sharing(), kNotFound, "Backup BACKUP was not found."},
    {"PutOnWhatIsGivenUp", "PutResourcePolicy", kOwnArn + "backup/GONE", Sharing(), kInvalid,
     "Backup GONE is in state PENDING_DELETION."},
    {"PutNoJson", "PutResourcePolicy", kOwnArn + "backup/BACKUP", "{", kInvalid, "Syntax errors in policy."},
    {"PutNoStatement", "PutResourcePolicy", kOwnArn + "backup/BACKUP", Policy(""), kInvalid,
     "Syntax errors in policy."},
    {"PutNoPrincipal", "PutResourcePolicy", kOwnArn + "backup/BACKUP",
     Policy(R"({"Effect":"Allow","Action":"cloudhsm:*","Resource":"*"})"), kInvalid,
     "Missing required field Principal"},
    {"PutNoAction", "PutResourcePolicy", kOwnArn + "backup/BACKUP",
     Policy(R"({"Effect":"Allow","Principal":"*","Resource":"*"})"), kInvalid,
     "Policy statement must contain actions."},
    {"PutWhoIsNobody", "PutResourcePolicy", kOwnArn + "backup/BACKUP", Sharing("arn:aws:iam::444455556666:user/nobody"),
     kInvalid, "Policy contains a statement with one or more invalid principals."},
    {"PutWhoIsNoPrincipal", "PutResourcePolicy", kOwnArn + "backup/BACKUP", Sharing("arn:aws:s3:::bucket"), kInvalid,
     R"(Invalid principal in policy: "AWS":"arn:aws:s3:::bucket")"},
};
void PrintTo(const Refusal& row, std::ostream* out) { *out << row.name; }

struct RefusalWorld : Shared {
  RefusalWorld() {
    gone = backup;
    NewHsm(source, "us-east-1b");
    EXPECT_TRUE(Work().ok());
    EXPECT_TRUE(Call("DeleteBackup", {{"BackupId", gone}}).ok());
    const Answer left = Call("DescribeBackups", {{"Filters", {{"states", {"READY"}}}}});
    backup = std::string(left.body.at("Backups").at(0).at("BackupId").as_string());
  }
  std::string Fill(std::string text) const { return With(With(std::move(text), "BACKUP", backup), "GONE", gone); }
  std::string gone;
};
class ResourcePolicyRefusal : public ::testing::TestWithParam<Refusal> {};
TEST_P(ResourcePolicyRefusal, AnswersAsTheRowSays) {
  static RefusalWorld world;
  const Refusal& row = GetParam();
  boost::json::object body;
  if (!row.arn.empty()) body["ResourceArn"] = world.Fill(row.arn);
  if (!row.policy.empty()) body["Policy"] = row.policy;
  const Answer answer = world.Call(row.operation, body);
  EXPECT_EQ(answer.error_type, row.want_type);
  EXPECT_EQ(answer.message, world.Fill(row.want_message));
}
INSTANTIATE_TEST_SUITE_P(Rows, ResourcePolicyRefusal, ::testing::ValuesIn(kRefusals),
                         [](const auto& row) { return row.param.name; });

TEST(ResourcePolicies, AreKeptShownAndDeleted) {
  Shared world;
  const auto get = [&] { return world.Call("GetResourcePolicy", {{"ResourceArn", world.arn}}); };
  EXPECT_EQ(get().body, boost::json::value(boost::json::object_kind));
  for (const std::string& policy : {Sharing(), Sharing(kOtherAlice), Sharing(kOtherAlice)}) {
    const Answer put = world.Put(policy);
    EXPECT_EQ(put.body, (boost::json::value{{"ResourceArn", world.arn}, {"Policy", policy}})) << put.message;
    EXPECT_EQ(world.audited, std::vector{world.arn});
    EXPECT_EQ(get().body, (boost::json::value{{"Policy", policy}}));
  }
  ASSERT_TRUE(world.Call("DeleteBackup", {{"BackupId", world.backup}}).ok());
  EXPECT_EQ(get().body, (boost::json::value{{"Policy", Sharing(kOtherAlice)}}));
  EXPECT_EQ(world.Unshare().body, (boost::json::value{{"ResourceArn", world.arn}, {"Policy", Sharing(kOtherAlice)}}));
  EXPECT_EQ(world.Unshare().body, (boost::json::value{{"ResourceArn", world.arn}}));
  EXPECT_EQ(get().body, boost::json::value(boost::json::object_kind));
}

TEST(ResourcePolicies, ShowWhoIsGoneByTheUniqueId) {
  Shared world;
  world.Share(Sharing(kOtherAlice));
  world.principals.gone.insert(kOtherAlice);
  const Answer shown = world.Call("GetResourcePolicy", {{"ResourceArn", world.arn}});
  EXPECT_EQ(shown.body.at("Policy").as_string(), Sharing(FakePrincipals::IdOf(kOtherAlice)));
}

TEST(ResourcePolicies, GoWithTheBackup) {
  Shared world;
  world.Share();
  ASSERT_TRUE(world.Call("DeleteBackup", {{"BackupId", world.backup}}).ok());
  world.Sql("UPDATE backups SET delete_at = 1 WHERE state = 'PENDING_DELETION'");
  ASSERT_TRUE(world.Work().ok());
  const auto kept = world.database->Read(
      [](store::Transaction& t) { return t.Query("SELECT 1 FROM backups WHERE policy || policy_principals <> ''"); });
  EXPECT_EQ(kept->size(), 0U);
  for (const char* operation : {"GetResourcePolicy", "DeleteResourcePolicy"})
    EXPECT_EQ(world.Call(operation, {{"ResourceArn", world.arn}}).error_type, kNotFound) << operation;
  EXPECT_EQ(world.Make(kOther, world.arn).error_type, kDenied) << "as if it had never been there";
}

TEST(ResourcePolicies, AreNotInheritedByACopy) {
  Shared world;
  world.Share();
  ASSERT_TRUE(world.Call("CopyBackupToRegion", {{"BackupId", world.backup}, {"DestinationRegion", "eu-west-1"}}).ok());
  world.region = "eu-west-1";
  const Answer there = world.Call("DescribeBackups", boost::json::object());
  const std::string copy(there.body.at("Backups").at(0).at("BackupArn").as_string());
  EXPECT_EQ(world.Call("GetResourcePolicy", {{"ResourceArn", copy}}).body,
            boost::json::value(boost::json::object_kind));
  EXPECT_EQ(world.Lists(kOther).size(), 0U);
  EXPECT_EQ(world.Make(kOther, copy).error_type, kDenied);
}

/// What alice of the backup's own account may do by her own policies and the backup's.
struct Decision {
  std::string name, identity, policy, operation;
  bool allowed;
};
const std::string kAllowAll = R"({"Effect":"Allow","Action":"cloudhsm:*","Resource":"*"})";
const std::string kDenyAll = R"({"Effect":"Deny","Action":"cloudhsm:*","Resource":"*"})";
const std::string kOnlyLists = R"({"Effect":"Allow","Action":"cloudhsm:ListTags","Resource":"*"})";
const std::string kOwnAlice = Names("arn:aws:iam::111122223333:user/alice");
const std::string kOwnRoot = Names("arn:aws:iam::111122223333:root");
const std::string kIfRed = R"({"StringEquals":{"aws:ResourceTag/team":"red"}})";
const Decision kDecisions[] = {
    {"WithoutAPolicyTheOwnCount", kAllowAll, "", "DeleteBackup", true},
    {"APolicyForOthersChangesNothing", kAllowAll, Sharing(), "DeleteBackup", true},
    {"NeitherAllows", kOnlyLists, Sharing(), "DeleteBackup", false},
    {"TheBackupsAllows", kOnlyLists, Policy(Statement("Allow", kOwnAlice, "cloudhsm:DeleteBackup")), "DeleteBackup",
     true},
    {"TheBackupsAllowsAnotherOperation", kOnlyLists, Policy(Statement("Allow", kOwnAlice, "cloudhsm:TagResource")),
     "DeleteBackup", false},
    {"TheBackupsAllowsTheAccountOnly", kOnlyLists, Policy(Statement("Allow", kOwnRoot, "cloudhsm:DeleteBackup")),
     "DeleteBackup", false},
    {"TheBackupsDenies", kAllowAll, Policy(Statement("Deny", kOwnAlice, "cloudhsm:DeleteBackup")), "DeleteBackup",
     false},
    {"TheBackupsDeniesTheAccount", kAllowAll, Policy(Statement("Deny", kOwnRoot, "cloudhsm:*")), "DeleteBackup", false},
    {"TheOwnDenies", kDenyAll, Policy(Statement("Allow", kOwnAlice, "cloudhsm:DeleteBackup")), "DeleteBackup", false},
    {"ByTheTagThatItHas", kOnlyLists, Policy(Statement("Allow", kOwnAlice, "cloudhsm:DeleteBackup", kIfRed)),
     "DeleteBackup", true},
    {"TheBackupsAllowsButNoClusters", kOnlyLists, Policy(Statement("Allow", kOwnAlice, "cloudhsm:CreateCluster")),
     "Make", false},
    {"TheBackupsDeniesToBeMadeIntoACluster", kAllowAll, Policy(Statement("Deny", kOwnAlice, "cloudhsm:CreateCluster")),
     "Make", false},
    {"MadeIntoACluster", kAllowAll, Sharing(), "Make", true},
    {"UserWhoIsDeniedCannotUnshare", kAllowAll, Policy(Statement("Deny", kOwnAlice, "cloudhsm:*")),
     "DeleteResourcePolicy", false},
    {"RootWhoIsDenied", "", Policy(Statement("Deny", R"("*")", "cloudhsm:*")), "DeleteBackup", false},
    {"RootWhoIsDeniedUnshares", "", Policy(Statement("Deny", R"("*")", "cloudhsm:*")), "DeleteResourcePolicy", true},
    {"RootWhoIsDeniedLooks", "", Policy(Statement("Deny", R"("*")", "cloudhsm:*")), "GetResourcePolicy", true},
};
void PrintTo(const Decision& row, std::ostream* out) { *out << row.name; }

class ResourcePolicyAtHome : public ::testing::TestWithParam<Decision> {};
TEST_P(ResourcePolicyAtHome, DecidesAsTheRowSays) {
  const Decision& row = GetParam();
  Shared world;
  const boost::json::array tags{{{"Key", "team"}, {"Value", "red"}}};
  ASSERT_TRUE(world.Call("TagResource", {{"ResourceId", world.backup}, {"TagList", tags}}).ok());
  if (!row.policy.empty()) world.Share(row.policy);
  world.AliceMay(row.identity);
  const Answer answer = row.operation == "Make"           ? world.Make(kOwner, world.backup)
                        : row.operation == "DeleteBackup" ? world.Call("DeleteBackup", {{"BackupId", world.backup}})
                                                          : world.Call(row.operation, {{"ResourceArn", world.arn}});
  EXPECT_EQ(answer.error_type, row.allowed ? "" : kDenied) << answer.message;
}
INSTANTIATE_TEST_SUITE_P(Rows, ResourcePolicyAtHome, ::testing::ValuesIn(kDecisions),
                         [](const auto& row) { return row.param.name; });

/// What another account may do with the backup: make a cluster of it, and see it.
struct Foreign {
  std::string name, policy, identity;  // no identity: the account's root
  bool made, listed;
};
const std::string kCreates = R"({"Effect":"Allow","Action":"cloudhsm:CreateCluster","Resource":"*"})";
const std::string kDescribes = R"({"Effect":"Allow","Action":"cloudhsm:DescribeBackups","Resource":"*"})";
const std::string kNotThisOne =
    R"({"Effect":"Deny","Action":"cloudhsm:*","Resource":"arn:aws:cloudhsm:*:111122223333:backup/*"})";
const std::string kOwnBackupsAlone =
    R"({"Effect":"Allow","Action":"cloudhsm:CreateCluster","Resource":["arn:aws:cloudhsm:*:444455556666:*"]},)" +
    kDescribes;
const Foreign kForeigners[] = {
    {"Unshared", "", "", false, false},
    {"SharedWithTheAccount", Sharing(), "", true, true},
    {"SharedWithAll", Policy(Statement("Allow", R"("*")", "cloudhsm:*")), "", true, true},
    {"SharedWithAnother", Sharing("arn:aws:iam::999999999999:root"), "", false, false},
    {"ToBeSeenOnly", Policy(Statement("Allow", Names(kOther), "cloudhsm:DescribeBackups")), "", false, true},
    {"ToBeUsedOnly", Policy(Statement("Allow", Names(kOther), "cloudhsm:CreateCluster")), "", true, false},
    {"Denied",
     Policy(Statement("Allow", R"("*")", "cloudhsm:*") + "," + Statement("Deny", Names(kOther), "cloudhsm:*")), "",
     false, false},
    {"OfAnotherArn",
     R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"cloudhsm:*","Resource":"arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-aaaaaaaaaaa"}})",
     "", false, false},
    {"WithTheOwnersTag", Policy(Statement("Allow", R"("*")", "cloudhsm:*", kIfRed)), "", true, true},
    {"WithoutTheOwnersTag",
     Policy(Statement("Allow", R"("*")", "cloudhsm:*", R"({"StringEquals":{"aws:ResourceTag/team":"blue"}})")), "",
     false, false},
    {"UserOfTheAccount", Sharing(), kAllowAll, true, true},
    {"UserWhoMayOnlyDescribe", Sharing(), kDescribes, false, true},
    {"UserWhoIsDeniedThisOne", Sharing(), kAllowAll + "," + kNotThisOne, false, false},
    {"UserWhoMayOnlyUseOwnBackups", Sharing(), kCreates + "," + kDescribes + "," + kNotThisOne, false, false},
    {"NamedUserNeedsPoliciesOfItsOwn", Sharing(kOtherAlice), kDescribes, false, true},
    {"NamedUser", Sharing(kOtherAlice), kAllowAll, true, true},
    {"AnotherUser", Sharing("arn:aws:iam::444455556666:user/bob"), kAllowAll, false, false},
};
void PrintTo(const Foreign& row, std::ostream* out) { *out << row.name; }

class ResourcePolicyAbroad : public ::testing::TestWithParam<Foreign> {};
TEST_P(ResourcePolicyAbroad, DecidesAsTheRowSays) {
  const Foreign& row = GetParam();
  Shared world;
  const boost::json::array tags{{{"Key", "team"}, {"Value", "red"}}};
  ASSERT_TRUE(world.Call("TagResource", {{"ResourceId", world.backup}, {"TagList", tags}}).ok());
  if (!row.policy.empty()) world.Share(row.policy);
  world.AliceMay(row.identity);
  const boost::json::array listed = world.Lists(kOther);
  ASSERT_EQ(listed.size(), row.listed ? 1U : 0U);
  if (row.listed) {
    EXPECT_EQ(listed[0].at("BackupArn"), boost::json::value(world.arn));
    EXPECT_EQ(listed[0].at("TagList"), boost::json::value(boost::json::array_kind)) << "tags are their owner's";
  }
  const Answer made = world.Make(kOther, world.arn);
  EXPECT_EQ(made.error_type, row.made ? "" : kDenied) << made.message;
  EXPECT_EQ(std::ranges::count(world.audited, world.arn), row.made ? 1 : 0);
  const Answer unknown = world.Make(kOther, ArnOf("backup-aaaaaaaaaaa"));
  EXPECT_EQ(unknown.error_type, kDenied);
  if (!row.made && row.identity != kDescribes) {
    EXPECT_EQ(With(made.message, world.backup, "backup-aaaaaaaaaaa"), unknown.message);
  }
}
INSTANTIATE_TEST_SUITE_P(Rows, ResourcePolicyAbroad, ::testing::ValuesIn(kForeigners),
                         [](const auto& row) { return row.param.name; });

TEST(ResourcePolicies, AStrangerLearnsNothingOfBackups) {
  Shared world;
  world.Share(Sharing("arn:aws:iam::999999999999:root"));
  const auto refused = [&](const std::string& backup, const std::string& region = "us-east-1") {
    const Answer answer = world.Make(kOther, ArnOf(backup, kOwner, region));
    EXPECT_EQ(answer.error_type, kDenied);
    EXPECT_TRUE(world.audited.empty()) << "the caller's own trail would tell";
    return With(With(answer.message, backup, "BACKUP"), region, "REGION");
  };
  const std::string shared_with_another = refused(world.backup);
  EXPECT_EQ(shared_with_another, "User: " + kOtherRoot +
                                     " is not authorized to perform: cloudhsm:CreateCluster on resource: "
                                     "arn:aws:cloudhsm:REGION:111122223333:backup/BACKUP");
  EXPECT_EQ(refused("backup-aaaaaaaaaaa"), shared_with_another);
  EXPECT_EQ(refused(world.backup, "eu-west-1"), shared_with_another);
  ASSERT_TRUE(world.Unshare().ok());
  EXPECT_EQ(refused(world.backup), shared_with_another);
  EXPECT_EQ(world.Make(kOther, world.backup).error_type, kNotFound) << "its id alone means an own one";
  for (const char* operation : {"GetResourcePolicy", "DeleteResourcePolicy"})
    EXPECT_EQ(world.Call(operation, {{"ResourceArn", world.arn}}, kOther).error_type, kNotFound) << operation;
}

TEST(ResourcePolicies, SharingGivesNothingButAView) {
  Shared world;
  world.Share(Policy(Statement("Allow", R"("*")", "*")));
  for (const char* operation : {"DeleteBackup", "RestoreBackup", "ModifyBackupAttributes", "CopyBackupToRegion"}) {
    boost::json::object body{{"BackupId", world.backup}, {"NeverExpires", true}, {"DestinationRegion", "eu-west-1"}};
    EXPECT_EQ(world.Call(operation, body, kOther).error_type, kNotFound) << operation;
  }
  for (const char* operation : {"ListTags", "TagResource", "UntagResource"}) {
    boost::json::object body{
        {"ResourceId", world.backup}, {"TagList", {{{"Key", "k"}, {"Value", "v"}}}}, {"TagKeyList", {"k"}}};
    EXPECT_EQ(world.Call(operation, body, kOther).error_type, kNotFound) << operation;
  }
  EXPECT_EQ(world.Make(kOther, ArnOf(world.backup, kOwner, "eu-west-1")).error_type, kDenied);
  EXPECT_EQ(world.Make(kOther, With(world.arn, "arn:aws:", "arn:aws-us-gov:")).error_type, kDenied);
  const Answer own = world.Call("DescribeBackups", boost::json::object(), kOther);
  EXPECT_EQ(own.body.at("Backups").as_array().size(), 0U) << "what is shared has to be asked for";
  EXPECT_EQ(world.Lists(kOwner).size(), 0U) << "one's own is not shared with one";
}

TEST(ResourcePolicies, ASharedBackupMustBeReady) {
  Shared world;
  world.Share();
  ASSERT_TRUE(world.Call("DeleteBackup", {{"BackupId", world.backup}}).ok());
  EXPECT_EQ(world.Lists(kOther).size(), 0U);
  const Answer made = world.Make(kOther, world.arn);
  EXPECT_EQ(made.error_type, kInvalid);
  EXPECT_EQ(made.message, "Backup " + world.backup + " is in state PENDING_DELETION.");
  EXPECT_EQ(world.Make(kThird, world.arn).error_type, kDenied);
  ASSERT_TRUE(world.Call("RestoreBackup", {{"BackupId", world.backup}}).ok());
  EXPECT_EQ(world.Lists(kOther).size(), 1U);
}

TEST(ResourcePolicies, AnotherAccountsClusterIsRestoredAndStaysWhenUnshared) {
  Shared world;
  world.Share();
  const Answer made = world.Make(kOther, world.arn);
  ASSERT_TRUE(made.ok()) << made.message;
  EXPECT_EQ(made.body.at("Cluster").at("SourceBackupId"), boost::json::value(world.backup));
  const std::string cluster(made.body.at("Cluster").at("ClusterId").as_string());
  EXPECT_EQ(world.audited.front(), world.arn) << "its owner's trail tells of it";
  EXPECT_EQ(world.audited.size(), 2U);
  EXPECT_TRUE(world.Cluster(cluster).empty()) << "it is not the owner's";
  ASSERT_TRUE(world.Work().ok());
  ASSERT_TRUE(world.Unshare().ok());
  EXPECT_EQ(world.Make(kOther, world.arn).error_type, kDenied);
  const Answer hsm = world.Call("CreateHsm", {{"ClusterId", cluster}, {"AvailabilityZone", "us-east-1a"}}, kOther);
  ASSERT_TRUE(hsm.ok()) << hsm.message;
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.hsms.at(std::string(hsm.body.at("Hsm").at("HsmId").as_string())).restored, 1);
  EXPECT_FALSE(world.hardware.restored_from.empty());
  EXPECT_EQ(world.Cluster(cluster, kOther).at("State"), "ACTIVE");
  EXPECT_EQ(world.Cluster(cluster, kOther).at("Certificates"), world.Cluster(world.source).at("Certificates"));
}

TEST(ResourcePolicies, AnotherAccountsClusterNeedsTheBackupUntilItHasAnHsm) {
  Shared world;
  world.Share();
  const Answer made = world.Make(kOther, world.arn);
  ASSERT_TRUE(made.ok()) << made.message;
  const std::string cluster(made.body.at("Cluster").at("ClusterId").as_string());
  ASSERT_TRUE(world.Work().ok());
  ASSERT_TRUE(world.Call("DeleteBackup", {{"BackupId", world.backup}}).ok());
  world.Sql("UPDATE backups SET delete_at = 1 WHERE state = 'PENDING_DELETION'");
  ASSERT_TRUE(world.Work().ok());
  const Answer refused = world.Call("CreateHsm", {{"ClusterId", cluster}, {"AvailabilityZone", "us-east-1a"}}, kOther);
  EXPECT_EQ(refused.message, "Cluster " + cluster + " is made from backup " + world.backup +
                                 ", which is deleted: it can have no HSM any more. Delete the cluster.");
  EXPECT_TRUE(world.Call("DeleteCluster", {{"ClusterId", cluster}}, kOther).ok());
}

TEST(ResourcePolicies, ThatCannotBeReadAnyMoreLetNobodyIn) {
  Shared world;
  world.AliceMay(kAllowAll);
  for (const char* damage : {"policy = 'damaged'", "policy_principals = 'damaged'"}) {
    world.Share(Sharing(kOtherAlice));
    EXPECT_EQ(world.Lists(kOther).size(), 1U);
    world.Sql(std::string("UPDATE backups SET ") + damage);
    EXPECT_EQ(world.Lists(kOther).size(), 0U) << damage;
    EXPECT_EQ(world.Make(kOther, world.arn).error_type, kDenied) << damage;
    EXPECT_EQ(world.Call("DeleteBackup", {{"BackupId", world.backup}}).error_type, kDenied) << damage;
    EXPECT_EQ(world.Unshare().error_type, kDenied) << damage;
    world.alice.reset();
    EXPECT_TRUE(world.Unshare().ok()) << "the root sets it right: " << damage;
    world.AliceMay(kAllowAll);
  }
}

TEST(ResourcePolicies, SharedBackupsComeInPagesInEitherOrderAndByFilter) {
  Shared world;
  world.Share();
  // More than are read at once, of which every third one is shared with somebody else.
  const auto filled = world.database->Transact([&](store::Transaction& t) -> Status {
    SR_TRY(const auto row, LoadClusterById(t, world.source));
    for (int i = 0; i < 120; ++i) {
      const std::string digits{static_cast<char>('a' + i / 26), static_cast<char>('a' + i % 26)};
      BackupRow made = BackupOf(*row, "backup-aaaaaaaaa" + digits, 1'000'000 + i / 2);
      made.state = BackupState::kReady;
      made.never_expires = i == 4;
      SR_CHECK(InsertBackup(t, made));
      const BackupPolicy policy{i % 3 == 0 ? Sharing("arn:aws:iam::999999999999:root") : Sharing(), ""};
      SR_CHECK(PutBackupPolicy(t, made, policy));
    }
    return {};
  });
  ASSERT_TRUE(filled.ok()) << filled.error();
  const auto pages = [&](const std::string& account, int size, bool ascending) {
    boost::json::array all;
    boost::json::object request{{"Shared", true}, {"MaxResults", size}, {"SortAscending", ascending}};
    for (int count = 0; count < 200; ++count) {
      const Answer page = world.Call("DescribeBackups", request, account);
      EXPECT_TRUE(page.ok()) << page.message;
      if (!page.ok()) break;
      for (const auto& backup : page.body.at("Backups").as_array()) all.push_back(backup.at("BackupId"));
      const auto* next = page.body.as_object().if_contains("NextToken");
      if (next == nullptr) break;
      request["NextToken"] = *next;
    }
    return all;
  };
  const auto newest_first = pages(kOther, 7, false);
  ASSERT_EQ(newest_first.size(), 81U);
  EXPECT_EQ(newest_first[0], boost::json::value(world.backup));
  EXPECT_EQ(pages(kOther, 50, false), newest_first);
  EXPECT_EQ(pages(kOther, 81, false), newest_first) << "no token for an empty page";
  auto oldest_first = pages(kOther, 8, true);
  std::reverse(oldest_first.begin(), oldest_first.end());
  EXPECT_EQ(oldest_first, newest_first);
  EXPECT_EQ(pages(kThird, 50, false).size(), 40U);
  EXPECT_EQ(pages(kOwner, 50, false).size(), 0U);

  EXPECT_EQ(world.Lists(kOther, {{"Filters", {{"backupIds", {world.backup, "backup-aaaaaaaaaaa"}}}}}).size(), 1U);
  EXPECT_EQ(world.Lists(kOther, {{"Filters", {{"neverExpires", {"true"}}}}}).size(), 1U);
  EXPECT_EQ(world.Lists(kOther, {{"Filters", {{"states", {"PENDING_DELETION"}}}}}).size(), 0U);
  EXPECT_EQ(world.Lists(kOther, {{"Filters", {{"clusterIds", {"cluster-otherothera"}}}}}).size(), 0U);
  const Answer own = world.Call("DescribeBackups", {{"MaxResults", 1}}, kOwner);
  const Answer mixed =
      world.Call("DescribeBackups", {{"Shared", true}, {"NextToken", own.body.at("NextToken")}}, kOther);
  EXPECT_EQ(mixed.message, "The NextToken is not valid.") << "another list's";
}

}  // namespace
}  // namespace strongroom::cloudhsm
