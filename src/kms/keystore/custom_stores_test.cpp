// Custom key stores: making, connecting, disconnecting, changing and deleting them (spec/kms.md 7.1 to 7.5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>

#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CustomStore, IsMadeDisconnectedAndShownWithoutItsPassword) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore("rubrik_cloudout_keystore");
  ASSERT_EQ(id.size(), 21u) << id;
  const Answer shown = service.Call("DescribeCustomKeyStores", json::object{});
  json::object entry = shown.body.at("CustomKeyStores").as_array().at(0).as_object();
  entry.erase("CreationDate");
  EXPECT_EQ(json::value(entry), json::value({{"CustomKeyStoreId", id},
                                             {"CustomKeyStoreName", "rubrik_cloudout_keystore"},
                                             {"CloudHsmClusterId", kClusterId},
                                             {"TrustAnchorCertificate", service.pki().owner.certificate.ToPem()},
                                             {"ConnectionState", "DISCONNECTED"},
                                             {"CustomKeyStoreType", "AWS_CLOUDHSM"}}));
  EXPECT_EQ(shown.Text("Truncated"), "false");
  EXPECT_THAT(shown.raw + service.Log(), Not(HasSubstr(FakeService::kInitialPassword)));
}

struct CreateRow {
  std::string name;
  std::function<void(FakeService&, json::object&)> change;
  std::string type;
};
void ChangeInfo(FakeService& service, const std::function<void(ports::ClusterInfo&)>& change) {
  ports::ClusterInfo info = service.cluster().Info();
  change(info);
  service.directory().Put(std::move(info));
}
const CreateRow kCreateRows[] = {
    {"NoCluster", [](FakeService&, json::object& b) { b.erase("CloudHsmClusterId"); }, "ValidationException"},
    {"NoPassword", [](FakeService&, json::object& b) { b.erase("KeyStorePassword"); }, "ValidationException"},
    {"ShortPassword", [](FakeService&, json::object& b) { b["KeyStorePassword"] = "123456"; }, "ValidationException"},
    {"MemberOfAnotherType", [](FakeService&, json::object& b) { b["XksProxyUriPath"] = "/kms/xks/v1"; },
     "ValidationException"},
    {"AnotherType", [](FakeService&, json::object& b) { b["CustomKeyStoreType"] = "EXTERNAL_KEY_STORE"; },
     "ValidationException"},
    {"UnknownCluster", [](FakeService&, json::object& b) { b["CloudHsmClusterId"] = "cluster-kjihgfedcba"; },
     "CloudHsmClusterNotFoundException"},
    {"NotActivated",
     [](FakeService& s, json::object&) {
       ChangeInfo(s, [](ports::ClusterInfo& c) { c.state = ports::ClusterState::kInitialized; });
     },
     "CloudHsmClusterNotActiveException"},
    {"OneHsm", [](FakeService& s, json::object&) { ChangeInfo(s, [](ports::ClusterInfo& c) { c.hsms.pop_back(); }); },
     "CloudHsmClusterInvalidConfigurationException"},
    {"BothHsmsInOneZone",
     [](FakeService& s, json::object&) {
       ChangeInfo(s, [](ports::ClusterInfo& c) { c.hsms[1].zone = c.hsms[0].zone; });
     },
     "CloudHsmClusterInvalidConfigurationException"},
    {"OneOfTwoNotActive",
     [](FakeService& s, json::object&) { ChangeInfo(s, [](ports::ClusterInfo& c) { c.hsms[1].active = false; }); },
     "CloudHsmClusterInvalidConfigurationException"},
    {"OtherTrustAnchor",
     [](FakeService& s, json::object& b) { b["TrustAnchorCertificate"] = s.pki().hsm.certificate.ToPem(); },
     "IncorrectTrustAnchorException"},
    {"NoCertificate", [](FakeService&, json::object& b) { b["TrustAnchorCertificate"] = "nonsense"; },
     "IncorrectTrustAnchorException"},
    {"TrustAnchorWithOtherLineEnds",
     [](FakeService& s, json::object& b) {
       std::string pem = s.pki().owner.certificate.ToPem();
       for (std::size_t at = 0; (at = pem.find('\n', at)) != std::string::npos; at += 2) pem.insert(at, "\r");
       b["TrustAnchorCertificate"] = pem;
     },
     ""},
    {"NameInUse",
     [](FakeService& s, json::object& b) {
       s.NewStore("taken");
       b["CustomKeyStoreName"] = "taken";
       b["KeyStorePassword"] = "another-password";
     },
     "CustomKeyStoreNameInUseException"},
    {"ClusterInUse", [](FakeService& s, json::object&) { s.NewStore("taken"); }, "CloudHsmClusterInUseException"},
    {"ClusterInUseComesBeforeItsZones",
     [](FakeService& s, json::object&) {
       s.NewStore("taken");
       ChangeInfo(s, [](ports::ClusterInfo& c) { c.hsms.pop_back(); });
     },
     "CloudHsmClusterInUseException"},
    {"RelatedClusterInUse",
     [](FakeService& s, json::object& b) {
       s.NewStore("taken");
       ports::ClusterInfo copy = s.cluster().Info();
       copy.cluster_id = "cluster-kjihgfedcba";
       s.directory().Put(copy);
       b["CloudHsmClusterId"] = copy.cluster_id;
     },
     "CloudHsmClusterInUseException"},
};
class CreateStore : public ::testing::TestWithParam<CreateRow> {};
TEST_P(CreateStore, AnswersAsTheRowSays) {
  FakeService service;
  service.MakeCluster();
  json::object body{{"CustomKeyStoreName", "store"},
                    {"CloudHsmClusterId", kClusterId},
                    {"TrustAnchorCertificate", service.pki().owner.certificate.ToPem()},
                    {"KeyStorePassword", FakeService::kInitialPassword}};
  GetParam().change(service, body);
  const Answer answer = service.Call("CreateCustomKeyStore", body);
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
}
INSTANTIATE_TEST_SUITE_P(CustomStore, CreateStore, ::testing::ValuesIn(kCreateRows),
                         [](const auto& row) { return row.param.name; });

