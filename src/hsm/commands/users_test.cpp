// Logins and user management, each command against a real replica.
#include <gmock/gmock.h>

#include "hsm/session/testing/test_hsm.h"
#include "users.pb.h"

namespace strongroom::hsm {
namespace {

using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

proto::CreateUserRequest Create(proto::UserType type, const std::string& name) {
  proto::CreateUserRequest request;
  request.set_type(type);
  request.set_name(name);
  return request;
}
proto::ChangePasswordRequest Change(proto::UserType type, const std::string& name) {
  proto::ChangePasswordRequest request;
  request.set_type(type);
  request.set_name(name);
  return request;
}
proto::DeleteUserRequest Delete(proto::UserType type, const std::string& name) {
  proto::DeleteUserRequest request;
  request.set_type(type);
  request.set_name(name);
  return request;
}

class Users : public ::testing::Test {
 protected:
  void SetUp() override { hsm.Activate(); }
  TestHsm hsm{TestHsm::Kind::kCustomer};
};

TEST(Activation, MakesAnOfficerOfPreco) {
  TestHsm hsm(TestHsm::Kind::kCustomer);
  hsm.CreateCluster();
  ASSERT_EQ(hsm.replica->state().lifecycle(), proto::INITIALIZED);
  auto client = hsm.Connect();
  const auto listed =
      TestHsm::Parsed<proto::ListUsersReply>(hsm.Call(*client, Command::kListUsers, proto::ListUsersRequest()));
  ASSERT_EQ(listed.users_size(), 2);
  EXPECT_EQ(listed.users(0).type(), proto::PRECO);
  EXPECT_EQ(listed.users(1).name(), "app_user");
  EXPECT_EQ(hsm.LogIn(*client, proto::CO, "admin", "password"), Errc::kUserNotFound);
  EXPECT_EQ(hsm.LogIn(*client, proto::PRECO, "admin", "password"), kOk);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*client, Command::kCreateUser, Create(proto::CU, "early"), "password-1")),
            Errc::kPermission);
  const auto changed = TestHsm::Parsed<proto::ChangePasswordReply>(
      hsm.Call(*client, Command::kChangePassword, Change(proto::PRECO, "admin"), "new-password"));
  EXPECT_EQ(changed.user().type(), proto::CO);
  EXPECT_EQ(hsm.replica->state().lifecycle(), proto::ACTIVE);
  // The same session goes on, now as an officer.
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*client, Command::kCreateUser, Create(proto::CU, "alice"), "password-1")), kOk);
  auto again = hsm.Connect();
  EXPECT_EQ(hsm.LogIn(*again, proto::CO, "admin", "password"), Errc::kLoginFailed);
  EXPECT_EQ(hsm.LogIn(*again, proto::CO, "ADMIN", "new-password"), kOk);
}

TEST_F(Users, CreateAnswersAsTheRowSays) {
  struct Row {
    std::string name;
    proto::UserType type;
    std::string user, password;
    Errc want;
  };
  auto officer = hsm.ConnectAs(proto::CO, "admin");
  for (const Row& row : {Row{"ShortestPassword", proto::CU, "carol", "1234567", kOk},
                         Row{"LongestName", proto::CO, std::string(31, 'n'), "password-x", kOk},
                         Row{"TakenInOtherCase", proto::CU, "CAROL", "1234567", Errc::kAlreadyExists},
                         Row{"TakenWithOtherType", proto::CO, "carol", "1234567", Errc::kAlreadyExists},
                         Row{"NameTooLong", proto::CU, std::string(32, 'n'), "1234567", Errc::kInvalidArgument},
                         Row{"NoName", proto::CU, "", "1234567", Errc::kInvalidArgument},
                         Row{"BadName", proto::CU, "a:b", "1234567", Errc::kInvalidArgument},
                         Row{"PasswordTooShort", proto::CU, "dave", "123456", Errc::kInvalidArgument},
                         Row{"PasswordTooLong", proto::CU, "dave", std::string(33, 'p'), Errc::kInvalidArgument},
                         Row{"PasswordNotAscii", proto::CU, "dave", "pass\xc3\xa4word", Errc::kInvalidArgument},
                         Row{"ApplianceUser", proto::AU, "dave", "1234567", Errc::kInvalidArgument},
                         Row{"Preco", proto::PRECO, "dave", "1234567", Errc::kInvalidArgument},
                         Row{"FrontEnd", proto::FRONT_END, "dave", "1234567", Errc::kInvalidArgument},
                         Row{"NoType", proto::USER_TYPE_UNSPECIFIED, "dave", "1234567", Errc::kInvalidArgument}})
    EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*officer, Command::kCreateUser, Create(row.type, row.user), row.password)),
              row.want)
        << row.name;
}

