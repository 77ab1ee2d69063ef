// Keys of a customer's cluster: made, found, used, destroyed.
#include <gmock/gmock.h>

#include "hsm/session/testing/test_hsm.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {

using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

proto::GenerateKeyRequest Aes(std::uint32_t bits = 256, const std::string& label = "a label") {
  proto::GenerateKeyRequest request;
  request.set_type(proto::AES);
  request.set_size_bits(bits);
  request.set_label(label);
  return request;
}

class Keys : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.Activate();
    alice = hsm.ConnectAs(proto::CU, "alice");
    bob = hsm.ConnectAs(proto::CU, "bob");
    officer = hsm.ConnectAs(proto::CO, "admin");
  }
  std::uint32_t MakeKey(const std::string& label = "a label") {
    return TestHsm::Parsed<proto::GenerateKeyReply>(hsm.Call(*alice, Command::kGenerateKey, Aes(256, label)))
        .key()
        .handle();
  }
  Errc Code(TestClient& client, Command command, const google::protobuf::MessageLite& message) {
    return TestHsm::CodeOf(hsm.Call(client, command, message));
  }
  TestHsm hsm{TestHsm::Kind::kCustomer, [] {
                EngineOptions options;
                options.max_keys = 5;
                return options;
              }()};
  std::unique_ptr<TestClient> alice, bob, officer;
};

TEST_F(Keys, GenerateAnswersAsTheRowSays) {
  struct Row {
    std::string name;
    proto::GenerateKeyRequest request;
    Errc want;
  };
  proto::GenerateKeyRequest rsa = Aes(2048);
  rsa.set_type(proto::RSA);
  proto::GenerateKeyRequest long_id = Aes();
  long_id.set_id(std::string(65, 'i'));
  for (const Row& row :
       {Row{"Aes128", Aes(128), kOk}, Row{"Aes192", Aes(192), kOk}, Row{"Aes256", Aes(256), kOk},
        Row{"OddSize", Aes(160), Errc::kInvalidArgument}, Row{"NoSize", Aes(0), Errc::kInvalidArgument},
        Row{"LongestLabel", Aes(256, std::string(127, 'l')), kOk},
        Row{"LabelTooLong", Aes(256, std::string(128, 'l')), Errc::kInvalidArgument},
        Row{"IdTooLong", long_id, Errc::kInvalidArgument}, Row{"OtherType", rsa, Errc::kUnsupported},
        Row{"NoType", proto::GenerateKeyRequest(), Errc::kUnsupported}})
    EXPECT_EQ(Code(*alice, Command::kGenerateKey, row.request), row.want) << row.name;
  EXPECT_EQ(Code(*officer, Command::kGenerateKey, Aes()), Errc::kPermission);
  auto stranger = hsm.Connect();
  EXPECT_EQ(Code(*stranger, Command::kGenerateKey, Aes()), Errc::kNotLoggedIn);
  EXPECT_EQ(Code(*bob, Command::kGenerateKey, Aes()), kOk);
  EXPECT_EQ(Code(*bob, Command::kGenerateKey, Aes()), Errc::kLimitExceeded) << "five keys are the limit here";
}

TEST_F(Keys, AUniqueLabelIsUniqueAmongTheOwnersKeys) {
  proto::GenerateKeyRequest unique = Aes(256, "once");
  unique.set_unique_label(true);
  wire::ClientId id{};
  id[0] = 1;
  const auto first = hsm.Call(*alice, Command::kGenerateKey, unique, std::nullopt, id).message;
  EXPECT_EQ(hsm.Call(*alice, Command::kGenerateKey, unique, std::nullopt, id).message, first) << "a repeat";
  EXPECT_EQ(Code(*alice, Command::kGenerateKey, unique), Errc::kAlreadyExists);
  EXPECT_EQ(Code(*bob, Command::kGenerateKey, unique), kOk);
}