TEST(CustomStore, IsAnsweredAgainToTheSameRequestWhileDisconnected) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore("store");
  EXPECT_EQ(service.NewStore("store"), id);
  // The certificate is the same, however its text is laid out.
  std::string pem = service.pki().owner.certificate.ToPem();
  for (std::size_t at = 0; (at = pem.find('\n', at)) != std::string::npos; at += 2) pem.insert(at, "\r");
  json::object body{{"CustomKeyStoreName", "store"},
                    {"CloudHsmClusterId", kClusterId},
                    {"TrustAnchorCertificate", "\n" + pem + "\n"},
                    {"KeyStorePassword", FakeService::kInitialPassword}};
  const Answer again = service.Call("CreateCustomKeyStore", body);
  EXPECT_EQ(again.Text("CustomKeyStoreId"), id) << again.raw;
  body["TrustAnchorCertificate"] = service.pki().hsm.certificate.ToPem();
  EXPECT_EQ(service.Call("CreateCustomKeyStore", body).type, "CustomKeyStoreNameInUseException");
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM custom_key_stores"), 1);
}

/// Table 7.1. "ok" or the store's state error.
struct StateRow {
  std::string state;
  bool connect, disconnect, rename, change_password, remove;
  std::string after_connect, after_disconnect;
};
const StateRow kStateRows[] = {
    {"DISCONNECTED", true, false, true, true, true, "CONNECTED", ""},
    {"CONNECTING", true, true, false, false, false, "CONNECTING", "DISCONNECTED"},
    {"CONNECTED", true, true, true, false, false, "CONNECTED", "DISCONNECTED"},
    {"DISCONNECTING", false, false, false, false, false, "DISCONNECTING", "DISCONNECTING"},
    {"FAILED", false, true, false, false, false, "FAILED", "DISCONNECTED"},
};
class StoreState : public ::testing::TestWithParam<StateRow> {};
TEST_P(StoreState, TakesWhatTheTableSays) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  // Another front end's attempt, far from being over, where there is one.
  const auto set_state = [&] {
    service.Sql("UPDATE custom_key_stores SET state = $1, lease_until = 9000000000000, attempt_id = 'other'",
                {GetParam().state});
  };
  const auto check = [&](const char* operation, json::object more, bool allowed) {
    set_state();
    more["CustomKeyStoreId"] = id;
    const Answer answer = service.Call(operation, more);
    EXPECT_EQ(answer.type, allowed ? "" : "CustomKeyStoreInvalidStateException") << operation << answer.raw;
    if (allowed) {
      EXPECT_EQ(answer.raw, "{}");
    }
  };
  const auto state_now = [&] {
    return service.Call("DescribeCustomKeyStores", json::object{}).Text("CustomKeyStores.0.ConnectionState");
  };
  check("UpdateCustomKeyStore", {{"NewCustomKeyStoreName", "other name"}}, GetParam().rename);
  check("UpdateCustomKeyStore", {{"KeyStorePassword", FakeService::kInitialPassword}}, GetParam().change_password);
  check("UpdateCustomKeyStore", {{"CloudHsmClusterId", kClusterId}}, GetParam().change_password);
  check("DisconnectCustomKeyStore", {}, GetParam().disconnect);
  if (GetParam().disconnect) {
    EXPECT_EQ(service.Settled(id), GetParam().after_disconnect);
  }
  check("ConnectCustomKeyStore", {}, GetParam().connect);
  if (GetParam().state == "DISCONNECTED") {
    EXPECT_EQ(service.Settled(id), GetParam().after_connect);
  } else {
    EXPECT_EQ(state_now(), GetParam().after_connect);
  }
  check("DeleteCustomKeyStore", {}, GetParam().remove);
  if (GetParam().remove) {
    EXPECT_EQ(service.Call("DescribeCustomKeyStores", json::object{}).body.at("CustomKeyStores"), json::array());
  }
}
INSTANTIATE_TEST_SUITE_P(CustomStore, StoreState, ::testing::ValuesIn(kStateRows),
                         [](const auto& row) { return row.param.state; });

