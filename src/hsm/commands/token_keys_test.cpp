// What KMS's signing, MAC, agreement and RSA keys do in the HSM, and what they never do.
#include <gmock/gmock.h>

#include "hsm/session/testing/test_hsm.h"
#include "messages.pb.h"
#include "token_keys.pb.h"

namespace strongroom::hsm {
namespace {

using testing::BindingOf;
using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

class TokenKeys : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.CreateCluster();
    front_end = hsm.ConnectFrontEnd();
  }
  proto::KeyRef NewKey(const std::string& spec, const std::string& usage) {
    proto::CreateTokenRequest request;
    request.set_spec(spec);
    request.set_binding(BindingOf(spec, usage));
    const auto made = TestHsm::Parsed<proto::CreateTokenReply>(hsm.Call(*front_end, Command::kCreateToken, request));
    proto::KeyRef key;
    key.set_token(made.token());
    key.set_binding(request.binding());
    public_key = made.public_key();
    return key;
  }
  Errc Code(Command command, const google::protobuf::MessageLite& message,
            std::optional<std::string_view> secret = std::nullopt) {
    return TestHsm::CodeOf(hsm.Call(*front_end, command, message, secret));
  }
  static proto::SignRequest Signing(const proto::KeyRef& key, const std::string& algorithm,
                                    const std::string& type = "RAW") {
    proto::SignRequest request;
    *request.mutable_key() = key;
    request.set_algorithm(algorithm);
    request.set_message_type(type);
    return request;
  }
  TestHsm hsm{TestHsm::Kind::kDomain};
  std::unique_ptr<TestClient> front_end;
  std::string public_key;  // of the key made last
};

TEST_F(TokenKeys, SignWhatTheirPublicHalfVerifies) {
  struct Row {
    std::string spec, algorithm, type;
    std::size_t bytes;
  };
  for (const Row& row :
       {Row{"RSA_2048", "RSASSA_PSS_SHA_384", "RAW", 4096}, Row{"RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", "DIGEST", 64},
        Row{"ECC_NIST_P256", "ECDSA_SHA_256", "DIGEST", 32}, Row{"ECC_NIST_P521", "ECDSA_SHA_512", "RAW", 1},
        Row{"ECC_SECG_P256K1", "ECDSA_SHA_256", "RAW", 20},
        Row{"ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "RAW", 4096},
        Row{"ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", "DIGEST", 64}, Row{"SM2", "SM2DSA", "RAW", 33}}) {
    const proto::KeyRef key = NewKey(row.spec, "SIGN_VERIFY");
    const std::string message(row.bytes, 'm');
    const auto signature = TestHsm::Parsed<proto::SignReply>(
                               hsm.Call(*front_end, Command::kSign, Signing(key, row.algorithm, row.type), message))
                               .signature();
    const auto* algorithm = crypto::FindKmsAlgorithm(row.algorithm);
    const auto form = FormFor(*algorithm, *crypto::FindMessageForm(row.type), row.bytes).value();
    EXPECT_TRUE(crypto::PublicKey::FromSpki(AsBytes(public_key))
                    ->Verify(*algorithm->scheme, form, AsBytes(message), AsBytes(signature))
                    .ok())
        << row.algorithm;
    proto::VerifyRequest verify;
    *verify.mutable_key() = key;
    verify.set_algorithm(row.algorithm);
    verify.set_message_type(row.type);
    verify.set_signature(signature);
    EXPECT_EQ(Code(Command::kVerify, verify, message), kOk) << row.algorithm;
    EXPECT_EQ(Code(Command::kVerify, verify, std::string(row.bytes, 'n')), Errc::kBadSignature) << row.algorithm;
    verify.set_signature("");
    EXPECT_EQ(Code(Command::kVerify, verify, message), Errc::kBadSignature) << row.algorithm;
    proto::GetPublicKeyRequest get;
    *get.mutable_key() = key;
    get.set_usage("SIGN_VERIFY");
    EXPECT_EQ(TestHsm::Parsed<proto::GetPublicKeyReply>(hsm.Call(*front_end, Command::kGetPublicKey, get)).public_key(),
              public_key);
    get.set_usage("KEY_AGREEMENT");
    EXPECT_EQ(Code(Command::kGetPublicKey, get), Errc::kWrongKeyUsage);
  }
  EXPECT_GT(hsm.engine->vault.cached_keys(), 0u);
  hsm.engine->vault.Forget();
  EXPECT_EQ(hsm.engine->vault.cached_keys(), 0u);
}

TEST_F(TokenKeys, RefuseNonsense) {
  const proto::KeyRef key = NewKey("ECC_NIST_P256", "SIGN_VERIFY");
  EXPECT_EQ(Code(Command::kSign, Signing(key, "ECDSA_SHA_256"), ""), Errc::kInvalidArgument);
  EXPECT_EQ(Code(Command::kSign, Signing(key, "ECDSA_SHA_256"), std::string(4097, 'm')), Errc::kInvalidArgument);
  EXPECT_EQ(Code(Command::kSign, Signing(key, "ECDSA_SHA_256", "DIGEST"), "28 bytes"), Errc::kInvalidArgument);
  EXPECT_EQ(Code(Command::kSign, Signing(key, "ECDSA_SHA_256", "EXTERNAL_MU"), std::string(64, 'm')),
            Errc::kInvalidArgument);
  EXPECT_EQ(Code(Command::kSign, Signing(key, "ECDSA_SHA_256", "NONE"), "m"), Errc::kInvalidArgument);
  for (const char* algorithm : {"", "ECDSA_SHA_384", "RSASSA_PSS_SHA_256", "HMAC_SHA_256", "ECDH"})
    EXPECT_EQ(Code(Command::kSign, Signing(key, algorithm), "m"), Errc::kWrongKeyUsage) << algorithm;
  EXPECT_EQ(Code(Command::kSign, Signing(key, "ECDSA_SHA_256")), Errc::kInvalidArgument) << "no segment";
  proto::KeyRef other = key;
  other.set_binding(BindingOf("ECC_NIST_P384", "SIGN_VERIFY"));
  EXPECT_EQ(Code(Command::kSign, Signing(other, "ECDSA_SHA_384"), "m"), Errc::kBadCiphertext);
  other = key;
  other.mutable_token()->back() ^= 1;
  EXPECT_EQ(Code(Command::kSign, Signing(other, "ECDSA_SHA_256"), "m"), Errc::kBadCiphertext);
  other.Clear();
  other.set_handle(7);
  EXPECT_EQ(Code(Command::kSign, Signing(other, "ECDSA_SHA_256"), "m"), Errc::kInvalidArgument);
  auto stranger = hsm.Connect();
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*stranger, Command::kSign, Signing(key, "ECDSA_SHA_256"), "m")),
            Errc::kPermission);
}

