// Generations of the domain key: tokens are wrapped anew, and with its generation a token that was not is lost.
#include <gmock/gmock.h>

#include "domain_keys.pb.h"
#include "hsm/session/testing/test_hsm.h"
#include "messages.pb.h"
#include "token_keys.pb.h"

namespace strongroom::hsm {
namespace {

using ::testing::ElementsAre;
using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

std::string BindingOf(std::string_view key) { return testing::BindingOf("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", key); }

class DomainKeys : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.CreateCluster();
    front_end = hsm.ConnectFrontEnd();
  }
  template <typename Message>
  Errc Generation(TestClient& client, Command command, std::uint32_t number) {
    Message request;
    request.set_generation(number);
    return TestHsm::CodeOf(hsm.Call(client, command, request));
  }
  Errc Add(std::uint32_t number) {
    return Generation<proto::AddDomainKeyRequest>(*front_end, Command::kAddDomainKey, number);
  }
  Errc Drop(std::uint32_t number) {
    return Generation<proto::DropDomainKeyRequest>(*front_end, Command::kDropDomainKey, number);
  }
  std::vector<std::uint32_t> Listed() {
    const auto reply = TestHsm::Parsed<proto::ListDomainKeysReply>(
        hsm.Call(*front_end, Command::kListDomainKeys, proto::ListDomainKeysRequest()));
    return {reply.generations().begin(), reply.generations().end()};
  }
  proto::KeyRef NewKey(const std::string& name) {
    proto::CreateTokenRequest request;
    request.set_spec("SYMMETRIC_DEFAULT");
    request.set_binding(BindingOf(name));
    proto::KeyRef key;
    key.set_token(
        TestHsm::Parsed<proto::CreateTokenReply>(hsm.Call(*front_end, Command::kCreateToken, request)).token());
    key.set_binding(request.binding());
    return key;
  }
  const wire::Frame& Rewrap(const proto::KeyRef& key) {
    proto::RewrapTokenRequest request;
    *request.mutable_key() = key;
    return hsm.Call(*front_end, Command::kRewrapToken, request);
  }
  std::string Seal(const proto::KeyRef& key) {
    proto::SealMessageRequest request;
    *request.mutable_key() = key;
    request.set_header("h");
    return TestHsm::Parsed<proto::SealMessageReply>(hsm.Call(*front_end, Command::kSealMessage, request, "secret"))
        .sealed();
  }
  Errc Open(const proto::KeyRef& key, const std::string& sealed) {
    proto::OpenMessageRequest request;
    *request.mutable_key() = key;
    request.set_header("h");
    request.set_sealed(sealed);
    return TestHsm::CodeOf(hsm.Call(*front_end, Command::kOpenMessage, request));
  }
  TestHsm hsm{TestHsm::Kind::kDomain};
  std::unique_ptr<TestClient> front_end;
};

TEST_F(DomainKeys, AreAddedOnceAndInOrder) {
  EXPECT_THAT(Listed(), ElementsAre(1));
  EXPECT_EQ(Add(3), Errc::kInvalidArgument);
  EXPECT_EQ(Add(0), Errc::kInvalidArgument);
  EXPECT_EQ(Add(2), kOk);
  EXPECT_EQ(Add(2), kOk);
  EXPECT_EQ(Add(1), kOk);
  EXPECT_THAT(Listed(), ElementsAre(1, 2));
}

TEST_F(DomainKeys, AreDroppedButForTheNewest) {
  EXPECT_EQ(Drop(1), Errc::kInvalidState);
  ASSERT_EQ(Add(2), kOk);
  EXPECT_EQ(Drop(3), Errc::kInvalidArgument);
  EXPECT_EQ(Drop(0), Errc::kInvalidArgument);
  EXPECT_EQ(Drop(2), Errc::kInvalidState);
  EXPECT_EQ(Drop(1), kOk);
  EXPECT_EQ(Drop(1), kOk);
  EXPECT_THAT(Listed(), ElementsAre(2));
  EXPECT_EQ(Add(1), Errc::kInvalidArgument);
}