TEST(CustomStore, UnknownIdsAreNotFoundEverywhere) {
  FakeService service;
  for (const char* operation : {"ConnectCustomKeyStore", "DisconnectCustomKeyStore", "DeleteCustomKeyStore",
                                "UpdateCustomKeyStore", "DescribeCustomKeyStores"})
    EXPECT_EQ(service.Call(operation, {{"CustomKeyStoreId", "cks-0"}, {"NewCustomKeyStoreName", "n"}}).type,
              "CustomKeyStoreNotFoundException");
  EXPECT_EQ(service.Call("DescribeCustomKeyStores", {{"CustomKeyStoreName", "n"}}).type,
            "CustomKeyStoreNotFoundException");
  EXPECT_EQ(service.Call("DescribeCustomKeyStores", {{"CustomKeyStoreName", "n"}, {"CustomKeyStoreId", "cks-0"}}).type,
            "ValidationException");
  EXPECT_EQ(service.Call("UpdateCustomKeyStore", {{"CustomKeyStoreId", "cks-0"}}).type, "ValidationException");
}

// Connecting
// ------------------------------------------------------------------------------------------------------------

TEST(Connect, ReplacesThePasswordByOneThatNobodyKnows) {
  FakeService service;
  FakeCluster& cluster = service.MakeCluster();
  const std::string id = service.NewStore();
  EXPECT_EQ(service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).raw, "{}");
  EXPECT_EQ(service.Settled(id), "CONNECTED");
  EXPECT_FALSE(cluster.KmsUserHas(FakeService::kInitialPassword));
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM custom_key_stores WHERE sealed_previous_password IS NULL AND "
                          "attempt_id IS NULL"),
            1);
  // The rotated one is kept: the next connect needs nothing from the owner.
  EXPECT_EQ(service.Disconnect(id), "DISCONNECTED");
  EXPECT_EQ(service.Connect(id), "CONNECTED");
}