TEST_F(TokenKeys, DoNothingButWhatTheirUsageSays) {
  const std::pair<const char*, const char*> kinds[] = {{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"},
                                                       {"RSA_2048", "ENCRYPT_DECRYPT"},
                                                       {"RSA_2048", "SIGN_VERIFY"},
                                                       {"ECC_NIST_P256", "SIGN_VERIFY"},
                                                       {"ECC_NIST_P256", "KEY_AGREEMENT"},
                                                       {"HMAC_256", "GENERATE_VERIFY_MAC"}};
  for (const auto& [spec, usage] : kinds) {
    const std::string is = std::string(spec) + " " + usage;
    const proto::KeyRef key = NewKey(spec, usage);
    const std::string rsa_signing = is == "RSA_2048 SIGN_VERIFY" ? "RSASSA_PSS_SHA_256" : "ECDSA_SHA_256";
    const bool signs = is.ends_with("SIGN_VERIFY");
    EXPECT_EQ(Code(Command::kSign, Signing(key, rsa_signing), "m"), signs ? kOk : Errc::kWrongKeyUsage) << is;
    proto::GenerateMacRequest mac;
    *mac.mutable_key() = key;
    mac.set_algorithm("HMAC_SHA_256");
    EXPECT_EQ(Code(Command::kGenerateMac, mac, "m"), is.starts_with("HMAC") ? kOk : Errc::kWrongKeyUsage) << is;
    proto::AsymmetricEncryptRequest encrypt;
    *encrypt.mutable_key() = key;
    encrypt.set_algorithm("RSAES_OAEP_SHA_256");
    const bool encrypts = is == "RSA_2048 ENCRYPT_DECRYPT";
    EXPECT_EQ(Code(Command::kAsymmetricEncrypt, encrypt, "m"), encrypts ? kOk : Errc::kWrongKeyUsage) << is;
    proto::AsymmetricDecryptRequest decrypt;
    *decrypt.mutable_key() = key;
    decrypt.set_algorithm("RSAES_OAEP_SHA_256");
    decrypt.set_ciphertext(std::string(256, 'c'));
    EXPECT_EQ(Code(Command::kAsymmetricDecrypt, decrypt), encrypts ? Errc::kBadCiphertext : Errc::kWrongKeyUsage) << is;
    proto::SealMessageRequest seal;
    *seal.mutable_key() = key;
    seal.set_header("h");
    EXPECT_EQ(Code(Command::kSealMessage, seal, "m"), is.starts_with("SYM") ? kOk : Errc::kWrongKeyUsage) << is;
    proto::DeriveSharedSecretRequest derive;
    *derive.mutable_key() = key;
    derive.set_algorithm("ECDH");
    derive.set_public_key(AsText(crypto::PrivateKey::Generate(crypto::KeySpec::kP256)->public_key().ToSpki()).data(),
                          91);
    EXPECT_EQ(Code(Command::kDeriveSharedSecret, derive), is.ends_with("AGREEMENT") ? kOk : Errc::kWrongKeyUsage) << is;
    proto::GetPublicKeyRequest get;
    *get.mutable_key() = key;
    get.set_usage(usage);
    EXPECT_EQ(Code(Command::kGetPublicKey, get), is.starts_with("HMAC")  ? Errc::kUnsupported
                                                 : is.starts_with("SYM") ? Errc::kUnsupported
                                                                         : kOk)
        << is;
  }
}

TEST_F(TokenKeys, MacsAreOfTheHashsLengthAndComparedWhole) {
  for (const auto& [bits, size] :
       {std::pair<std::string, std::size_t>{"224", 28}, {"256", 32}, {"384", 48}, {"512", 64}}) {
    proto::GenerateMacRequest request;
    *request.mutable_key() = NewKey("HMAC_" + bits, "GENERATE_VERIFY_MAC");
    request.set_algorithm("HMAC_SHA_" + bits);
    const auto mac =
        TestHsm::Parsed<proto::GenerateMacReply>(hsm.Call(*front_end, Command::kGenerateMac, request, "m")).mac();
    EXPECT_EQ(mac.size(), size);
    proto::VerifyMacRequest verify;
    *verify.mutable_key() = request.key();
    verify.set_algorithm(request.algorithm());
    verify.set_mac(mac);
    EXPECT_EQ(Code(Command::kVerifyMac, verify, "m"), kOk);
    EXPECT_EQ(Code(Command::kVerifyMac, verify, "n"), Errc::kBadSignature);
    verify.set_mac(mac.substr(0, size - 1));
    EXPECT_EQ(Code(Command::kVerifyMac, verify, "m"), Errc::kBadSignature);
    verify.set_mac("");
    EXPECT_EQ(Code(Command::kVerifyMac, verify, "m"), Errc::kBadSignature);
    request.set_algorithm("HMAC_SHA_1");
    EXPECT_EQ(Code(Command::kGenerateMac, request, "m"), Errc::kWrongKeyUsage);
  }
}

TEST_F(TokenKeys, AgreeWithKeysOfTheirCurveOnly) {
  proto::DeriveSharedSecretRequest request;
  *request.mutable_key() = NewKey("ECC_NIST_P384", "KEY_AGREEMENT");
  const auto ours = *crypto::PublicKey::FromSpki(AsBytes(public_key));
  request.set_algorithm("ECDH");
  const auto peer = *crypto::PrivateKey::Generate(crypto::KeySpec::kP384);
  request.set_public_key(std::string(AsText(peer.public_key().ToSpki())));
  const auto& reply = hsm.Call(*front_end, Command::kDeriveSharedSecret, request);
  ASSERT_EQ(reply.code, 0);
  EXPECT_EQ(reply.segments.at(0).size(), 48u);
  EXPECT_TRUE(reply.segments[0].EqualsInConstantTime(*peer.Agree(ours)));
  request.set_public_key(
      std::string(AsText(crypto::PrivateKey::Generate(crypto::KeySpec::kP256)->public_key().ToSpki())));
  EXPECT_EQ(Code(Command::kDeriveSharedSecret, request), Errc::kInvalidArgument);
  request.set_public_key("nonsense");
  EXPECT_EQ(Code(Command::kDeriveSharedSecret, request), Errc::kInvalidArgument);
}

TEST_F(TokenKeys, ReSealBetweenAnyTwoKindsOfKeys) {
  struct Side {
    std::string name, algorithm;
    proto::KeyRef key;
  };
  const Side sides[] = {{"symmetric", "SYMMETRIC_DEFAULT", NewKey("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")},
                        {"another", "SYMMETRIC_DEFAULT", NewKey("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")},
                        {"rsa", "RSAES_OAEP_SHA_1", NewKey("RSA_2048", "ENCRYPT_DECRYPT")},
                        {"sm2", "SM2PKE", NewKey("SM2", "ENCRYPT_DECRYPT")}};
  const auto fill = [](proto::ReSealSide& to, const Side& from) {
    *to.mutable_key() = from.key;
    to.set_algorithm(from.algorithm);
    to.set_header("header of " + from.name);
    to.set_context("context");
  };
  for (const Side& from : sides) {
    for (const Side& to : sides) {
      proto::SealMessageRequest seal;
      *seal.mutable_key() = sides[0].key;
      seal.set_header("header of symmetric");
      seal.set_context("context");
      const std::string first =
          TestHsm::Parsed<proto::SealMessageReply>(hsm.Call(*front_end, Command::kSealMessage, seal, "plain")).sealed();
      proto::ReSealRequest one, two, three;
      fill(*one.mutable_source(), sides[0]);
      one.set_sealed(first);
      fill(*one.mutable_destination(), from);
      fill(*two.mutable_source(), from);
      two.set_sealed(TestHsm::Parsed<proto::ReSealReply>(hsm.Call(*front_end, Command::kReSeal, one)).sealed());
      fill(*two.mutable_destination(), to);
      fill(*three.mutable_source(), to);
      three.set_sealed(TestHsm::Parsed<proto::ReSealReply>(hsm.Call(*front_end, Command::kReSeal, two)).sealed());
      fill(*three.mutable_destination(), sides[0]);
      proto::OpenMessageRequest open;
      *open.mutable_key() = sides[0].key;
      open.set_header("header of symmetric");
      open.set_context("context");
      open.set_sealed(TestHsm::Parsed<proto::ReSealReply>(hsm.Call(*front_end, Command::kReSeal, three)).sealed());
      const auto& opened = hsm.Call(*front_end, Command::kOpenMessage, open);
      ASSERT_EQ(opened.code, 0) << from.name << " to " << to.name;
      EXPECT_TRUE(opened.segments.at(0).EqualsInConstantTime(AsBytes("plain"))) << from.name << " to " << to.name;
      three.mutable_sealed()->back() ^= 1;
      EXPECT_EQ(Code(Command::kReSeal, three), Errc::kBadCiphertext) << to.name;
    }
  }
  proto::SealMessageRequest seal;
  *seal.mutable_key() = sides[0].key;
  seal.set_header("header of symmetric");
  seal.set_context("context");
  proto::ReSealRequest request;
  fill(*request.mutable_source(), sides[0]);
  fill(*request.mutable_destination(), sides[2]);
  request.set_sealed(
      TestHsm::Parsed<proto::SealMessageReply>(hsm.Call(*front_end, Command::kSealMessage, seal, std::string(215, 'x')))
          .sealed());
  const auto& too_long = hsm.Call(*front_end, Command::kReSeal, request);
  EXPECT_EQ(TestHsm::CodeOf(too_long), Errc::kInvalidArgument);
  EXPECT_THAT(AsText(too_long.message), ::testing::HasSubstr("cannot encrypt data larger than 214 bytes."));
  request.mutable_destination()->set_algorithm("SYMMETRIC_DEFAULT");
  EXPECT_EQ(Code(Command::kReSeal, request), Errc::kWrongKeyUsage);
  EXPECT_THAT(front_end->all_bytes, ::testing::Not(::testing::HasSubstr("plain")));
}

}  // namespace
}  // namespace strongroom::hsm
