#include <gtest/gtest.h>

#include <set>

#include "cloudhsm/ops/all.h"
#include "cloudhsm/testing/world.h"

namespace strongroom::cloudhsm {
namespace {

using testing::Answer;
using testing::World;

const std::string kInvalid = "CloudHsmInvalidRequestException";
const std::string kNotFound = "CloudHsmResourceNotFoundException";
const std::string kService = "CloudHsmServiceException";

std::string TextOf(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string("(none)");
}

// Refusals: each row starts in a world with one cluster of subnets a and b (its id stands for CLUSTER).
struct Row {
  std::string name, operation, body, want_type, want_message;
  bool initialized = false;  // one HSM, ACTIVE
};

const Row kRows[] = {
    {"UnknownType", "CreateCluster", R"({"HsmType":"hsm3.large","SubnetIds":["subnet-00000001"]})", kInvalid,
     "Provided HsmType is not supported."},
    {"OldTypeHasFipsOnly", "CreateCluster",
     R"({"HsmType":"hsm1.medium","Mode":"NON_FIPS","SubnetIds":["subnet-00000001"]})", kInvalid,
     "Mode NON_FIPS is not supported by HsmType hsm1.medium."},
    {"DualStack", "CreateCluster",
     R"({"HsmType":"hsm1.medium","NetworkType":"DUALSTACK","SubnetIds":["subnet-00000001"]})", kInvalid,
     "NetworkType DUALSTACK is not supported: HSMs have IPv4 addresses."},
    {"SameSubnetTwice", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001","subnet-00000001"]})", kInvalid,
     "Only one subnet per Availability Zone may be specified."},
    {"KnownSubnetTwice", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-0a0a0a0a","subnet-0a0a0a0a"]})", kInvalid,
     "Only one subnet per Availability Zone may be specified."},
    {"FourSubnets", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001","subnet-00000002","subnet-00000003","subnet-00000004"]})",
     kInvalid,
     "Subnet subnet-00000004 cannot be placed: the Availability Zones us-east-1a, us-east-1b and us-east-1c each have "
     "a "
     "subnet in this request already."},
    {"RetentionTooShort", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001"],"BackupRetentionPolicy":{"Type":"DAYS","Value":"6"}})",
     kInvalid, "Backup retention value must be between 7 and 379 days."},
    {"RetentionWithoutDays", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001"],"BackupRetentionPolicy":{"Type":"DAYS"}})", kInvalid,
     "Backup retention value must be between 7 and 379 days."},
    {"RetentionTooLong", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001"],"BackupRetentionPolicy":{"Type":"DAYS","Value":"380"}})",
     kInvalid, "Backup retention value must be between 7 and 379 days."},
    {"UnknownBackup", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001"],"SourceBackupId":"backup-aaaaaaaaaaa"})", kNotFound,
     "Backup backup-aaaaaaaaaaa was not found."},
    {"TagTwice", "CreateCluster",
     R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001"],"TagList":[{"Key":"k","Value":"1"},{"Key":"k","Value":"2"}]})",
     "CloudHsmTagException", "Tag keys must be unique: k is given twice."},
    {"UnknownFilter", "DescribeClusters", R"({"Filters":{"colour":["red"]}})", kInvalid,
     "The filter colour is not supported. Use clusterIds, vpcIds or states."},
    {"ForeignToken", "DescribeClusters", R"({"NextToken":"bm90IG91cnM="})", kInvalid, "The NextToken is not valid."},
    {"GarbageToken", "DescribeClusters", R"({"NextToken":"%%%"})", kInvalid, "The NextToken is not valid."},
    {"HsmOfUnknownCluster", "CreateHsm", R"({"ClusterId":"cluster-aaaaaaaaaaa","AvailabilityZone":"us-east-1a"})",
     kNotFound, "Cluster cluster-aaaaaaaaaaa was not found."},
    {"ZoneNotMapped", "CreateHsm", R"({"ClusterId":"CLUSTER","AvailabilityZone":"us-east-1c"})", kInvalid,
     "Availability Zone us-east-1c is not configured for cluster CLUSTER."},
    {"AddressOutsideTheNetwork", "CreateHsm",
     R"({"ClusterId":"CLUSTER","AvailabilityZone":"us-east-1a","IpAddress":"10.0.0.7"})", kInvalid,
     "IP address 10.0.0.7 is not available."},
    {"AddressOfTheHost", "CreateHsm",
     R"({"ClusterId":"CLUSTER","AvailabilityZone":"us-east-1a","IpAddress":"127.9.9.1"})", kInvalid,
     "IP address 127.9.9.1 is not available."},
    {"NoSelector", "DeleteHsm", R"({"ClusterId":"CLUSTER"})", kInvalid,
     "Specify exactly one of HsmId, EniId, or EniIp."},
    {"TwoSelectors", "DeleteHsm", R"({"ClusterId":"CLUSTER","HsmId":"hsm-aaaaaaaaaaa","EniIp":"127.9.9.10"})", kInvalid,
     "Specify exactly one of HsmId, EniId, or EniIp."},
    {"UnknownHsm", "DeleteHsm", R"({"ClusterId":"CLUSTER","HsmId":"hsm-aaaaaaaaaaa"})", kNotFound,
     "HSM hsm-aaaaaaaaaaa was not found."},
    {"InitializeWithoutHsm", "InitializeCluster", R"({"ClusterId":"CLUSTER","SignedCert":"x","TrustAnchor":"x"})",
     kInvalid, "Cluster CLUSTER has no HSM. Create an HSM before initializing the cluster."},
    {"InitializeTwice", "InitializeCluster", R"({"ClusterId":"CLUSTER","SignedCert":"x","TrustAnchor":"x"})", kInvalid,
     "Cluster CLUSTER is in state ACTIVE. InitializeCluster requires state UNINITIALIZED.", true},
    {"AddressTaken", "CreateHsm", R"({"ClusterId":"CLUSTER","AvailabilityZone":"us-east-1b","IpAddress":"127.9.9.10"})",
     kInvalid, "IP address 127.9.9.10 is not available.", true},
    {"DeleteWithHsms", "DeleteCluster", R"({"ClusterId":"CLUSTER"})", kInvalid,
     "Cluster CLUSTER contains HSMs. Delete all HSMs before deleting the cluster.", true},
    {"DeleteUnknown", "DeleteCluster", R"({"ClusterId":"cluster-aaaaaaaaaaa"})", kNotFound,
     "Cluster cluster-aaaaaaaaaaa was not found."},
    {"TagUnknown", "TagResource", R"({"ResourceId":"cluster-aaaaaaaaaaa","TagList":[{"Key":"k","Value":"v"}]})",
     kNotFound, "Cluster cluster-aaaaaaaaaaa was not found."},
    {"TagsOfABackup", "ListTags", R"({"ResourceId":"backup-aaaaaaaaaaa"})", kNotFound,
     "Backup backup-aaaaaaaaaaa was not found."},
};

std::string Replace(std::string text, const std::string& id) {
  for (std::size_t at; (at = text.find("CLUSTER")) != std::string::npos;) text.replace(at, 7, id);
  return text;
}

class Refusals : public ::testing::TestWithParam<Row> {};

TEST_P(Refusals, SayWhatTheRowSays) {
  World world;
  const std::string cluster = GetParam().initialized ? world.ActiveCluster() : world.NewCluster();
  const auto before = world.Cluster(cluster);
  const Answer answer = world.Call(GetParam().operation, Replace(GetParam().body, cluster));
  EXPECT_EQ(answer.error_type, GetParam().want_type);
  EXPECT_EQ(answer.message, Replace(GetParam().want_message, cluster));
  EXPECT_EQ(world.Cluster(cluster), before) << "a refused call changed something";
}

INSTANTIATE_TEST_SUITE_P(CloudHsm, Refusals, ::testing::ValuesIn(kRows),
                         [](const auto& tested) { return tested.param.name; });

TEST(CreateCluster, AnswersInProgressAndBecomesUninitializedLater) {
  World world;
  const Answer made = world.Call("CreateCluster", R"({"HsmType":"hsm2m.medium","SubnetIds":["subnet-00000001",
      "subnet-00000002","subnet-00000003"],"TagList":[{"Key":"Name","Value":"mine"}],"Mode":"NON_FIPS"})");
  ASSERT_TRUE(made.ok()) << made.message;
  const auto& cluster = made.body.at("Cluster").as_object();
  EXPECT_EQ(TextOf(cluster, "State"), "CREATE_IN_PROGRESS");
  EXPECT_EQ(cluster.at("Hsms"), boost::json::array());
  EXPECT_EQ(cluster.at("Certificates"), boost::json::object());
  EXPECT_EQ(cluster.at("BackupRetentionPolicy"), (boost::json::object{{"Type", "DAYS"}, {"Value", "90"}}));
  EXPECT_EQ(cluster.at("SubnetMapping"), (boost::json::object{{"us-east-1a", "subnet-00000001"},
                                                              {"us-east-1b", "subnet-00000002"},
                                                              {"us-east-1c", "subnet-00000003"}}));
  EXPECT_EQ(cluster.at("TagList"), (boost::json::array{boost::json::object{{"Key", "Name"}, {"Value", "mine"}}}));
  EXPECT_EQ(TextOf(cluster, "Mode"), "NON_FIPS");
  EXPECT_EQ(TextOf(cluster, "NetworkType"), "IPV4");
  EXPECT_EQ(TextOf(cluster, "BackupPolicy"), "DEFAULT");
  EXPECT_TRUE(cluster.at("CreateTimestamp").is_number());
  EXPECT_EQ(world.wakes, 1);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(TextOf(world.Cluster(TextOf(cluster, "ClusterId")), "State"), "UNINITIALIZED");
}

