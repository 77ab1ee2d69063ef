// Every changing command, cut off at every step between its arrival and its answer: by the connection's end and by the
// process's. The client repeats it under the same client id, and it has had one effect.
#include <gmock/gmock.h>

#include <set>

#include "cluster.pb.h"
#include "crypto/hash.h"
#include "hsm/session/testing/test_hsm.h"
#include "keys.pb.h"
#include "users.pb.h"

namespace strongroom::hsm {
namespace {

using replica::Step;
using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

enum class Lost { kConnection, kProcess };

/// Where it is cut: before the request is looked at, at a step of the change, or with the answer on its way.
struct Point {
  std::string name;
  std::optional<Step> step;
  bool answered = false;
};
const Point kPoints[] = {{"received", std::nullopt},
                         {"before the local write", Step::kDecided},
                         {"before the append", Step::kWrittenAhead},
                         {"after the append", Step::kOffered},
                         {"after the local mark", Step::kMarked},
                         {"after it was applied", Step::kApplied},
                         {"before the answer", std::nullopt, true}};

/// One request, and whether its effect is there, once.
struct Prepared {
  std::unique_ptr<google::protobuf::MessageLite> message;
  std::optional<std::string> secret;
  std::function<bool()> done;
};
struct Case {
  Command command;
  proto::UserType type;
  std::string user;
  /// `tag` differs each time.
  std::function<Prepared(TestHsm&, const std::string& tag)> prepare;
};

std::size_t UsersNamed(TestHsm& hsm, const std::string& name) {
  auto client = hsm.Connect();
  const auto listed =
      TestHsm::Parsed<proto::ListUsersReply>(hsm.Call(*client, Command::kListUsers, proto::ListUsersRequest()));
  return static_cast<std::size_t>(
      std::ranges::count_if(listed.users(), [&](const proto::UserInfo& user) { return user.name() == name; }));
}
std::vector<std::uint32_t> KeysLabelled(TestHsm& hsm, const std::string& label) {
  auto client = hsm.ConnectAs(proto::CU, "alice");
  proto::FindKeysRequest find;
  find.set_label(label);
  const auto found = TestHsm::Parsed<proto::FindKeysReply>(hsm.Call(*client, Command::kFindKeys, find));
  std::vector<std::uint32_t> handles;
  for (const proto::KeyInfo& key : found.keys()) handles.push_back(key.handle());
  return handles;
}
proto::GenerateKeyRequest AesKey(const std::string& label) {
  proto::GenerateKeyRequest request;
  request.set_type(proto::AES);
  request.set_size_bits(256);
  request.set_label(label);
  return request;
}

proto::ListAdmissionsReply Admissions(TestHsm& hsm) {
  auto officer = hsm.ConnectAs(proto::CO, "officer");
  return TestHsm::Parsed<proto::ListAdmissionsReply>(
      hsm.Call(*officer, Command::kListAdmissions, proto::ListAdmissionsRequest()));
}
/// As a member writes it that is asked to admit an HSM; the device certificate is the HSM's id.
void AskForAdmission(TestHsm& hsm, const std::string& hsm_id) {
  replica::Decide ask = [&hsm_id](const replica::State& state) -> Result<replica::Proposal> {
    replica::Proposal proposal;
    if (!state.admission_needs_approval()) proposal.changes.emplace_back().mutable_admission_rule()->set_approval(true);
    auto* requested = proposal.changes.emplace_back().mutable_admission_requested();
    requested->mutable_member()->set_hsm_id(hsm_id);
    requested->set_device_certificate(hsm_id);
    return proposal;
  };
  ASSERT_TRUE(hsm.Await(hsm.replica->Change(nullptr, Command::kSetAdmissionRule, std::move(ask))).ok());
}

const Case kCases[] = {
    {Command::kCreateUser, proto::CO, "officer",
     [](TestHsm& hsm, const std::string& tag) {
       auto request = std::make_unique<proto::CreateUserRequest>();
       request->set_type(proto::CU);
       request->set_name("new" + tag);
       return Prepared{std::move(request), "password-new", [&hsm, tag] { return UsersNamed(hsm, "new" + tag) == 1; }};
     }},
    {Command::kDeleteUser, proto::CO, "officer",
     [](TestHsm& hsm, const std::string& tag) {
       auto officer = hsm.ConnectAs(proto::CO, "officer");
       hsm.AddUser(*officer, proto::CU, "old" + tag);
       auto request = std::make_unique<proto::DeleteUserRequest>();
       request->set_type(proto::CU);
       request->set_name("old" + tag);
       return Prepared{std::move(request), std::nullopt, [&hsm, tag] { return UsersNamed(hsm, "old" + tag) == 0; }};
     }},
    {Command::kChangePassword, proto::CO, "officer",
     [](TestHsm& hsm, const std::string& tag) {
       auto request = std::make_unique<proto::ChangePasswordRequest>();
       request->set_type(proto::CU);
       request->set_name("bob");
       return Prepared{std::move(request), "password" + tag, [&hsm, tag] {
                         auto client = hsm.Connect();
                         return hsm.LogIn(*client, proto::CU, "bob", "password" + tag) == kOk;
                       }};
     }},
    {Command::kGenerateKey, proto::CU, "alice",
     [](TestHsm& hsm, const std::string& tag) {
       return Prepared{std::make_unique<proto::GenerateKeyRequest>(AesKey(tag)), std::nullopt,
                       [&hsm, tag] { return KeysLabelled(hsm, tag).size() == 1; }};
     }},
    {Command::kDestroyKey, proto::CU, "alice",
     [](TestHsm& hsm, const std::string& tag) {
       auto alice = hsm.ConnectAs(proto::CU, "alice");
       const auto made = TestHsm::Parsed<proto::GenerateKeyReply>(hsm.Call(*alice, Command::kGenerateKey, AesKey(tag)));
       auto request = std::make_unique<proto::DestroyKeyRequest>();
       request->set_handle(made.key().handle());
       return Prepared{std::move(request), std::nullopt, [&hsm, tag] { return KeysLabelled(hsm, tag).empty(); }};
     }},
    {Command::kShareKey, proto::CU, "alice",
     [](TestHsm& hsm, const std::string& tag) {
       auto alice = hsm.ConnectAs(proto::CU, "alice");
       const auto made = TestHsm::Parsed<proto::GenerateKeyReply>(hsm.Call(*alice, Command::kGenerateKey, AesKey(tag)));
       auto request = std::make_unique<proto::ShareKeyRequest>();
       request->set_handle(made.key().handle());
       request->set_user(hsm.replica->state().FindUser("bob")->info.id());
       request->set_shared(true);
       return Prepared{std::move(request), std::nullopt, [&hsm, handle = made.key().handle()] {
                         auto bob = hsm.ConnectAs(proto::CU, "bob");
                         proto::GetKeyInfoRequest ask;
                         ask.set_handle(handle);
                         const wire::Frame& answer = hsm.Call(*bob, Command::kGetKeyInfo, ask);
                         return TestHsm::CodeOf(answer) == kOk &&
                                TestHsm::Parsed<proto::GetKeyInfoReply>(answer).key().shared_with_size() == 1;
                       }};
     }},
    {Command::kSetAdmissionRule, proto::CO, "officer",
     [](TestHsm& hsm, const std::string&) {
       auto request = std::make_unique<proto::SetAdmissionRuleRequest>();
       const bool wanted = !hsm.replica->state().admission_needs_approval();
       request->set_approval(wanted);
       return Prepared{std::move(request), std::nullopt,
                       [&hsm, wanted] { return Admissions(hsm).approval() == wanted; }};
     }},
    {Command::kApproveAdmission, proto::CO, "officer",
     [](TestHsm& hsm, const std::string& tag) {
       AskForAdmission(hsm, "hsm-" + tag);
       auto request = std::make_unique<proto::ApproveAdmissionRequest>();
       request->set_fingerprint(std::string(AsText(crypto::Sha256(AsBytes("hsm-" + tag)))));
       return Prepared{std::move(request), std::nullopt, [&hsm, tag] {
                         const auto listed = Admissions(hsm);
                         return std::ranges::any_of(listed.admissions(), [&](const proto::PendingAdmission& one) {
                           return one.hsm_id() == "hsm-" + tag && one.approved();
                         });
                       }};
     }},
    {Command::kRecoverOfficer, proto::CO, "officer",
     [](TestHsm& hsm, const std::string& tag) {
       auto request = std::make_unique<proto::RecoverOfficerRequest>(hsm.SignedRecovery("admin"));
       return Prepared{std::move(request), "password" + tag, [&hsm, tag] {
                         auto client = hsm.Connect();
                         return hsm.LogIn(*client, proto::CO, "admin", "password" + tag) == kOk;
                       }};
     }},
};

TEST(ExactlyOnceTable, HasEveryDeduplicatedCommand) {
  std::set<Command> here, all;
  for (const Case& one : kCases) here.insert(one.command);
  for (const wire::CommandRow& row : wire::kCommands)
    if (row.repeat == wire::Repeat::kDeduplicated) all.insert(row.command);
  EXPECT_EQ(here, all);
}

class ExactlyOnce : public ::testing::TestWithParam<Case> {
 protected:
  /// The first attempt, up to its end at `point`; the client is left without an answer.
  void CutOff(TestHsm& hsm, const Prepared& request, const wire::ClientId& id, const Point& point, Lost lost) {
    auto client = hsm.ConnectAs(GetParam().type, GetParam().user);
    bool reached = false;
    hsm.die_at = [&](Step step) {
      if (reached || point.step != step) return false;
      reached = true;
      client->session->Detach();
      return lost == Lost::kProcess;
    };
    const std::uint64_t call = hsm.Post(*client, GetParam().command, *request.message, request.secret, id);
    if (point.answered) {
      EXPECT_EQ(TestHsm::CodeOf(hsm.Wait(*client, call)), kOk);
    }
    if (point.step) {
      hsm.RunUntil([&] { return reached; });
    } else {
      client->session->Detach();
    }
    if (lost == Lost::kProcess) hsm.Restart();
    hsm.die_at = nullptr;
  }
};

TEST_P(ExactlyOnce, WhereverItIsCutOff) {
  TestHsm hsm(TestHsm::Kind::kCustomer);
  hsm.Activate();
  int number = 0;
  for (const Lost lost : {Lost::kConnection, Lost::kProcess}) {
    for (const Point& point : kPoints) {
      SCOPED_TRACE(point.name + (lost == Lost::kProcess ? ", killed" : ", connection lost"));
      const Prepared request = GetParam().prepare(hsm, "tag" + std::to_string(++number));
      ASSERT_FALSE(request.done());
      wire::ClientId id{};
      ASSERT_TRUE(crypto::Random(id).ok());
      const std::size_t before = hsm.store.rows.size();
      CutOff(hsm, request, id, point, lost);

      auto client = hsm.ConnectAs(GetParam().type, GetParam().user);
      const auto repeat = [&]() -> const wire::Frame& {
        return hsm.Call(*client, GetParam().command, *request.message, request.secret, id);
      };
      const wire::Frame& answer = repeat();
      EXPECT_EQ(TestHsm::CodeOf(answer), kOk);
      EXPECT_EQ(hsm.store.rows.size(), before + 1);  // one record, whoever wrote it
      EXPECT_EQ(repeat().message, answer.message);
      EXPECT_EQ(hsm.store.rows.size(), before + 1);
      client.reset();
      EXPECT_TRUE(request.done());
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Changes, ExactlyOnce, ::testing::ValuesIn(kCases), [](const auto& param) {
  return std::string(wire::FindCommand(static_cast<std::uint16_t>(param.param.command))->name);
});

}  // namespace
}  // namespace strongroom::hsm