struct FailureRow {
  std::string name;
  std::function<void(FakeService&)> spoil;
  std::string want;
  /// Undoes it; the password that the owner then gives with UpdateCustomKeyStore, if any.
  std::function<void(FakeService&)> repair;
  std::string new_password;
};
const FailureRow kFailures[] = {
    {"WrongPassword", [](FakeService& s) { s.cluster().SetKmsUser("another-password"); }, "FAILED INVALID_CREDENTIALS",
     [](FakeService&) {}, "another-password"},
    {"NoKmsUser", [](FakeService& s) { s.cluster().RemoveKmsUser(); }, "FAILED USER_NOT_FOUND",
     [](FakeService& s) { s.cluster().SetKmsUser("made-since"); }, "made-since"},
    {"LockedOut", [](FakeService& s) { s.cluster().LockKmsUser(); }, "FAILED USER_LOCKED_OUT",
     [](FakeService& s) { s.cluster().SetKmsUser("reset-since"); }, "reset-since"},
    {"ClusterGone", [](FakeService& s) { s.directory().Remove(std::string(kClusterId)); }, "FAILED CLUSTER_NOT_FOUND",
     [](FakeService& s) { s.directory().Put(s.cluster().Info()); }, ""},
    {"HsmsUnreachable",
     [](FakeService& s) {
       ChangeInfo(s, [](ports::ClusterInfo& c) {
         for (auto& hsm : c.hsms) hsm.address = "127.0.0.254";
       });
     },
     "FAILED NETWORK_ERRORS", [](FakeService& s) { s.directory().Put(s.cluster().Info()); }, ""},
    {"LoggedInElsewhere",
     [](FakeService& s) {
       s.cluster().hsm(0).FailNext(Errc::kUserBusy);
       s.cluster().hsm(1).FailNext(Errc::kUserBusy);
     },
     "FAILED USER_LOGGED_IN",
     [](FakeService& s) {
       s.cluster().hsm(0).FailNext(Errc::kUserBusy, 0);
       s.cluster().hsm(1).FailNext(Errc::kUserBusy, 0);
     },
     ""},
};
class ConnectFailure : public ::testing::TestWithParam<FailureRow> {};
TEST_P(ConnectFailure, IsNamedAndRepairable) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  GetParam().spoil(service);
  EXPECT_EQ(service.Connect(id), GetParam().want);
  EXPECT_EQ(service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).type,
            "CustomKeyStoreInvalidStateException");
  EXPECT_EQ(service.Disconnect(id), "DISCONNECTED");
  GetParam().repair(service);
  if (!GetParam().new_password.empty()) {
    EXPECT_TRUE(
        service.Call("UpdateCustomKeyStore", {{"CustomKeyStoreId", id}, {"KeyStorePassword", GetParam().new_password}})
            .ok());
  }
  EXPECT_EQ(service.Connect(id), "CONNECTED");
}
INSTANTIATE_TEST_SUITE_P(Connect, ConnectFailure, ::testing::ValuesIn(kFailures),
                         [](const auto& row) { return row.param.name; });

TEST(Connect, IsRefusedAtOnceWithoutAnyHsm) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  ChangeInfo(service, [](ports::ClusterInfo& c) {
    for (auto& hsm : c.hsms) hsm.active = false;
  });
  EXPECT_EQ(service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).type,
            "CloudHsmClusterInvalidConfigurationException");
  ChangeInfo(service, [](ports::ClusterInfo& c) { c.state = ports::ClusterState::kDegraded; });
  EXPECT_EQ(service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).type,
            "CloudHsmClusterNotActiveException");
  EXPECT_EQ(service.Settled(id), "DISCONNECTED");
}

TEST(Connect, WorksWithOneHsm) {
  FakeService service;
  FakeCluster& cluster = service.MakeCluster();
  const std::string id = service.NewStore();
  cluster.KillHsm(1);
  ChangeInfo(service, [](ports::ClusterInfo& c) { c.hsms[1].active = false; });
  EXPECT_EQ(service.Connect(id), "CONNECTED");
}

TEST(Connect, SendsNoPasswordToAClusterOfAnotherOwner) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  const channel::Identity stranger = channel::testing::MakeSelfSignedIdentity("stranger", true);
  service.Sql("UPDATE custom_key_stores SET trust_anchor = $1", {stranger.certificate.ToPem()});
  EXPECT_EQ(service.Connect(id), "FAILED NETWORK_ERRORS");
  EXPECT_EQ(service.cluster().hsm(0).executed(wire::Command::kLogin), 0u);
  EXPECT_TRUE(service.cluster().KmsUserHas(FakeService::kInitialPassword));
}