TEST_F(DomainKeys, ARewrappedKeyOutlivesItsGenerationAndTheOldTokenDoesNot) {
  const proto::KeyRef kept = NewKey("kept"), deleted = NewKey("deleted");
  const std::string sealed = Seal(kept), sealed_by_deleted = Seal(deleted);
  ASSERT_EQ(Add(2), kOk);
  EXPECT_EQ(Open(kept, sealed), kOk);
  proto::KeyRef renewed = kept;
  renewed.set_token(TestHsm::Parsed<proto::RewrapTokenReply>(Rewrap(kept)).token());
  EXPECT_NE(renewed.token(), kept.token());
  EXPECT_EQ(TestHsm::Parsed<proto::RewrapTokenReply>(Rewrap(renewed)).token(), renewed.token());
  EXPECT_EQ(Open(renewed, sealed), kOk);
  EXPECT_EQ(Open(kept, sealed), kOk);
  ASSERT_EQ(Drop(1), kOk);
  EXPECT_EQ(Open(renewed, sealed), kOk);
  // As somebody finds them in an old copy of the database.
  EXPECT_EQ(Open(kept, sealed), Errc::kNotFound);
  EXPECT_EQ(Open(deleted, sealed_by_deleted), Errc::kNotFound);
  EXPECT_EQ(TestHsm::CodeOf(Rewrap(deleted)), Errc::kNotFound);
}

TEST_F(DomainKeys, WhatWasOpenedGoesWithItsGeneration) {
  const proto::KeyRef key = NewKey("key");
  (void)Seal(key);
  ASSERT_EQ(Add(2), kOk);
  const std::size_t opened = hsm.engine->vault.cached_tokens();
  EXPECT_GE(opened, 1u);
  ASSERT_EQ(Drop(1), kOk);
  hsm.engine->vault.DropGoneGenerations(hsm.engine->state());
  EXPECT_EQ(hsm.engine->vault.cached_tokens(), opened - 1);
}

// ---- what was opened is forgotten

class Forgetting : public DomainKeys {
 protected:
  Errc Forget(TestClient& client, const std::vector<std::string>& bindings) {
    proto::ForgetTokensRequest request;
    for (const std::string& binding : bindings) request.add_bindings(binding);
    return TestHsm::CodeOf(hsm.Call(client, Command::kForgetTokens, request));
  }
  std::size_t Held() { return hsm.engine->vault.cached_tokens(); }
};

TEST_F(Forgetting, WhatIsNamedGoesUnderEveryGenerationAndTheTokenStaysGood) {
  const proto::KeyRef key = NewKey("key"), other = NewKey("other");
  const std::string sealed = Seal(key);
  (void)Seal(other);
  ASSERT_EQ(Add(2), kOk);
  proto::KeyRef renewed = key;
  renewed.set_token(TestHsm::Parsed<proto::RewrapTokenReply>(Rewrap(key)).token());
  EXPECT_EQ(Open(renewed, sealed), kOk);
  const std::size_t held = Held();
  EXPECT_EQ(Forget(*front_end, {BindingOf("key"), BindingOf("unknown")}), kOk);
  EXPECT_EQ(Held(), held - 2);
  EXPECT_EQ(Forget(*front_end, {BindingOf("key")}), kOk);
  EXPECT_EQ(Held(), held - 2);
  EXPECT_EQ(Open(key, sealed), kOk);
  EXPECT_EQ(Held(), held - 1);
}

TEST_F(Forgetting, KeysThatSignGoToo) {
  const std::string binding = testing::BindingOf("HMAC_256", "GENERATE_VERIFY_MAC");
  proto::CreateTokenRequest create;
  create.set_spec("HMAC_256");
  create.set_binding(binding);
  proto::GenerateMacRequest mac;
  mac.mutable_key()->set_binding(binding);
  mac.mutable_key()->set_token(
      TestHsm::Parsed<proto::CreateTokenReply>(hsm.Call(*front_end, Command::kCreateToken, create)).token());
  mac.set_algorithm("HMAC_SHA_256");
  ASSERT_EQ(TestHsm::CodeOf(hsm.Call(*front_end, Command::kGenerateMac, mac, "message")), kOk);
  ASSERT_EQ(hsm.engine->vault.cached_keys(), 1u);
  EXPECT_EQ(Forget(*front_end, {binding}), kOk);
  EXPECT_EQ(hsm.engine->vault.cached_keys(), 0u);
}

