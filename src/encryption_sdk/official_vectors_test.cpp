#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "encryption_sdk/multi_keyring.h"
#include "encryption_sdk/raw_rsa_keyring.h"
#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

namespace json = boost::json;

const json::object& Vectors() {
  static const json::object vectors = [] {
    std::ifstream in(STRONGROOM_VECTORS "/encryption_sdk/messages.json");
    std::stringstream text;
    text << in.rdbuf();
    return json::parse(text.str()).as_object();
  }();
  return vectors;
}
std::string Text(const json::object& object, std::string_view name) { return std::string(object.at(name).as_string()); }

std::vector<KeyringPtr> KeyringsOf(const json::object& what) {
  const std::string type = Text(what, "type");
  if (type == "multi") {
    std::vector<KeyringPtr> all;
    for (const json::value& one : what.at("keys").as_array()) all.push_back(KeyringsOf(one.as_object())[0]);
    return all;
  }
  if (type == "aes") {
    SecretBuffer key = SecretBuffer::CopyOf(FromHex(Text(what, "key")).value()).value();
    return {MakeRawAesKeyring(Text(what, "namespace"), Text(what, "name"), std::move(key)).value()};
  }
  using crypto::RsaPadding;
  static const std::map<std::string, RsaPadding> paddings{{"pkcs1", RsaPadding::kPkcs1V15},
                                                          {"oaep_sha1", RsaPadding::kOaepSha1},
                                                          {"oaep_sha256", RsaPadding::kOaepSha256},
                                                          {"oaep_sha384", RsaPadding::kOaepSha384},
                                                          {"oaep_sha512", RsaPadding::kOaepSha512}};
  RawRsaOptions options{.name_space = Text(what, "namespace"),
                        .name = Text(what, "name"),
                        .padding = paddings.at(Text(what, "padding")),
                        .allow_pkcs1_v15 = true};
  const SecretBuffer pem = SecretBuffer::CopyOf(AsBytes(Text(Vectors(), "privateKey"))).value();
  options.private_key = crypto::PrivateKey::FromPem(pem).value();
  return {MakeRawRsaKeyring(std::move(options)).value()};
}

TEST(OfficialMessages, AreReadWithEachOfTheirKeys) {
  int read = 0;
  for (const json::value& vector : Vectors().at("messages").as_array()) {
    const json::object& row = vector.as_object();
    SCOPED_TRACE(Text(row, "name"));
    const Bytes message = FromBase64(Text(row, "message")).value();
    for (const KeyringPtr& keyring : KeyringsOf(row.at("keyring").as_object())) {
      Bytes released;
      const CmmPtr cmm = MakeDefaultCmm(keyring);
      const auto facts = testing::ReadInPieces(*cmm, message, 11, released);
      ASSERT_TRUE(facts.ok()) << facts.error();
      EXPECT_EQ(released, testing::TextOf(static_cast<std::size_t>(row.at("plaintextBytes").as_int64())));
      EXPECT_EQ(fmt::format("{:04x}", static_cast<int>(facts->header.suite)), Text(row, "suite"));
      EncryptionContext context = facts->header.context;
      EXPECT_EQ(context.erase(std::string(kPublicKeyName)), facts->header.suite_facts().signs() ? 1u : 0u);
      EncryptionContext given;
      for (const auto& [key, value] : row.at("context").as_object()) given.emplace(key, value.as_string());
      EXPECT_EQ(context, given);
      ++read;
    }
  }
  EXPECT_EQ(read, 30);
}

}  // namespace
}  // namespace strongroom::encryption_sdk