/// A rotation that was cut off after both passwords had been written down.
struct CrashRow {
  std::string name, in_force, want;
};
const CrashRow kCrashes[] = {
    {"TheHsmHadTheNewOne", "the-new-password", "CONNECTED"},
    {"TheHsmStillHadTheOldOne", "the-old-password", "CONNECTED"},
    {"TheOwnerChangedItMeanwhile", "a-third-password", "FAILED INVALID_CREDENTIALS"},
};
class Crash : public ::testing::TestWithParam<CrashRow> {};
TEST_P(Crash, IsRecoveredFromByTheNextProcess) {
  FakeService service;
  FakeCluster& cluster = service.MakeCluster();
  const std::string id = service.NewStore();
  cluster.SetKmsUser(GetParam().in_force);
  service.Sql(
      "UPDATE custom_key_stores SET sealed_password = $1, sealed_previous_password = $2, state = 'CONNECTING', "
      "attempt_id = 'of the dead', lease_until = 0",
      {service.Sealed(id, "the-new-password"), service.Sealed(id, "the-old-password")});
  service.Restart(true);
  EXPECT_EQ(service.Settled(id), GetParam().want);
  const bool recovered = GetParam().want == "CONNECTED";
  EXPECT_EQ(cluster.KmsUserHas(GetParam().in_force), !recovered);
  if (recovered) {
    EXPECT_EQ(service.Count("SELECT COUNT(*) FROM custom_key_stores WHERE sealed_previous_password IS NULL"), 1);
  }
}
INSTANTIATE_TEST_SUITE_P(Connect, Crash, ::testing::ValuesIn(kCrashes), [](const auto& row) { return row.param.name; });

TEST(Connect, LeavesAnAttemptAloneWhoseLeaseRuns) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore("theirs");
  ports::ClusterInfo second = service.cluster().Info();
  second.cluster_id = "cluster-kjihgfedcba";
  second.cluster_certificate.clear();
  service.directory().Put(second);
  const std::string abandoned =
      service
          .Call("CreateCustomKeyStore", {{"CustomKeyStoreName", "abandoned"},
                                         {"CloudHsmClusterId", second.cluster_id},
                                         {"TrustAnchorCertificate", service.pki().owner.certificate.ToPem()},
                                         {"KeyStorePassword", "not-the-password"}})
          .Text("CustomKeyStoreId");
  service.Sql("UPDATE custom_key_stores SET state = 'CONNECTING', attempt_id = name, lease_until = 9000000000000");
  service.Sql("UPDATE custom_key_stores SET lease_until = 0 WHERE store_id = $1", {abandoned});
  service.Restart(true);
  // One look finds both; the abandoned one is taken over.
  EXPECT_EQ(service.Settled(abandoned), "FAILED INVALID_CREDENTIALS");
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM custom_key_stores WHERE store_id = $1 AND state = 'CONNECTING' AND "
                          "attempt_id = 'theirs'",
                          {id}),
            1);
  EXPECT_TRUE(service.cluster().KmsUserHas(FakeService::kInitialPassword));
}

TEST(Connect, EndsWithoutEffectWhenItIsDisconnectedMeanwhile) {
  FakeService service;
  FakeCluster& cluster = service.MakeCluster();
  const std::string id = service.NewStore();
  cluster.hsm(0).Hold(true);
  cluster.hsm(1).Hold(true);
  ASSERT_TRUE(service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).ok());
  ASSERT_TRUE(service.Call("DisconnectCustomKeyStore", {{"CustomKeyStoreId", id}}).ok());
  EXPECT_EQ(service.Settled(id), "DISCONNECTED");
  cluster.hsm(0).Hold(false);
  cluster.hsm(1).Hold(false);
  EXPECT_EQ(service.Connect(id), "CONNECTED");
}

TEST(Connect, WaitsForKmsOwnPartsThatAreAway) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  service.sealer().FailNext(2);
  EXPECT_EQ(service.Connect(id), "CONNECTED");
}

TEST(Connect, IsFinishedByAProcessThatIsToldToStop) {
  FakeService service;
  FakeCluster& cluster = service.MakeCluster();
  const std::string id = service.NewStore();
  ASSERT_TRUE(service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).ok());
  service.Restart(false);
  EXPECT_EQ(service.Settled(id), "CONNECTED");
  EXPECT_FALSE(cluster.KmsUserHas(FakeService::kInitialPassword));
  ASSERT_TRUE(service.Call("DisconnectCustomKeyStore", {{"CustomKeyStoreId", id}}).ok());
  service.Restart(false);
  EXPECT_EQ(service.Settled(id), "DISCONNECTED");
}

