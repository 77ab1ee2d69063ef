// Imported key material: wrapping pairs, import tokens, and the key tokens that come out.
#include <gmock/gmock.h>

#include "crypto/aes_kw.h"
#include "crypto/key_import.h"
#include "hsm/session/testing/test_hsm.h"
#include "hsm/vault/import_token.h"
#include "import.pb.h"
#include "messages.pb.h"
#include "token_keys.pb.h"

namespace strongroom::hsm {
namespace {

using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;
constexpr std::int64_t kNow = 1'700'000'000'000, kValidTo = kNow + 86'400'000;

SecretBuffer Secret(ByteView bytes) { return SecretBuffer::CopyOf(bytes).value(); }

Bytes Wrap(const std::string& algorithm, const std::string& spki, const SecretBuffer& material) {
  const crypto::WrappingAlgorithm& how = *crypto::FindWrappingAlgorithm(algorithm);
  const auto key = crypto::PublicKey::FromSpki(AsBytes(spki)).value();
  if (!how.oaep) return key.EncryptSm2(material).value();
  if (!how.aes_key_wrap) return key.EncryptOaep(*how.oaep, {}, material).value();
  const SecretBuffer aes = crypto::RandomSecret(32).value();
  Bytes wrapped = key.EncryptOaep(*how.oaep, {}, aes).value();
  Append(wrapped, crypto::AesKeyWrapPadded(aes, material).value());
  return wrapped;
}

class Imports : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.CreateCluster();
    front_end = hsm.ConnectFrontEnd();
  }
  static proto::MakeImportKeyRequest Ask(const std::string& spec, const std::string& algorithm,
                                         const std::string& wrapping = "RSA_2048") {
    proto::MakeImportKeyRequest request;
    request.set_account("111122223333");
    request.set_key_id("key-1");
    request.set_region("us-east-1");
    request.set_wrapping_algorithm(algorithm);
    request.set_wrapping_spec(wrapping);
    request.set_spec(spec);
    request.set_valid_to_millis(kValidTo);
    return request;
  }
  proto::MakeImportKeyReply Parameters(const std::string& spec, const std::string& algorithm,
                                       const std::string& wrapping = "RSA_2048") {
    return TestHsm::Parsed<proto::MakeImportKeyReply>(
        hsm.Call(*front_end, Command::kMakeImportKey, Ask(spec, algorithm, wrapping)));
  }
  static proto::ImportKeyRequest Import(const std::string& spec, const std::string& usage,
                                        const proto::MakeImportKeyReply& parameters, const Bytes& wrapped) {
    proto::ImportKeyRequest request;
    request.set_account("111122223333");
    request.set_key_id("key-1");
    request.set_region("us-east-1");
    request.set_spec(spec);
    request.set_usage(usage);
    request.set_import_token(parameters.import_token());
    request.set_wrapped(std::string(AsText(wrapped)));
    request.set_now_millis(kNow);
    return request;
  }
  Errc Code(Command command, const google::protobuf::MessageLite& message,
            std::optional<std::string_view> secret = std::nullopt) {
    return TestHsm::CodeOf(hsm.Call(*front_end, command, message, secret));
  }
  proto::ImportKeyReply Imported(const proto::ImportKeyRequest& request) {
    return TestHsm::Parsed<proto::ImportKeyReply>(hsm.Call(*front_end, Command::kImportKey, request));
  }
  static proto::KeyRef Reference(const proto::ImportKeyRequest& request, const proto::ImportKeyReply& imported) {
    const Binding binding{request.account(), request.key_id(), imported.material_id(), request.spec(), request.usage()};
    proto::KeyRef key;
    key.set_token(imported.token());
    key.set_binding(std::string(AsText(wire::Encode(binding))));
    return key;
  }
  TestHsm hsm{TestHsm::Kind::kDomain};
  std::unique_ptr<TestClient> front_end;
};

