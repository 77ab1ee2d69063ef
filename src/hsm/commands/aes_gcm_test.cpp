// AES-GCM under a crypto user's key: what the HSM makes is the standard's, and what it refuses.
#include <gmock/gmock.h>

#include <set>

#include "aes_gcm.pb.h"
#include "crypto/aes_gcm.h"
#include "hsm/session/testing/test_hsm.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {

using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

class AesGcm : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.Activate();
    alice = hsm.ConnectAs(proto::CU, "alice");
    bob = hsm.ConnectAs(proto::CU, "bob");
    officer = hsm.ConnectAs(proto::CO, "admin");
    handle = MakeKey(256);
  }
  std::uint32_t MakeKey(std::uint32_t bits) {
    proto::GenerateKeyRequest request;
    request.set_type(proto::AES);
    request.set_size_bits(bits);
    request.set_label("key of " + std::to_string(bits));
    return TestHsm::Parsed<proto::GenerateKeyReply>(hsm.Call(*alice, Command::kGenerateKey, request)).key().handle();
  }
  proto::AesGcmEncryptReply Encrypt(const std::string& plaintext, const std::string& aad) {
    proto::AesGcmEncryptRequest request;
    request.set_handle(handle);
    request.set_aad(aad);
    return TestHsm::Parsed<proto::AesGcmEncryptReply>(hsm.Call(*alice, Command::kAesGcmEncrypt, request, plaintext));
  }
  proto::AesGcmDecryptRequest ToDecrypt(const proto::AesGcmEncryptReply& made, const std::string& aad) {
    proto::AesGcmDecryptRequest request;
    request.set_handle(handle);
    request.set_aad(aad);
    request.set_iv(made.iv());
    request.set_ciphertext(made.ciphertext());
    request.set_tag(made.tag());
    return request;
  }
  Errc DecryptCode(TestClient& client, const proto::AesGcmDecryptRequest& request) {
    return TestHsm::CodeOf(hsm.Call(client, Command::kAesGcmDecrypt, request));
  }
  TestHsm hsm{TestHsm::Kind::kCustomer};
  std::unique_ptr<TestClient> alice, bob, officer;
  std::uint32_t handle = 0;
};

TEST_F(AesGcm, GivesBackWhatItEncrypted) {
  const auto made = Encrypt("the plaintext", "the context");
  EXPECT_EQ(made.ciphertext().size(), 13u);
  const auto& opened = hsm.Call(*alice, Command::kAesGcmDecrypt, ToDecrypt(made, "the context"));
  ASSERT_EQ(opened.code, 0);
  ASSERT_EQ(opened.segments.size(), 1u);
  EXPECT_TRUE(opened.segments[0].EqualsInConstantTime(AsBytes("the plaintext")));
  EXPECT_THAT(alice->all_bytes, ::testing::Not(::testing::HasSubstr("the plaintext")));
}

TEST_F(AesGcm, IsTheStandardsUnderTheKeyItself) {
  const auto made = Encrypt("the plaintext", "the context");
  const replica::KeyPtr key = hsm.replica->state().FindKey(handle);
  const auto opened = crypto::AesGcmDecrypt(*key->material, {.iv = AsBytes(made.iv()), .aad = AsBytes("the context")},
                                            AsBytes(made.ciphertext() + made.tag()));
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->EqualsInConstantTime(AsBytes("the plaintext")));
}

TEST_F(AesGcm, TakesAnIvOfItsOwnForEachMessage) {
  std::set<std::string> ivs;
  for (int i = 0; i < 100; ++i) {
    const auto made = Encrypt("x", "");
    EXPECT_EQ(made.iv().size(), 12u);
    EXPECT_EQ(made.tag().size(), 16u);
    ivs.insert(made.iv());
  }
  EXPECT_EQ(ivs.size(), 100u);
}

TEST_F(AesGcm, OpensNothingElse) {
  struct Row {
    std::string name;
    std::function<void(proto::AesGcmDecryptRequest&)> change;
    Errc want;
  };
  const auto flipped = [](std::string text) {
    text.back() = static_cast<char>(text.back() ^ 1);
    return text;
  };
  const auto good = ToDecrypt(Encrypt("the plaintext", "the context"), "the context");
  for (const Row& row : {
           Row{"Unchanged", [](auto&) {}, kOk},
           Row{"OtherCiphertext", [&](auto& r) { r.set_ciphertext(flipped(r.ciphertext())); }, Errc::kBadCiphertext},
           Row{"OtherTag", [&](auto& r) { r.set_tag(flipped(r.tag())); }, Errc::kBadCiphertext},
           Row{"OtherIv", [&](auto& r) { r.set_iv(flipped(r.iv())); }, Errc::kBadCiphertext},
           Row{"LongIv", [](auto& r) { r.set_iv(std::string(16, 'i')); }, Errc::kBadCiphertext},
           Row{"OtherContext", [](auto& r) { r.set_aad("another"); }, Errc::kBadCiphertext},
           Row{"NoContext", [](auto& r) { r.clear_aad(); }, Errc::kBadCiphertext},
           Row{"NoCiphertext", [](auto& r) { r.clear_ciphertext(); }, Errc::kInvalidArgument},
           Row{"ShortTag", [](auto& r) { r.set_tag(r.tag().substr(1)); }, Errc::kInvalidArgument},
           Row{"ShortIv", [](auto& r) { r.set_iv(r.iv().substr(1)); }, Errc::kInvalidArgument},
           Row{"UnknownKey", [](auto& r) { r.set_handle(9999); }, Errc::kNotFound},
           Row{"NoKey", [](auto& r) { r.clear_handle(); }, Errc::kInvalidArgument},
       }) {
    proto::AesGcmDecryptRequest request = good;
    row.change(request);
    EXPECT_EQ(DecryptCode(*alice, request), row.want) << row.name;
  }
}

TEST_F(AesGcm, BelongsToWhoMayUseTheKey) {
  const auto good = ToDecrypt(Encrypt("the plaintext", ""), "");
  EXPECT_EQ(DecryptCode(*bob, good), Errc::kNotFound);
  EXPECT_EQ(DecryptCode(*officer, good), Errc::kPermission);
  auto stranger = hsm.Connect();
  EXPECT_EQ(DecryptCode(*stranger, good), Errc::kNotLoggedIn);
}

TEST_F(AesGcm, RefusesSizesBeforeItWorks) {
  proto::AesGcmEncryptRequest request;
  request.set_handle(handle);
  const auto code = [&](std::string_view plaintext) {
    return TestHsm::CodeOf(hsm.Call(*alice, Command::kAesGcmEncrypt, request, std::string(plaintext)));
  };
  EXPECT_EQ(code(""), Errc::kInvalidArgument);
  EXPECT_EQ(code(std::string(65536, 'p')), kOk);
  EXPECT_EQ(code(std::string(65537, 'p')), Errc::kInvalidArgument);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*alice, Command::kAesGcmEncrypt, request)), Errc::kInvalidArgument)
      << "the plaintext's segment is missing";
}

TEST_F(AesGcm, WorksWithKeysOfEachSize) {
  for (const std::uint32_t bits : {128u, 192u}) {
    handle = MakeKey(bits);
    EXPECT_EQ(DecryptCode(*alice, ToDecrypt(Encrypt("the plaintext", "a"), "a")), kOk) << bits;
  }
}

}  // namespace
}  // namespace strongroom::hsm