TEST_F(Keys, AChangeWithoutClientIdIsRefused) {
  wire::Frame frame;
  frame.code = static_cast<std::uint16_t>(Command::kGenerateKey);
  frame.id = 4711;
  frame.message = Serialised(Aes());
  alice->session->OnFrame(frame);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Wait(*alice, 4711)), Errc::kInvalidArgument);
}

TEST_F(Keys, AreDescribedAsTheyAre) {
  const auto made = TestHsm::Parsed<proto::GenerateKeyReply>(hsm.Call(*alice, Command::kGenerateKey, Aes())).key();
  EXPECT_EQ(made.check_value().size(), 3u);
  EXPECT_TRUE(made.token() && made.sensitive() && made.local() && made.encrypt() && made.decrypt());
  EXPECT_FALSE(made.extractable());
  EXPECT_EQ(made.owner(), hsm.replica->state().FindUser("alice")->info.id());
  proto::GetKeyInfoRequest ask;
  ask.set_handle(made.handle());
  const auto info = TestHsm::Parsed<proto::GetKeyInfoReply>(hsm.Call(*alice, Command::kGetKeyInfo, ask));
  EXPECT_EQ(info.key().SerializeAsString(), made.SerializeAsString());
  EXPECT_EQ(Code(*bob, Command::kGetKeyInfo, ask), Errc::kNotFound) << "not shared";
  const auto shown = TestHsm::Parsed<proto::GetKeyInfoReply>(hsm.Call(*officer, Command::kGetKeyInfo, ask)).key();
  EXPECT_EQ(shown.owner(), made.owner());
  EXPECT_EQ(shown.label(), "") << "an officer sees ownership only";
  ask.set_handle(9999);
  EXPECT_EQ(Code(*alice, Command::kGetKeyInfo, ask), Errc::kNotFound);
}

TEST_F(Keys, AreFoundByWhoMayUseThem) {
  const std::uint32_t one = MakeKey("one"), two = MakeKey("two"), three = MakeKey("three");
  const auto handles = [](const proto::FindKeysReply& reply) {
    std::vector<std::uint32_t> found;
    for (const proto::KeyInfo& key : reply.keys()) found.push_back(key.handle());
    return found;
  };
  const auto find = [&](TestClient& client, proto::FindKeysRequest request) {
    return TestHsm::Parsed<proto::FindKeysReply>(hsm.Call(client, Command::kFindKeys, request));
  };
  EXPECT_THAT(handles(find(*alice, {})), ::testing::ElementsAre(one, two, three));
  EXPECT_THAT(handles(find(*bob, {})), ::testing::IsEmpty());
  EXPECT_THAT(handles(find(*officer, {})), ::testing::ElementsAre(one, two, three));
  proto::FindKeysRequest paged;
  paged.set_limit(2);
  auto page = find(*alice, paged);
  EXPECT_THAT(handles(page), ::testing::ElementsAre(one, two));
  EXPECT_TRUE(page.more());
  paged.set_start_after(two);
  page = find(*alice, paged);
  EXPECT_THAT(handles(page), ::testing::ElementsAre(three));
  EXPECT_FALSE(page.more());
  proto::FindKeysRequest labelled;
  labelled.set_label("two");
  EXPECT_THAT(handles(find(*alice, labelled)), ::testing::ElementsAre(two));
  EXPECT_EQ(Code(*officer, Command::kFindKeys, labelled), Errc::kPermission);
  EXPECT_EQ(find(*alice, {}).digest(), find(*bob, {}).digest()) << "the key hash is everyone's";
  EXPECT_EQ(find(*alice, {}).digest().size(), 32u);
}

TEST_F(Keys, AreDestroyedByTheirOwnerAlone) {
  proto::DestroyKeyRequest destroy;
  destroy.set_handle(MakeKey());
  EXPECT_EQ(Code(*bob, Command::kDestroyKey, destroy), Errc::kNotFound);
  EXPECT_EQ(Code(*officer, Command::kDestroyKey, destroy), Errc::kPermission);
  EXPECT_EQ(Code(*alice, Command::kDestroyKey, destroy), kOk);
  EXPECT_EQ(Code(*alice, Command::kDestroyKey, destroy), Errc::kNotFound);
}