TEST_F(Imports, MaterialOfEverySpecBecomesAKey) {
  struct Row {
    std::string spec, usage, algorithm;
  };
  for (const Row& row : {Row{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1"},
                         Row{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_1"},
                         Row{"HMAC_224", "GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_256"},
                         Row{"HMAC_512", "GENERATE_VERIFY_MAC", "RSA_AES_KEY_WRAP_SHA_256"},
                         Row{"ECC_NIST_P256", "SIGN_VERIFY", "RSAES_OAEP_SHA_256"},
                         Row{"ECC_NIST_P384", "KEY_AGREEMENT", "RSA_AES_KEY_WRAP_SHA_256"},
                         Row{"ECC_NIST_P521", "SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_1"},
                         Row{"ECC_SECG_P256K1", "SIGN_VERIFY", "RSAES_OAEP_SHA_1"},
                         Row{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "RSAES_OAEP_SHA_256"},
                         Row{"RSA_2048", "ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_256"},
                         Row{"SM2", "SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256"}}) {
    SCOPED_TRACE(row.spec + " " + row.algorithm);
    const crypto::KmsSpec& spec = *crypto::FindKmsSpec(row.spec);
    std::optional<crypto::PrivateKey> pair;
    SecretBuffer material;
    if (spec.pair) {
      pair = crypto::PrivateKey::Generate(*spec.pair).value();
      material = pair->ToPkcs8().value();
    } else {
      material = crypto::RandomSecret(spec.secret_bytes).value();
    }
    const auto parameters = Parameters(row.spec, row.algorithm);
    EXPECT_LE(parameters.import_token().size(), crypto::kMaxWrappedBytes);
    auto request = Import(row.spec, row.usage, parameters, Wrap(row.algorithm, parameters.public_key(), material));
    const auto first = Imported(request), second = Imported(request);
    EXPECT_THAT(first.material_id(), ::testing::MatchesRegex("[0-9a-f]{64}"));
    EXPECT_EQ(second.material_id(), first.material_id()) << "a token may be used again";
    EXPECT_NE(second.token(), first.token());
    EXPECT_EQ(first.public_key(), pair ? AsText(pair->public_key().ToSpki()) : "");
    // Other parameters, the same material: the same id. Another key id: another.
    const auto other = Parameters(row.spec, "RSA_AES_KEY_WRAP_SHA_256");
    const auto wrapped_anew = Wrap("RSA_AES_KEY_WRAP_SHA_256", other.public_key(), material);
    EXPECT_EQ(Imported(Import(row.spec, row.usage, other, wrapped_anew)).material_id(), first.material_id());

    const proto::KeyRef key = Reference(request, first);
    if (row.usage == "SIGN_VERIFY") {
      proto::SignRequest sign;
      *sign.mutable_key() = key;
      sign.set_algorithm(spec.AlgorithmsFor(crypto::KmsUsage::kSignVerify).front());
      sign.set_message_type("RAW");
      const auto signature =
          TestHsm::Parsed<proto::SignReply>(hsm.Call(*front_end, Command::kSign, sign, "message")).signature();
      EXPECT_TRUE(pair->public_key()
                      .Verify(*crypto::FindKmsAlgorithm(sign.algorithm())->scheme, crypto::MessageForm::kRaw,
                              AsBytes("message"), AsBytes(signature))
                      .ok());
    } else if (row.usage == "GENERATE_VERIFY_MAC") {
      proto::GenerateMacRequest mac;
      *mac.mutable_key() = key;
      mac.set_algorithm(spec.AlgorithmsFor(crypto::KmsUsage::kGenerateVerifyMac).front());
      const auto made =
          TestHsm::Parsed<proto::GenerateMacReply>(hsm.Call(*front_end, Command::kGenerateMac, mac, "message")).mac();
      EXPECT_EQ(made, AsText(crypto::Hmac(*crypto::FindKmsAlgorithm(mac.algorithm())->digest, material,
                                          {AsBytes("message")})));
    } else if (row.spec == "SYMMETRIC_DEFAULT") {
      proto::SealMessageRequest seal;
      *seal.mutable_key() = key;
      seal.set_header("header");
      proto::OpenMessageRequest open;
      open.set_header("header");
      open.set_sealed(
          TestHsm::Parsed<proto::SealMessageReply>(hsm.Call(*front_end, Command::kSealMessage, seal, "plain"))
              .sealed());
      *open.mutable_key() = Reference(request, second);
      const auto& opened = hsm.Call(*front_end, Command::kOpenMessage, open);
      ASSERT_EQ(opened.code, 0);
      EXPECT_TRUE(opened.segments.at(0).EqualsInConstantTime(AsBytes("plain")));
      open.mutable_key()->mutable_binding()->at(16) ^= 1;
      EXPECT_EQ(Code(Command::kOpenMessage, open), Errc::kBadCiphertext) << "it is bound";
    }
  }
}

TEST_F(Imports, ParametersAreMadeForWhatFits) {
  struct Row {
    std::string spec, algorithm, wrapping;
    Errc want;
  };
  for (const Row& row :
       {Row{"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "RSA_3072", kOk}, Row{"SYMMETRIC_DEFAULT", "SM2PKE", "SM2", kOk},
        Row{"SYMMETRIC_DEFAULT", "RSAES_PKCS1_V1_5", "RSA_2048", Errc::kUnsupported},
        Row{"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "RSA_1024", Errc::kUnsupported},
        Row{"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "SM2", Errc::kUnsupported},
        Row{"RSA_2048", "RSAES_OAEP_SHA_256", "RSA_4096", Errc::kUnsupported},
        Row{"ECC_NIST_P521", "RSAES_OAEP_SHA_256", "RSA_2048", Errc::kUnsupported},
        Row{"ML_DSA_44", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", Errc::kUnsupported},
        Row{"NONE", "RSAES_OAEP_SHA_256", "RSA_2048", Errc::kUnsupported}})
    EXPECT_EQ(Code(Command::kMakeImportKey, Ask(row.spec, row.algorithm, row.wrapping)), row.want)
        << row.spec << " " << row.algorithm << " " << row.wrapping;
  for (void (*spoil)(proto::MakeImportKeyRequest&) :
       {+[](proto::MakeImportKeyRequest& r) { r.clear_account(); },
        +[](proto::MakeImportKeyRequest& r) { r.set_key_id(std::string(129, 'k')); },
        +[](proto::MakeImportKeyRequest& r) { r.clear_region(); },
        +[](proto::MakeImportKeyRequest& r) { r.clear_valid_to_millis(); }}) {
    auto request = Ask("SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256");
    spoil(request);
    EXPECT_EQ(Code(Command::kMakeImportKey, request), Errc::kInvalidArgument);
  }
  auto stranger = hsm.Connect();
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*stranger, Command::kMakeImportKey, Ask("HMAC_256", "RSAES_OAEP_SHA_256"))),
            Errc::kPermission);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*stranger, Command::kImportKey, proto::ImportKeyRequest())), Errc::kPermission);
}