TEST_F(Users, CreateIsDoneOnceHoweverOftenItIsSent) {
  auto officer = hsm.ConnectAs(proto::CO, "admin");
  wire::ClientId id{};
  id[3] = 9;
  const auto first = hsm.Call(*officer, Command::kCreateUser, Create(proto::CU, "carol"), "password-1", id).message;
  const auto& second = hsm.Call(*officer, Command::kCreateUser, Create(proto::CU, "carol"), "password-1", id);
  EXPECT_EQ(second.code, 0);
  EXPECT_EQ(second.message, first);
}

TEST_F(Users, CommandsNeedLoginAndRole) {
  auto stranger = hsm.Connect();
  auto user = hsm.ConnectAs(proto::CU, "alice");
  for (TestClient* client : {stranger.get(), user.get()}) {
    const Errc want = client == user.get() ? Errc::kPermission : Errc::kNotLoggedIn;
    EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*client, Command::kCreateUser, Create(proto::CU, "x"), "1234567")), want);
    EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*client, Command::kDeleteUser, Delete(proto::CU, "bob"))), want);
    EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*client, Command::kChangePassword, Change(proto::CU, "bob"), "1234567")), want);
  }
}

TEST_F(Users, DeleteAnswersAsTheRowSays) {
  auto officer = hsm.ConnectAs(proto::CO, "admin");
  const auto code = [&](proto::UserType type, const std::string& name) {
    return TestHsm::CodeOf(hsm.Call(*officer, Command::kDeleteUser, Delete(type, name)));
  };
  EXPECT_EQ(code(proto::CU, "nobody"), Errc::kUserNotFound);
  EXPECT_EQ(code(proto::CO, "bob"), Errc::kUserNotFound) << "another type is another user";
  EXPECT_EQ(code(proto::AU, "app_user"), Errc::kPermission);
  EXPECT_EQ(code(proto::CO, "admin"), Errc::kUserBusy) << "itself";
  {
    auto alice = hsm.ConnectAs(proto::CU, "alice");
    EXPECT_EQ(code(proto::CU, "alice"), Errc::kUserBusy);
    proto::GenerateKeyRequest key;
    key.set_type(proto::AES);
    key.set_size_bits(256);
    EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*alice, Command::kGenerateKey, key)), kOk);
    EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*alice, Command::kLogout, proto::LogoutRequest())), kOk);
  }
  EXPECT_EQ(code(proto::CU, "alice"), Errc::kInvalidState) << "owns a key";
  EXPECT_EQ(code(proto::CU, "bob"), kOk);
  EXPECT_EQ(code(proto::CO, "officer"), kOk);
  EXPECT_EQ(code(proto::CO, "admin"), Errc::kInvalidState) << "the last officer";
}

TEST_F(Users, LoginAnswersAsTheRowSays) {
  struct Row {
    std::string name;
    proto::UserType type;
    std::string user, password;
    Errc want;
  };
  for (const Row& row : {Row{"Right", proto::CU, "alice", "password-alice", kOk},
                         Row{"NameInOtherCase", proto::CU, "ALICE", "password-alice", kOk},
                         Row{"WrongPassword", proto::CU, "alice", "password-alicf", Errc::kLoginFailed},
                         Row{"EmptyPassword", proto::CU, "alice", "", Errc::kLoginFailed},
                         Row{"UnknownUser", proto::CU, "nobody", "password-alice", Errc::kUserNotFound},
                         Row{"WrongType", proto::CO, "alice", "password-alice", Errc::kUserNotFound},
                         Row{"ApplianceUser", proto::AU, "app_user", "password", Errc::kPermission},
                         Row{"NoType", proto::USER_TYPE_UNSPECIFIED, "alice", "x", Errc::kInvalidArgument},
                         Row{"BadName", proto::CU, "a b", "x", Errc::kInvalidArgument}}) {
    auto client = hsm.Connect();
    EXPECT_EQ(hsm.LogIn(*client, row.type, row.user, row.password), row.want) << row.name;
  }
  auto twice = hsm.ConnectAs(proto::CU, "alice");
  EXPECT_EQ(hsm.LogIn(*twice, proto::CU, "alice", "password-alice"), Errc::kInvalidState);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*twice, Command::kLogout, proto::LogoutRequest())), kOk);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*twice, Command::kLogout, proto::LogoutRequest())), Errc::kNotLoggedIn);
  EXPECT_EQ(hsm.LogIn(*twice, proto::CU, "alice", "password-alice"), kOk);
}