TEST(CreateCluster, KeepsKnownSubnetsInTheirZones) {
  World world;
  world.NewCluster(R"(["subnet-00000001","subnet-00000002"])");
  const std::string second = world.NewCluster(R"(["subnet-00000009","subnet-00000001"])");
  EXPECT_EQ(world.Cluster(second).at("SubnetMapping"),
            (boost::json::object{{"us-east-1a", "subnet-00000001"}, {"us-east-1b", "subnet-00000009"}}));
  const Answer both =
      world.Call("CreateCluster", R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000002","subnet-00000009"]})");
  EXPECT_EQ(both.message, "Only one subnet per Availability Zone may be specified.");
}

TEST(Quotas, OfClustersAndHsms) {
  World world;
  world.limits.clusters = 1;
  world.limits.hsms = 1;
  world.Restart();
  const std::string cluster = world.ActiveCluster();
  const Answer another = world.Call("CreateCluster", R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-00000001"]})");
  EXPECT_EQ(another.error_type, kService);
  EXPECT_EQ(another.message, "You have reached the limit of 1 clusters.");
  const Answer hsm = world.Call("CreateHsm", {{"ClusterId", cluster}, {"AvailabilityZone", "us-east-1b"}});
  EXPECT_EQ(hsm.error_type, kService);
  EXPECT_EQ(hsm.message, "You have reached the limit of 1 HSMs.");
}

