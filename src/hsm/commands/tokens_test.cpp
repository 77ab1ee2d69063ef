// What KMS front ends ask of the domain cluster.
#include <gmock/gmock.h>

#include "crypto/key_pair.h"
#include "hsm/session/testing/test_hsm.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {

using testing::BindingOf;
using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

proto::CreateTokenRequest Token(const std::string& spec, const std::string& binding) {
  proto::CreateTokenRequest request;
  request.set_spec(spec);
  request.set_binding(binding);
  return request;
}

class Tokens : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.CreateCluster();
    front_end = hsm.ConnectFrontEnd();
  }
  Errc Code(TestClient& client, Command command, const google::protobuf::MessageLite& message) {
    return TestHsm::CodeOf(hsm.Call(client, command, message));
  }
  proto::KeyRef SymmetricKey() {
    const std::string binding = BindingOf("SYMMETRIC_DEFAULT");
    const auto made = TestHsm::Parsed<proto::CreateTokenReply>(
        hsm.Call(*front_end, Command::kCreateToken, Token("SYMMETRIC_DEFAULT", binding)));
    proto::KeyRef key;
    key.set_token(made.token());
    key.set_binding(binding);
    return key;
  }
  TestHsm hsm{TestHsm::Kind::kDomain};
  std::unique_ptr<TestClient> front_end;
};

TEST_F(Tokens, CreateAnswersAsTheRowSays) {
  struct Row {
    std::string spec, binding_spec, usage;
    Errc want;
    bool has_public_key = false;
  };
  const std::string encrypt = "ENCRYPT_DECRYPT", sign = "SIGN_VERIFY", mac = "GENERATE_VERIFY_MAC",
                    agree = "KEY_AGREEMENT";
  const bool has_ml_dsa = crypto::Available(crypto::KeySpec::kMlDsa65);
  for (const Row& row :
       {Row{"SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", encrypt, kOk},
        Row{"SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", sign, Errc::kWrongKeyUsage},
        Row{"HMAC_224", "HMAC_224", mac, kOk}, Row{"HMAC_512", "HMAC_512", mac, kOk},
        Row{"HMAC_512", "HMAC_512", encrypt, Errc::kWrongKeyUsage},
        Row{"ECC_NIST_P256", "ECC_NIST_P256", sign, kOk, true}, Row{"ECC_NIST_P521", "ECC_NIST_P521", agree, kOk, true},
        Row{"ECC_NIST_P256", "ECC_NIST_P256", encrypt, Errc::kWrongKeyUsage},
        Row{"ECC_SECG_P256K1", "ECC_SECG_P256K1", sign, kOk, true},
        Row{"ECC_SECG_P256K1", "ECC_SECG_P256K1", agree, Errc::kWrongKeyUsage},
        Row{"ECC_NIST_EDWARDS25519", "ECC_NIST_EDWARDS25519", sign, kOk, true},
        Row{"RSA_2048", "RSA_2048", encrypt, kOk, true}, Row{"RSA_2048", "RSA_2048", "SIGN", Errc::kWrongKeyUsage},
        Row{"SM2", "SM2", encrypt, kOk, true}, Row{"SM2", "SM2", agree, Errc::kUnsupported},
        Row{"ML_DSA_65", "ML_DSA_65", sign, has_ml_dsa ? kOk : Errc::kUnsupported, true},
        Row{"RSA_1024", "RSA_1024", sign, Errc::kUnsupported}, Row{"", "", sign, Errc::kUnsupported},
        Row{"HMAC_224", "HMAC_256", mac, Errc::kInvalidArgument}}) {
    const auto& reply =
        hsm.Call(*front_end, Command::kCreateToken, Token(row.spec, BindingOf(row.binding_spec, row.usage)));
    ASSERT_EQ(TestHsm::CodeOf(reply), row.want) << row.spec << " " << row.usage;
    if (row.want != kOk) continue;
    const auto parsed = TestHsm::Parsed<proto::CreateTokenReply>(reply);
    EXPECT_TRUE(parsed.token().starts_with("SRT\1")) << row.spec;
    EXPECT_EQ(crypto::PublicKey::FromSpki(AsBytes(parsed.public_key())).ok(), row.has_public_key) << row.spec;
  }
  EXPECT_EQ(Code(*front_end, Command::kCreateToken, Token("SYMMETRIC_DEFAULT", "x")), Errc::kInvalidArgument);
  auto stranger = hsm.Connect();
  EXPECT_EQ(Code(*stranger, Command::kCreateToken, Token("SYMMETRIC_DEFAULT", BindingOf("SYMMETRIC_DEFAULT"))),
            Errc::kPermission);
}