TEST_F(Users, FiveWrongPasswordsLockUntilAnOfficerResets) {
  auto client = hsm.Connect();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "wrong-one"), Errc::kLoginFailed);
  EXPECT_EQ(hsm.replica->state().FindUser("bob")->info.login_failures(), 4u);
  EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "password-bob"), kOk);
  EXPECT_EQ(hsm.replica->state().FindUser("bob")->info.login_failures(), 0u);
  hsm.Call(*client, Command::kLogout, proto::LogoutRequest());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "wrong-one"), Errc::kLoginFailed);
  EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "password-bob"), Errc::kUserLocked);
  EXPECT_TRUE(hsm.replica->state().FindUser("bob")->info.locked());
  const std::uint64_t head = hsm.replica->head();
  EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "wrong-one"), Errc::kUserLocked);
  EXPECT_EQ(hsm.LogIn(*client, proto::CU, "nobody", "wrong-one"), Errc::kUserNotFound);
  EXPECT_EQ(hsm.replica->head(), head) << "neither locked nor unknown users reach the log";
  auto officer = hsm.ConnectAs(proto::CO, "admin");
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*officer, Command::kChangePassword, Change(proto::CU, "bob"), "fresh-one")), kOk);
  EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "fresh-one"), kOk);
}

TEST_F(Users, GuessesAtOnceOnManyConnectionsLockAsWell) {
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::uint64_t> ids;
  proto::LoginRequest request;
  request.set_type(proto::CU);
  request.set_name("bob");
  for (int i = 0; i < 8; ++i) {
    clients.push_back(hsm.Connect());
    ids.push_back(hsm.Post(*clients.back(), Command::kLogin, request, i < 7 ? "wrong-one" : "password-bob"));
  }
  int failed = 0, locked = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const Errc code = TestHsm::CodeOf(hsm.Wait(*clients[i], ids[i]));
    failed += code == Errc::kLoginFailed;
    locked += code == Errc::kUserLocked;
  }
  EXPECT_EQ(failed, 5);
  EXPECT_EQ(locked, 3) << "the right password came after five wrong ones";
}

TEST_F(Users, FailuresCountWhileTheStoreIsAway) {
  hsm.store.away = true;
  auto client = hsm.Connect();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "wrong-one"), Errc::kLoginFailed);
  EXPECT_EQ(hsm.LogIn(*client, proto::CU, "bob", "password-bob"), Errc::kUserLocked);
  EXPECT_EQ(hsm.LogIn(*client, proto::CU, "alice", "password-alice"), kOk) << "logins go on without the store";
}