TEST(CreateHsm, SecondOneWaitsForInitialization) {
  World world;
  const std::string cluster = world.NewCluster();
  world.NewHsm(cluster);
  const Answer second = world.Call("CreateHsm", {{"ClusterId", cluster}, {"AvailabilityZone", "us-east-1b"}});
  EXPECT_EQ(second.message, "Cluster " + cluster + " must be initialized before another HSM can be created.");
}

TEST(DescribeClusters, ShowsAnAccountItsOwnAlone) {
  World world;
  const std::string cluster = world.NewCluster();
  const Answer other = world.Call("DescribeClusters", {{"Filters", {{"clusterIds", {cluster}}}}}, "444455556666");
  EXPECT_EQ(other.body, (boost::json::object{{"Clusters", boost::json::array()}}));
  const Answer deleted = world.Call("DeleteCluster", {{"ClusterId", cluster}}, "444455556666");
  EXPECT_EQ(deleted.error_type, kNotFound);
}

TEST(DescribeClusters, PagesThroughAllOnce) {
  World world;
  world.limits.clusters = 10;
  world.Restart();
  std::set<std::string> made, seen;
  for (int i = 0; i < 5; ++i) made.insert(world.NewCluster());
  std::string token;
  int pages = 0;
  do {
    boost::json::object body{{"MaxResults", 2}};
    if (!token.empty()) body["NextToken"] = token;
    const Answer page = world.Call("DescribeClusters", body);
    ASSERT_TRUE(page.ok()) << page.message;
    for (const auto& cluster : page.body.at("Clusters").as_array()) {
      EXPECT_TRUE(seen.insert(TextOf(cluster.as_object(), "ClusterId")).second);
    }
    const auto* next = page.body.as_object().if_contains("NextToken");
    token = next != nullptr ? std::string(next->as_string()) : std::string();
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(seen, made);
  EXPECT_EQ(pages, 3);
}

TEST(DescribeClusters, FiltersByStateAndVpc) {
  World world;
  const std::string cluster = world.NewCluster();
  const std::string vpc = TextOf(world.Cluster(cluster), "VpcId");
  const auto count = [&](std::string_view name, const std::string& value) {
    return world.Call("DescribeClusters", {{"Filters", {{name, {value}}}}}).body.at("Clusters").as_array().size();
  };
  EXPECT_EQ(count("states", "UNINITIALIZED"), 1U);
  EXPECT_EQ(count("states", "ACTIVE"), 0U);
  EXPECT_EQ(count("vpcIds", vpc), 1U);
  EXPECT_EQ(count("vpcIds", "vpc-00000000"), 0U);
  EXPECT_EQ(count("clusterIds", "cluster-aaaaaaaaaaa"), 0U);
}

TEST(DeleteCluster, IsShownAsDeletedToWhoAsksForIt) {
  World world;
  const std::string cluster = world.NewCluster();
  const Answer answer = world.Call("DeleteCluster", {{"ClusterId", cluster}});
  ASSERT_TRUE(answer.ok()) << answer.message;
  EXPECT_EQ(TextOf(answer.body.at("Cluster").as_object(), "State"), "DELETE_IN_PROGRESS");
  EXPECT_EQ(TextOf(answer.body.at("Cluster").as_object(), "StateMessage"), "The cluster is being deleted.");
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(TextOf(world.Cluster(cluster), "State"), "DELETED");
  EXPECT_TRUE(world.Call("DescribeClusters", "{}").body.at("Clusters").as_array().empty());
  EXPECT_EQ(world.Call("DeleteCluster", {{"ClusterId", cluster}}).error_type, kNotFound);
}

TEST(Tags, AreReplacedRemovedAndPaged) {
  World world;
  const std::string cluster = world.NewCluster();
  const auto tag = [&](boost::json::array list) {
    return world.Call("TagResource", {{"ResourceId", cluster}, {"TagList", std::move(list)}});
  };
  ASSERT_TRUE(
      tag({{{"Key", "a"}, {"Value", "1"}}, {{"Key", "b"}, {"Value", "2"}}, {{"Key", "c"}, {"Value", ""}}}).ok());
  ASSERT_TRUE(tag({{{"Key", "a"}, {"Value", "9"}}}).ok());
  ASSERT_TRUE(world.Call("UntagResource", {{"ResourceId", cluster}, {"TagKeyList", {"b", "unknown"}}}).ok());
  const Answer first = world.Call("ListTags", {{"ResourceId", cluster}, {"MaxResults", 1}});
  EXPECT_EQ(first.body.at("TagList"), (boost::json::array{{{"Key", "a"}, {"Value", "9"}}}));
  const Answer second =
      world.Call("ListTags", {{"ResourceId", cluster}, {"MaxResults", 1}, {"NextToken", first.body.at("NextToken")}});
  EXPECT_EQ(second.body, (boost::json::object{{"TagList", {{{"Key", "c"}, {"Value", ""}}}}}));
}

TEST(Tags, OfAwsItselfAreRefused) {
  World world;
  const std::string cluster = world.NewCluster();
  for (const char* key : {"aws:owner", "AWS:owner"}) {
    const Answer refused =
        world.Call("TagResource", {{"ResourceId", cluster}, {"TagList", {{{"Key", key}, {"Value", "x"}}}}});
    EXPECT_EQ(refused.error_type, "CloudHsmTagException") << key;
    EXPECT_EQ(refused.message, "Tag keys that begin with aws: are reserved for AWS.");
  }
}

TEST(Tags, FiftyAreTheMost) {
  World world;
  const std::string cluster = world.NewCluster();
  boost::json::array list;
  for (int i = 0; i < 50; ++i) list.push_back({{"Key", std::to_string(i)}, {"Value", "v"}});
  EXPECT_TRUE(world.Call("TagResource", {{"ResourceId", cluster}, {"TagList", list}}).ok());
  const Answer more =
      world.Call("TagResource", {{"ResourceId", cluster}, {"TagList", {{{"Key", "more"}, {"Value", "v"}}}}});
  EXPECT_EQ(more.error_type, "CloudHsmResourceLimitExceededException");
  EXPECT_EQ(more.message, "You have reached the limit of 50 tags.");
}

}  // namespace
}  // namespace strongroom::cloudhsm