TEST_F(Keys, SealAndOpenMessagesByHandle) {
  proto::SealMessageRequest seal;
  seal.mutable_key()->set_handle(MakeKey());
  seal.set_header("header");
  seal.set_context("context");
  const auto& sealed_frame = hsm.Call(*alice, Command::kSealMessage, seal, "the plaintext");
  proto::OpenMessageRequest open;
  *open.mutable_key() = seal.key();
  open.set_header("header");
  open.set_context("context");
  open.set_sealed(TestHsm::Parsed<proto::SealMessageReply>(sealed_frame).sealed());
  const auto& opened = hsm.Call(*alice, Command::kOpenMessage, open);
  ASSERT_EQ(opened.code, 0);
  ASSERT_EQ(opened.segments.size(), 1u);
  EXPECT_TRUE(opened.segments[0].EqualsInConstantTime(AsBytes("the plaintext")));
  EXPECT_THAT(alice->all_bytes, ::testing::Not(::testing::HasSubstr("the plaintext")));

  EXPECT_EQ(Code(*bob, Command::kOpenMessage, open), Errc::kNotFound);
  EXPECT_EQ(Code(*officer, Command::kOpenMessage, open), Errc::kPermission);
  open.set_context("other");
  EXPECT_EQ(Code(*alice, Command::kOpenMessage, open), Errc::kBadCiphertext);
  open.mutable_key()->Clear();
  EXPECT_EQ(Code(*alice, Command::kOpenMessage, open), Errc::kInvalidArgument);
  open.mutable_key()->set_token("token");
  EXPECT_EQ(Code(*alice, Command::kOpenMessage, open), Errc::kPermission) << "tokens are for front ends";
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*alice, Command::kSealMessage, seal)), Errc::kInvalidArgument)
      << "the plaintext's segment is missing";
}

TEST_F(Keys, AHandleThatHasAnotherLabelIsNobodys) {
  const std::uint32_t handle = MakeKey();
  proto::GetKeyInfoRequest ask;
  ask.set_handle(handle);
  const std::string label =
      TestHsm::Parsed<proto::GetKeyInfoReply>(hsm.Call(*alice, Command::kGetKeyInfo, ask)).key().label();
  ASSERT_FALSE(label.empty());
  proto::SealRandomRequest use;
  use.mutable_key()->set_handle(handle);
  use.set_header("header");
  use.set_number_of_bytes(32);
  proto::DestroyKeyRequest destroy;
  destroy.set_handle(handle);
  for (const std::string& other : {label + "x", std::string("another"), label.substr(1)}) {
    SCOPED_TRACE(other);
    use.mutable_key()->set_label(other);
    destroy.set_label(other);
    EXPECT_EQ(Code(*alice, Command::kSealRandom, use), Errc::kNotFound);
    EXPECT_EQ(Code(*alice, Command::kDestroyKey, destroy), Errc::kNotFound);
  }
  use.mutable_key()->set_label(label);
  EXPECT_EQ(Code(*alice, Command::kSealRandom, use), kOk);
  destroy.set_label(label);
  EXPECT_EQ(Code(*alice, Command::kDestroyKey, destroy), kOk);
  EXPECT_EQ(Code(*alice, Command::kSealRandom, use), Errc::kNotFound);
}