TEST_F(Tokens, MessagesOpenWithTheirTokenOnly) {
  proto::SealMessageRequest seal;
  *seal.mutable_key() = SymmetricKey();
  seal.set_header("header");
  const auto sealed =
      TestHsm::Parsed<proto::SealMessageReply>(hsm.Call(*front_end, Command::kSealMessage, seal, "plain")).sealed();
  proto::OpenMessageRequest open;
  *open.mutable_key() = seal.key();
  open.set_header("header");
  open.set_sealed(sealed);
  const auto& opened = hsm.Call(*front_end, Command::kOpenMessage, open);
  ASSERT_EQ(opened.code, 0);
  EXPECT_TRUE(opened.segments.at(0).EqualsInConstantTime(AsBytes("plain")));
  EXPECT_EQ(hsm.engine->vault.cached_tokens(), 1u);

  open.mutable_key()->set_binding(BindingOf("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "key-2"));
  EXPECT_EQ(Code(*front_end, Command::kOpenMessage, open), Errc::kBadCiphertext) << "the cache compares bindings";
  *open.mutable_key() = SymmetricKey();
  EXPECT_EQ(Code(*front_end, Command::kOpenMessage, open), Errc::kBadCiphertext) << "another key";
  open.mutable_key()->set_handle(1);
  EXPECT_EQ(Code(*front_end, Command::kOpenMessage, open), Errc::kInvalidArgument) << "two names";
  open.mutable_key()->clear_token();
  EXPECT_EQ(Code(*front_end, Command::kOpenMessage, open), Errc::kPermission) << "handles are for users";
  auto stranger = hsm.Connect();
  EXPECT_EQ(Code(*stranger, Command::kOpenMessage, open), Errc::kNotLoggedIn);
}

TEST_F(Tokens, OnlyKeysForEncryptionSealMessages) {
  for (const auto& [spec, usage] : {std::pair<std::string, std::string>{"HMAC_256", "GENERATE_VERIFY_MAC"},
                                    {"ECC_NIST_P256", "SIGN_VERIFY"},
                                    {"RSA_2048", "ENCRYPT_DECRYPT"}}) {
    const std::string binding = BindingOf(spec, usage);
    proto::SealRandomRequest request;
    request.mutable_key()->set_token(
        TestHsm::Parsed<proto::CreateTokenReply>(hsm.Call(*front_end, Command::kCreateToken, Token(spec, binding)))
            .token());
    request.mutable_key()->set_binding(binding);
    request.set_header("h");
    request.set_number_of_bytes(32);
    EXPECT_EQ(Code(*front_end, Command::kSealRandom, request), Errc::kWrongKeyUsage) << spec;
  }
}

TEST_F(Tokens, DataKeysAreSealedAndReturnedOnDemand) {
  proto::SealRandomRequest request;
  *request.mutable_key() = SymmetricKey();
  request.set_header("h");
  for (const auto& [bytes, want] : {std::pair<std::uint32_t, Errc>{0, Errc::kInvalidArgument},
                                    {1, kOk},
                                    {1024, kOk},
                                    {1025, Errc::kInvalidArgument}}) {
    request.set_number_of_bytes(bytes);
    request.set_return_plaintext(bytes == 1024);
    const auto& reply = hsm.Call(*front_end, Command::kSealRandom, request);
    ASSERT_EQ(TestHsm::CodeOf(reply), want) << bytes;
    EXPECT_EQ(reply.segments.size(), want == kOk && bytes == 1024 ? 1u : 0u);
    if (reply.segments.empty()) continue;
    proto::OpenMessageRequest open;
    *open.mutable_key() = request.key();
    open.set_header("h");
    open.set_sealed(TestHsm::Parsed<proto::SealRandomReply>(reply).sealed());
    const auto& opened = hsm.Call(*front_end, Command::kOpenMessage, open);
    ASSERT_EQ(opened.code, 0);
    EXPECT_TRUE(opened.segments.at(0).EqualsInConstantTime(reply.segments[0]));
  }
}

TEST_F(Tokens, KeyPairsAreSealedAsPkcs8) {
  proto::SealKeyPairRequest request;
  *request.mutable_key() = SymmetricKey();
  request.set_header("h");
  request.set_spec("ECC_NIST_P384");
  request.set_return_plaintext(true);
  const auto& reply = hsm.Call(*front_end, Command::kSealKeyPair, request);
  const auto parsed = TestHsm::Parsed<proto::SealKeyPairReply>(reply);
  auto key = crypto::PrivateKey::FromPkcs8(reply.segments.at(0));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(AsText(key->public_key().ToSpki()), parsed.public_key());
  request.set_spec("SYMMETRIC_DEFAULT");
  EXPECT_EQ(Code(*front_end, Command::kSealKeyPair, request), Errc::kUnsupported);
  request.set_spec("RSA_2048");
  request.set_return_plaintext(false);
  const auto& first = hsm.Call(*front_end, Command::kSealKeyPair, request);
  const auto& second = hsm.Call(*front_end, Command::kSealKeyPair, request);
  EXPECT_TRUE(first.segments.empty());
  EXPECT_NE(TestHsm::Parsed<proto::SealKeyPairReply>(first).public_key(),
            TestHsm::Parsed<proto::SealKeyPairReply>(second).public_key());
}

TEST_F(Tokens, RandomBytesAreBounded) {
  proto::GenerateRandomRequest request;
  EXPECT_EQ(Code(*front_end, Command::kGenerateRandom, request), Errc::kInvalidArgument);
  request.set_number_of_bytes(1024);
  EXPECT_EQ(hsm.Call(*front_end, Command::kGenerateRandom, request).segments.at(0).size(), 1024u);
  request.set_number_of_bytes(1025);
  EXPECT_EQ(Code(*front_end, Command::kGenerateRandom, request), Errc::kInvalidArgument);
}

TEST_F(Tokens, DevicesAreCertifiedUnderBothRoots) {
  auto device = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048);
  const auto csr = crypto::MakeCsr(replica::HardwareSubject("B1BF80C1755B426103C4BA244B3381"), *device);
  ASSERT_TRUE(csr.ok());
  proto::CertifyDeviceRequest request;
  request.set_hsm_id("hsm-bbbbbbbbbbb");
  request.set_device_csr(std::string(AsText(*replica::CsrPemToDer(*csr))));
  const auto reply = TestHsm::Parsed<proto::CertifyDeviceReply>(hsm.Call(*front_end, Command::kCertifyDevice, request));
  const auto parse = [](const std::string& der) { return *crypto::Certificate::FromDer(AsBytes(der)); };
  const auto aws = parse(reply.aws_hardware_certificate()),
             manufacturer = parse(reply.manufacturer_hardware_certificate());
  EXPECT_TRUE(aws.VerifyIssuedBy(parse(reply.aws_root())).ok());
  EXPECT_TRUE(manufacturer.VerifyIssuedBy(parse(reply.manufacturer_root())).ok());
  EXPECT_EQ(aws.subject(), manufacturer.subject());
  EXPECT_EQ(aws.public_key_spki(), device->public_key().ToSpki());
  request.set_device_csr("garbage");
  EXPECT_NE(Code(*front_end, Command::kCertifyDevice, request), kOk);
  request.clear_device_csr();
  EXPECT_EQ(Code(*front_end, Command::kCertifyDevice, request), Errc::kInvalidArgument);
}

TEST_F(Tokens, InfoAndCertificatesNeedNoLogin) {
  auto stranger = hsm.Connect();
  const auto info =
      TestHsm::Parsed<proto::GetInfoReply>(hsm.Call(*stranger, Command::kGetInfo, proto::GetInfoRequest()));
  EXPECT_EQ(info.cluster_id(), "cluster-aaaaaaaaaaa");
  EXPECT_EQ(info.members_size(), 1);
  EXPECT_TRUE(info.changes_possible());
  const auto certificates = TestHsm::Parsed<proto::GetCertificatesReply>(
      hsm.Call(*stranger, Command::kGetCertificates, proto::GetCertificatesRequest()));
  const auto hsm_certificate = crypto::Certificate::FromDer(AsBytes(certificates.hsm()));
  ASSERT_TRUE(hsm_certificate.ok());
  EXPECT_TRUE(
      hsm_certificate->VerifyIssuedBy(*crypto::Certificate::FromDer(AsBytes(certificates.aws_hardware()))).ok());
  EXPECT_TRUE(
      hsm_certificate->VerifyIssuedBy(*crypto::Certificate::FromDer(AsBytes(certificates.manufacturer_hardware())))
          .ok());
  proto::EchoRequest echo;
  echo.set_data("hello");
  EXPECT_EQ(TestHsm::Parsed<proto::EchoReply>(hsm.Call(*stranger, Command::kEcho, echo)).data(), "hello");
}

TEST_F(Tokens, AFrontEndThatIsNoLongerEnrolledIsCutOff) {
  replica::Decide decide = [key = hsm.front_end_key](const replica::State&) -> Result<replica::Proposal> {
    replica::Proposal proposal;
    proposal.changes.emplace_back().mutable_front_end_removed()->set_public_key(std::string(AsText(key)));
    return proposal;
  };
  ASSERT_TRUE(hsm.Await(hsm.replica->Change(nullptr, Command::kEcho, std::move(decide))).ok());
  hsm.engine->sessions.Revalidate();
  EXPECT_TRUE(front_end->closed);
}

}  // namespace
}  // namespace strongroom::hsm