TEST(Connect, IsGivenBackByAProcessThatCannotFinishIt) {
  FakeService service;
  FakeCluster& cluster = service.MakeCluster();
  const std::string id = service.NewStore();
  service.SetStopPatience(std::chrono::milliseconds(50));
  service.Restart(false);
  service.SetStopPatience(std::chrono::seconds(20));
  for (std::size_t i = 0; i < 2; ++i) cluster.hsm(i).Hold(true);
  ASSERT_TRUE(service.Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", id}}).ok());
  service.Restart(false);
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM custom_key_stores WHERE state = 'CONNECTING' AND lease_until = 0"), 1);
  for (std::size_t i = 0; i < 2; ++i) cluster.hsm(i).Hold(false);
  service.Restart(true);
  EXPECT_EQ(service.Settled(id), "CONNECTED");
}

TEST(Update, TakesARelatedClusterAndNoOther) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  ports::ClusterInfo copy = service.cluster().Info();
  copy.cluster_id = "cluster-kjihgfedcba";
  service.directory().Put(copy);
  ports::ClusterInfo stranger = copy;
  stranger.cluster_id = "cluster-22222222222";
  stranger.cluster_certificate = service.pki().host.certificate.ToDer();
  service.directory().Put(stranger);
  const auto move_to = [&](const std::string& cluster) {
    return service.Call("UpdateCustomKeyStore", {{"CustomKeyStoreId", id}, {"CloudHsmClusterId", cluster}}).type;
  };
  EXPECT_EQ(move_to("cluster-22222222222"), "CloudHsmClusterNotRelatedException");
  EXPECT_EQ(move_to("cluster-33333333333"), "CloudHsmClusterNotFoundException");
  EXPECT_EQ(move_to("cluster-kjihgfedcba"), "");
  EXPECT_EQ(service.Connect(id), "CONNECTED");
  EXPECT_EQ(move_to("cluster-22222222222"), "CustomKeyStoreInvalidStateException");
}

TEST(Update, KnowsTheClustersHistoryWhenTheClusterIsGone) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  ports::ClusterInfo copy = service.cluster().Info();
  const std::string old = copy.cluster_id;
  copy.cluster_id = "cluster-kjihgfedcba";
  ports::ClusterInfo sibling = copy;  // of the same customer, with keys of its own
  sibling.cluster_id = "cluster-22222222222";
  sibling.cluster_certificate = service.pki().host.certificate.ToDer();
  service.directory().Put(copy);
  service.directory().Put(sibling);
  service.directory().Remove(old);
  const auto move_to = [&](const std::string& cluster) {
    return service.Call("UpdateCustomKeyStore", {{"CustomKeyStoreId", id}, {"CloudHsmClusterId", cluster}}).type;
  };
  EXPECT_EQ(move_to("cluster-22222222222"), "CloudHsmClusterNotRelatedException");
  EXPECT_EQ(move_to("cluster-kjihgfedcba"), "");
  // A second store of the same history, while nobody has a cluster of it but by its certificate.
  service.directory().Remove("cluster-kjihgfedcba");
  copy.cluster_id = "cluster-44444444444";
  service.directory().Put(copy);
  EXPECT_EQ(service
                .Call("CreateCustomKeyStore", {{"CustomKeyStoreName", "second"},
                                               {"CloudHsmClusterId", copy.cluster_id},
                                               {"TrustAnchorCertificate", service.pki().owner.certificate.ToPem()},
                                               {"KeyStorePassword", "password-1"}})
                .type,
            "CloudHsmClusterInUseException");
}

TEST(Update, TheStoresKeysAreInTheNewCluster) {
  FakeService service;
  service.MakeCluster();
  const std::string id = service.NewStore();
  ASSERT_EQ(service.Connect(id), "CONNECTED");
  const std::string key = service.NewKey({{"Origin", "AWS_CLOUDHSM"}, {"CustomKeyStoreId", id}});
  const auto cluster_of_key = [&] {
    return service.Call("DescribeKey", {{"KeyId", key}}).Text("KeyMetadata.CloudHsmClusterId");
  };
  EXPECT_EQ(cluster_of_key(), kClusterId);
  ports::ClusterInfo copy = service.cluster().Info();
  copy.cluster_id = "cluster-kjihgfedcba";
  service.directory().Put(copy);
  ASSERT_EQ(service.Disconnect(id), "DISCONNECTED");
  ASSERT_TRUE(
      service.Call("UpdateCustomKeyStore", {{"CustomKeyStoreId", id}, {"CloudHsmClusterId", copy.cluster_id}}).ok());
  EXPECT_EQ(cluster_of_key(), copy.cluster_id);
}

}  // namespace
}  // namespace strongroom::kms::testing