TEST_F(Users, PasswordChangeOfALoggedInUser) {
  auto officer = hsm.ConnectAs(proto::CO, "admin");
  auto alice = hsm.ConnectAs(proto::CU, "alice", "process-1");
  const auto code = [&](TestClient& client, std::string_view password) {
    return TestHsm::CodeOf(hsm.Call(client, Command::kChangePassword, Change(proto::CU, "alice"), password));
  };
  EXPECT_EQ(code(*officer, "password-new1"), Errc::kUserBusy) << "by an officer while the user is logged in";
  EXPECT_EQ(code(*alice, "password-new1"), kOk) << "its own, in its only session";
  auto sibling = hsm.Connect();
  EXPECT_EQ(hsm.LogIn(*sibling, proto::CU, "alice", "password-new1", "process-1"), kOk);
  EXPECT_EQ(code(*alice, "password-new2"), kOk) << "its own, all sessions of one process";
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*sibling, Command::kFindKeys, proto::FindKeysRequest())), kOk)
      << "which all stay logged in";
  auto other = hsm.Connect();
  EXPECT_EQ(hsm.LogIn(*other, proto::CU, "alice", "password-new2", "process-2"), kOk);
  EXPECT_EQ(code(*alice, "password-new3"), Errc::kUserBusy) << "another process is logged in";
  hsm.Call(*other, Command::kLogout, proto::LogoutRequest());
  hsm.Call(*sibling, Command::kLogout, proto::LogoutRequest());
  EXPECT_EQ(code(*alice, "short"), Errc::kInvalidArgument);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*alice, Command::kChangePassword, Change(proto::CO, "admin"), "1234567")),
            Errc::kPermission);
  hsm.Call(*alice, Command::kLogout, proto::LogoutRequest());
  EXPECT_EQ(code(*officer, "password-new4"), kOk);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*officer, Command::kChangePassword, Change(proto::AU, "app_user"), "1234567")),
            Errc::kPermission);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*officer, Command::kChangePassword, Change(proto::CU, "nobody"), "1234567")),
            Errc::kUserNotFound);
}

TEST_F(Users, TwoSessionsWithoutAnInstanceAreTwoClients) {
  auto first = hsm.ConnectAs(proto::CU, "alice");
  auto second = hsm.ConnectAs(proto::CU, "alice");
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*first, Command::kChangePassword, Change(proto::CU, "alice"), "1234567")),
            Errc::kUserBusy);
}

TEST_F(Users, ALoginEndsWhenItsUserIsChangedElsewhere) {
  auto alice = hsm.ConnectAs(proto::CU, "alice");
  // As if another HSM had written it.
  replica::Decide decide = [](const replica::State& state) -> Result<replica::Proposal> {
    replica::Proposal proposal;
    auto* put = proposal.changes.emplace_back().mutable_user_put();
    *put->mutable_user() = state.FindUser("alice")->info;
    put->set_password_hash("scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA");
    return proposal;
  };
  ASSERT_TRUE(hsm.Await(hsm.replica->Change(nullptr, Command::kChangePassword, std::move(decide))).ok());
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*alice, Command::kFindKeys, proto::FindKeysRequest())), Errc::kNotLoggedIn);
}

TEST_F(Users, ChangesFailClearlyWhileTheStoreIsAway) {
  auto officer = hsm.ConnectAs(proto::CO, "admin");
  hsm.store.away = true;
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*officer, Command::kCreateUser, Create(proto::CU, "carol"), "1234567")),
            Errc::kUnavailable);
  EXPECT_EQ(hsm.replica->state().FindUser("carol"), nullptr);
}

TEST_F(Users, NeitherReplyNorAuditNamesAPassword) {
  constexpr std::string_view kMarker = "Marker-PassWord";
  auto officer = hsm.ConnectAs(proto::CO, "admin");
  hsm.Call(*officer, Command::kCreateUser, Create(proto::CU, "carol"), kMarker);
  hsm.Call(*officer, Command::kCreateUser, Create(proto::CU, "carol"), kMarker);
  hsm.Call(*officer, Command::kChangePassword, Change(proto::CU, "carol"), kMarker);
  hsm.Call(*officer, Command::kChangePassword, Change(proto::CU, "gone"), kMarker);
  auto client = hsm.Connect();
  hsm.LogIn(*client, proto::CU, "bob", kMarker);
  hsm.LogIn(*client, proto::CU, "gone", kMarker);
  hsm.LogIn(*client, proto::CU, "carol", kMarker);
  std::string said = officer->all_bytes + client->all_bytes;
  for (const std::string& event : hsm.audit->recent()) said += event;
  EXPECT_THAT(said, ::testing::Not(::testing::HasSubstr(kMarker)));
  EXPECT_THAT(said, ::testing::Not(::testing::HasSubstr("scrypt$")));
  EXPECT_THAT(said, ::testing::HasSubstr("User Name : carol"));
}

}  // namespace
}  // namespace strongroom::hsm