TEST_F(Keys, AreSharedByTheirOwnerAlone) {
  const std::uint32_t handle = MakeKey();
  const auto id_of = [&](const std::string& name) { return hsm.replica->state().FindUser(name)->info.id(); };
  hsm.AddUser(*officer, proto::CU, "carol");
  proto::ShareKeyRequest share;
  share.set_handle(handle);
  share.set_user(id_of("bob"));
  share.set_shared(true);
  const auto with = [&share](auto change) {
    proto::ShareKeyRequest request = share;
    change(request);
    return request;
  };
  proto::GetKeyInfoRequest ask;
  ask.set_handle(handle);
  proto::SealRandomRequest use;
  use.mutable_key()->set_handle(handle);
  use.set_header("h");
  use.set_number_of_bytes(32);

  EXPECT_EQ(Code(*bob, Command::kShareKey, share), Errc::kNotFound) << "who may not use it does not see it";
  EXPECT_EQ(Code(*officer, Command::kShareKey, share), Errc::kPermission);
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([](auto& r) { r.set_handle(9999); })), Errc::kNotFound);
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([](auto& r) { r.set_user(9999); })), Errc::kUserNotFound);
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([&](auto& r) { r.set_user(id_of("alice")); })),
            Errc::kInvalidArgument);
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([&](auto& r) { r.set_user(id_of("admin")); })),
            Errc::kInvalidArgument);
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([&](auto& r) { r.set_user(id_of("app_user")); })),
            Errc::kInvalidArgument);
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([](auto& r) { r.set_shared(false); })), Errc::kInvalidState);
  EXPECT_EQ(Code(*bob, Command::kSealRandom, use), Errc::kNotFound);

  const auto before =
      TestHsm::Parsed<proto::FindKeysReply>(hsm.Call(*bob, Command::kFindKeys, proto::FindKeysRequest()));
  const auto reply = TestHsm::Parsed<proto::ShareKeyReply>(hsm.Call(*alice, Command::kShareKey, share));
  EXPECT_THAT(reply.key().shared_with(), ::testing::ElementsAre(id_of("bob")));
  EXPECT_EQ(Code(*alice, Command::kShareKey, share), kOk) << "again";
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([&](auto& r) { r.set_user(id_of("carol")); })), kOk);
  EXPECT_EQ(Code(*bob, Command::kSealRandom, use), kOk);
  const auto found =
      TestHsm::Parsed<proto::FindKeysReply>(hsm.Call(*bob, Command::kFindKeys, proto::FindKeysRequest()));
  ASSERT_EQ(found.keys_size(), 1);
  EXPECT_THAT(found.keys(0).shared_with(), ::testing::ElementsAre(id_of("bob"), id_of("carol")));
  EXPECT_NE(found.digest(), before.digest()) << "sharing is in the key hash";
  proto::DestroyKeyRequest destroy;
  destroy.set_handle(handle);
  EXPECT_EQ(Code(*bob, Command::kDestroyKey, destroy), Errc::kPermission);
  EXPECT_EQ(Code(*bob, Command::kShareKey, with([&](auto& r) { r.set_user(id_of("carol")); })), Errc::kPermission);

  hsm.Restart();
  alice = hsm.ConnectAs(proto::CU, "alice");
  bob = hsm.ConnectAs(proto::CU, "bob");
  officer = hsm.ConnectAs(proto::CO, "admin");
  EXPECT_EQ(Code(*bob, Command::kSealRandom, use), kOk);
  EXPECT_EQ(Code(*alice, Command::kShareKey, with([](auto& r) { r.set_shared(false); })), kOk);
  EXPECT_EQ(Code(*bob, Command::kSealRandom, use), Errc::kNotFound);
  EXPECT_EQ(Code(*bob, Command::kGetKeyInfo, ask), Errc::kNotFound);
  EXPECT_EQ(Code(*alice, Command::kSealRandom, use), kOk);

  proto::DeleteUserRequest removal;
  removal.set_type(proto::CU);
  removal.set_name("carol");
  EXPECT_EQ(Code(*officer, Command::kDeleteUser, removal), kOk);
  const auto left = TestHsm::Parsed<proto::GetKeyInfoReply>(hsm.Call(*alice, Command::kGetKeyInfo, ask));
  EXPECT_THAT(left.key().shared_with(), ::testing::IsEmpty()) << "a deleted user's share goes with it";
}