TEST_F(Forgetting, WhatNobodyUsesGoesByItself) {
  const proto::KeyRef idle = NewKey("idle"), busy = NewKey("busy");
  (void)Seal(idle);
  const std::string sealed = Seal(busy);
  const std::size_t held = Held();
  for (std::uint64_t turn = 0; turn < Vault::kIdleTurns; ++turn) {
    hsm.engine->vault.NextTurn(hsm.engine->state());
    EXPECT_EQ(Held(), held) << turn;
    EXPECT_EQ(Open(busy, sealed), kOk);
  }
  hsm.engine->vault.NextTurn(hsm.engine->state());
  EXPECT_EQ(Held(), held - 1);
  EXPECT_EQ(Open(busy, sealed), kOk);
  EXPECT_EQ(Held(), held - 1);
}

TEST_F(Forgetting, ATurnDropsWhatIsOfAGenerationThatIsGone) {
  (void)Seal(NewKey("key"));
  hsm.engine->vault.NextTurn(hsm.engine->state());
  ASSERT_EQ(Add(2), kOk);
  ASSERT_EQ(Drop(1), kOk);
  const std::size_t held = Held();
  hsm.engine->vault.NextTurn(hsm.engine->state());
  EXPECT_EQ(Held(), held - 1);
}

TEST_F(Forgetting, RequestsThatMakeNoSenseAreRefused) {
  EXPECT_EQ(Forget(*front_end, {}), Errc::kInvalidArgument);
  EXPECT_EQ(Forget(*front_end, {""}), Errc::kInvalidArgument);
  EXPECT_EQ(Forget(*front_end, {BindingOf("key"), "nonsense"}), Errc::kInvalidArgument);
  EXPECT_EQ(Forget(*front_end, std::vector<std::string>(256, BindingOf("key"))), kOk);
  EXPECT_EQ(Forget(*front_end, std::vector<std::string>(257, BindingOf("key"))), Errc::kInvalidArgument);
  auto stranger = hsm.Connect();
  EXPECT_EQ(Forget(*stranger, {BindingOf("key")}), Errc::kPermission);
}

TEST_F(DomainKeys, WhatIsWrappedAnewIsATokenWithItsBinding) {
  const proto::KeyRef good = NewKey("key");
  proto::KeyRef other = good, none, handle, bad = good, no_binding = good;
  other.set_binding(BindingOf("other"));
  handle.set_handle(7);
  (*bad.mutable_token())[bad.token().size() - 1] ^= 1;
  no_binding.clear_binding();
  EXPECT_EQ(TestHsm::CodeOf(Rewrap(good)), kOk);
  ASSERT_EQ(Add(2), kOk);
  for (const auto& [key, want] : {std::pair<const proto::KeyRef&, Errc>{other, Errc::kBadCiphertext},
                                  {none, Errc::kInvalidArgument},
                                  {handle, Errc::kInvalidArgument},
                                  {bad, Errc::kBadCiphertext},
                                  {no_binding, Errc::kInvalidArgument}})
    EXPECT_EQ(TestHsm::CodeOf(Rewrap(key)), want) << key.handle();
}

TEST_F(DomainKeys, AreFrontEndsBusiness) {
  auto stranger = hsm.Connect();
  EXPECT_EQ(Generation<proto::AddDomainKeyRequest>(*stranger, Command::kAddDomainKey, 2), Errc::kPermission);
  EXPECT_EQ(Generation<proto::DropDomainKeyRequest>(*stranger, Command::kDropDomainKey, 1), Errc::kPermission);
  TestHsm customers{TestHsm::Kind::kCustomer};
  customers.Activate();
  auto alice = customers.ConnectAs(proto::CU, "alice");
  proto::AddDomainKeyRequest add;
  add.set_generation(1);
  EXPECT_EQ(TestHsm::CodeOf(customers.Call(*alice, Command::kAddDomainKey, add)), Errc::kPermission);
}

}  // namespace
}  // namespace strongroom::hsm