TEST_F(Imports, WhatIsWrongIsToldApart) {
  const auto parameters = Parameters("SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256");
  const auto others = Parameters("SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256");
  const Bytes good = Wrap("RSAES_OAEP_SHA_256", parameters.public_key(), Secret(Bytes(32, 1)));
  const auto request = [&] { return Import("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", parameters, good); };
  ASSERT_EQ(Code(Command::kImportKey, request()), kOk);
  const Bytes key_token = ToBytes(AsBytes(Imported(request()).token()));
  const auto wrapped = [&](std::size_t size) {
    return std::string(AsText(Wrap("RSAES_OAEP_SHA_256", parameters.public_key(), Secret(Bytes(size, 1)))));
  };
  using Request = proto::ImportKeyRequest;
  const std::tuple<const char*, std::function<void(Request&)>, Errc> rows[] = {
      {"AnotherAccount", [](Request& r) { r.set_account("111122223334"); }, Errc::kInvalidImportToken},
      {"AnotherKey", [](Request& r) { r.set_key_id("key-2"); }, Errc::kInvalidImportToken},
      {"AnotherRegion", [](Request& r) { r.set_region("us-east-2"); }, Errc::kInvalidImportToken},
      {"AnotherSpec",
       [](Request& r) { r.set_spec("RSA_2048"); },  // cannot be wrapped like that, whatever the token says
       Errc::kInvalidImportToken},
      {"NoToken", [](Request& r) { r.clear_import_token(); }, Errc::kInvalidImportToken},
      {"AKeyTokenForAToken", [&](Request& r) { r.set_import_token(std::string(AsText(key_token))); },
       Errc::kInvalidImportToken},
      {"AHugeToken", [](Request& r) { r.set_import_token(std::string(6145, 'x')); }, Errc::kInvalidImportToken},
      {"AnotherPair", [&](Request& r) { r.set_import_token(others.import_token()); }, Errc::kBadCiphertext},
      {"JustInTime", [](Request& r) { r.set_now_millis(kValidTo - 1); }, kOk},
      {"AtItsEnd", [](Request& r) { r.set_now_millis(kValidTo); }, Errc::kExpiredImportToken},
      {"AnExpiredTokenOfAnotherKey", [](Request& r) { r.set_now_millis(kValidTo), r.set_key_id("key-2"); },
       Errc::kInvalidImportToken},
      {"NothingWrapped", [](Request& r) { r.clear_wrapped(); }, Errc::kBadCiphertext},
      {"Garbage", [](Request& r) { r.set_wrapped(std::string(256, 'x')); }, Errc::kBadCiphertext},
      {"TooMuch", [](Request& r) { r.set_wrapped(std::string(100'000, 'x')); }, Errc::kBadCiphertext},
      {"AShortKey", [&](Request& r) { r.set_wrapped(wrapped(16)); }, Errc::kIncorrectKeyMaterial},
      {"ALongKey", [&](Request& r) { r.set_wrapped(wrapped(33)); }, Errc::kIncorrectKeyMaterial},
      {"NothingInTheWrapping", [&](Request& r) { r.set_wrapped(wrapped(0)); }, Errc::kIncorrectKeyMaterial},
      {"RawBytesForAPair", [](Request& r) { r.set_spec("ECC_NIST_P256"), r.set_usage("SIGN_VERIFY"); },
       Errc::kIncorrectKeyMaterial},
      {"AUsageThatTheSpecHasNot", [](Request& r) { r.set_usage("SIGN_VERIFY"); }, Errc::kWrongKeyUsage},
      {"NoSuchSpec", [](Request& r) { r.set_spec("AES_256"); }, Errc::kWrongKeyUsage}};
  for (const auto& [name, change, want] : rows) {
    Request changed = request();
    change(changed);
    EXPECT_EQ(Code(Command::kImportKey, changed), want) << name;
  }
}

// Whatever happens to a token, it is not valid; nothing is said of what was wrong.
TEST_F(Imports, DamagedTokensAreInvalid) {
  const auto parameters = Parameters("HMAC_256", "RSAES_OAEP_SHA_256");
  const Bytes wrapped = Wrap("RSAES_OAEP_SHA_256", parameters.public_key(), Secret(Bytes(32, 1)));
  const std::string good = parameters.import_token();
  const auto attempt = [&](std::string token, std::string_view what, std::size_t at) {
    auto request = Import("HMAC_256", "GENERATE_VERIFY_MAC", parameters, wrapped);
    request.set_import_token(std::move(token));
    const auto& reply = hsm.Call(*front_end, Command::kImportKey, request);
    EXPECT_EQ(TestHsm::CodeOf(reply), Errc::kInvalidImportToken) << what << " " << at;
    proto::Failure failure;
    ASSERT_TRUE(failure.ParseFromArray(reply.message.data(), static_cast<int>(reply.message.size())));
    EXPECT_EQ(failure.message(), "The import token is not valid for this key.") << what << " " << at;
  };
  for (std::size_t at = 0; at < good.size(); at += at < 100 ? 1 : 29) {
    for (const int mask : {0x01, 0x80}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ mask);
      attempt(std::move(bad), "flipped", at);
    }
    attempt(good.substr(0, at), "cut", at);
    attempt(good.substr(0, at) + "x" + good.substr(at), "longer", at);
  }
}

TEST_F(Imports, IdsOutliveRestartsAndSnapshots) {
  const auto id = [this] {
    const auto parameters = Parameters("SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256");
    return Imported(Import("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", parameters,
                           Wrap("RSAES_OAEP_SHA_256", parameters.public_key(), Secret(Bytes(32, 9)))))
        .material_id();
  };
  const std::string before = id();
  const auto [body, segments] = hsm.replica->state().ToSnapshot();
  const auto again = replica::State::FromSnapshot(body, segments);
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->Digest(), hsm.replica->state().Digest());
  front_end.reset();
  hsm.Restart();
  front_end = hsm.ConnectFrontEnd();
  EXPECT_EQ(id(), before);
}

TEST(ImportTokens, AreBoundToAllOfTheirTerms) {
  const SecretBuffer key = Secret(Bytes(32, 1)), other = Secret(Bytes(32, 2)), pkcs8 = Secret(AsBytes("private"));
  const ImportTerms terms{"111122223333", "key-1", "us-east-1", "RSAES_OAEP_SHA_256", "RSA_2048", 123};
  const auto token = SealImportToken(key, 7, terms, pkcs8);
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(ImportTokenGeneration(*token).value(), 7U);
  const auto opened = OpenImportToken(key, *token);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->terms.account, "111122223333");
  EXPECT_EQ(opened->terms.key_id, "key-1");
  EXPECT_EQ(opened->terms.region, "us-east-1");
  EXPECT_EQ(opened->terms.algorithm, "RSAES_OAEP_SHA_256");
  EXPECT_EQ(opened->terms.wrapping_spec, "RSA_2048");
  EXPECT_EQ(opened->terms.valid_to_millis, 123);
  EXPECT_TRUE(opened->pkcs8.EqualsInConstantTime(pkcs8));
  EXPECT_EQ(OpenImportToken(other, *token).error().code(), Errc::kInvalidImportToken);
  for (std::size_t at = 0; at < token->size(); ++at) {
    Bytes bad = *token;
    bad[at] ^= 1;
    EXPECT_EQ(OpenImportToken(key, bad).error().code(), Errc::kInvalidImportToken) << at;
  }
  ImportTerms long_terms = terms;
  long_terms.region = std::string(256, 'r');
  EXPECT_EQ(SealImportToken(key, 7, long_terms, pkcs8).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::hsm