TEST_F(Keys, PublicKeysAreNotShared) {
  const std::uint32_t owner = hsm.replica->state().FindUser("alice")->info.id();
  std::uint32_t handle = 0;
  replica::Decide put = [&](const replica::State& state) -> Result<replica::Proposal> {
    replica::Proposal proposal;
    auto* key = proposal.changes.emplace_back().mutable_key_put();
    handle = state.next_handle();
    key->mutable_key()->set_handle(handle);
    key->mutable_key()->set_owner(owner);
    key->mutable_key()->set_key_class(proto::PUBLIC);
    key->set_public_key("public");
    return proposal;
  };
  ASSERT_TRUE(hsm.Await(hsm.replica->Change(nullptr, Command::kGenerateKey, std::move(put))).ok());
  proto::ShareKeyRequest share;
  share.set_handle(handle);
  share.set_user(hsm.replica->state().FindUser("bob")->info.id());
  share.set_shared(true);
  EXPECT_EQ(Code(*alice, Command::kShareKey, share), Errc::kUnsupported);
}

TEST_F(Keys, UsageGoesOnWhileTheStoreIsAway) {
  proto::SealRandomRequest request;
  request.mutable_key()->set_handle(MakeKey());
  request.set_header("h");
  request.set_number_of_bytes(32);
  request.set_return_plaintext(true);
  hsm.store.away = true;
  const auto& reply = hsm.Call(*alice, Command::kSealRandom, request);
  ASSERT_EQ(reply.code, 0);
  ASSERT_EQ(reply.segments.size(), 1u);
  EXPECT_EQ(reply.segments[0].size(), 32u);
  request.mutable_key()->set_handle(9999);
  EXPECT_EQ(Code(*alice, Command::kSealRandom, request), Errc::kNotFound) << "what there is decides";
  EXPECT_EQ(Code(*alice, Command::kGenerateKey, Aes()), Errc::kUnavailable);
}

TEST_F(Keys, FrontEndCommandsAreNotForUsers) {
  EXPECT_EQ(Code(*alice, Command::kCreateToken, proto::CreateTokenRequest()), Errc::kPermission);
  EXPECT_EQ(Code(*officer, Command::kCertifyDevice, proto::CertifyDeviceRequest()), Errc::kPermission);
}

TEST_F(Keys, PositionsTravelWhenTheyChange) {
  const auto& first = hsm.Call(*alice, Command::kGetInfo, proto::GetInfoRequest());
  const auto& second = hsm.Call(*alice, Command::kGetInfo, proto::GetInfoRequest());
  EXPECT_TRUE(second.position.empty()) << "nothing is new";
  MakeKey();
  auto stranger = hsm.Connect();
  const auto& info = hsm.Call(*stranger, Command::kGetInfo, proto::GetInfoRequest());
  EXPECT_FALSE(info.position.empty());
  stranger->position = info.position;
  EXPECT_EQ(Code(*stranger, Command::kGetInfo, proto::GetInfoRequest()), kOk);
  stranger->position = first.position.empty() ? info.position : first.position;
  EXPECT_EQ(Code(*stranger, Command::kGetInfo, proto::GetInfoRequest()), kOk) << "an older one is fine";
  stranger->position[10] ^= 1;
  EXPECT_EQ(Code(*stranger, Command::kGetInfo, proto::GetInfoRequest()), Errc::kStale) << "a forged one is not";
}

TEST_F(Keys, UnknownAndMalformedRequests) {
  wire::Frame frame;
  frame.code = 999;
  frame.id = 77;
  alice->session->OnFrame(frame);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Wait(*alice, 77)), Errc::kUnknownOperation);
  wire::Frame garbage;
  garbage.code = static_cast<std::uint16_t>(Command::kGetKeyInfo);
  garbage.id = 78;
  garbage.message = {0xff, 0xff, 0xff};
  alice->session->OnFrame(garbage);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Wait(*alice, 78)), Errc::kSerialization);
  wire::Frame reply;
  reply.kind = wire::FrameKind::kReply;
  alice->session->OnFrame(reply);
  EXPECT_TRUE(alice->closed);
}

}  // namespace
}  // namespace strongroom::hsm
