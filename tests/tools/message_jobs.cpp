// Encrypts and decrypts files as lines of JSON on standard input say, one answer for each line, so that tests can set
// this implementation against another one.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

#include "aws_client/kms_client.h"
#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/encryptor.h"
#include "encryption_sdk/errors.h"
#include "encryption_sdk/kms_keyring.h"
#include "encryption_sdk/multi_keyring.h"
#include "encryption_sdk/raw_aes_keyring.h"
#include "encryption_sdk/raw_rsa_keyring.h"

namespace strongroom::encryption_sdk {
namespace {

namespace json = boost::json;

std::string Text(const json::object& job, std::string_view name) {
  const json::value* value = job.if_contains(name);
  return value == nullptr ? std::string() : std::string(value->as_string());
}
std::vector<std::string> Texts(const json::object& job, std::string_view name) {
  std::vector<std::string> out;
  if (const json::value* list = job.if_contains(name)) {
    for (const json::value& one : list->as_array()) out.emplace_back(one.as_string());
  }
  return out;
}
std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

Result<KmsSupplier*> Kms() {
  static auto opened = aws_client::OpenAws({});
  if (!opened.ok()) return opened.error();
  static aws_client::KmsClients clients(*opened);
  return &clients;
}

Result<KeyringPtr> MakeKeyring(const json::object& what);

Result<KeyringPtr> MakeRsa(const json::object& what) {
  RawRsaOptions options{.name_space = Text(what, "namespace"), .name = Text(what, "name"), .allow_pkcs1_v15 = true};
  const std::string padding = Text(what, "padding");
  using crypto::RsaPadding;
  options.padding = padding == "pkcs1"         ? RsaPadding::kPkcs1V15
                    : padding == "oaep_sha1"   ? RsaPadding::kOaepSha1
                    : padding == "oaep_sha384" ? RsaPadding::kOaepSha384
                    : padding == "oaep_sha512" ? RsaPadding::kOaepSha512
                                               : RsaPadding::kOaepSha256;
  if (what.contains("public")) {
    SR_TRY(options.public_key, crypto::RsaPublicKeyFromPem(Slurp(Text(what, "public"))));
  }
  if (what.contains("private")) {
    SR_TRY(const SecretBuffer pem, SecretBuffer::CopyOf(AsBytes(Slurp(Text(what, "private")))));
    SR_TRY(options.private_key, crypto::PrivateKey::FromPem(pem));
  }
  return MakeRawRsaKeyring(std::move(options));
}

Result<KeyringPtr> MakeKms(const std::string& type, const json::object& what) {
  SR_TRY(KmsSupplier * kms, Kms());
  std::optional<DiscoveryFilter> filter;
  if (what.contains("accounts")) filter = DiscoveryFilter{"aws", Texts(what, "accounts")};
  const std::vector<std::string> tokens = Texts(what, "tokens");
  if (type == "kms-discovery") return MakeKmsDiscoveryKeyrings(*kms, Texts(what, "regions"), filter, tokens);
  if (type == "kms-mrk-discovery") return MakeKmsMrkDiscoveryKeyrings(*kms, Texts(what, "regions"), filter, tokens);
  if (type == "kms-mrk") return MakeKmsMrkKeyrings(*kms, Text(what, "generator"), Texts(what, "others"), tokens);
  if (type == "kms-name") {
    SR_TRY(auto port, kms->ForRegion(Text(what, "region")));
    return MakeKmsKeyring({Text(what, "generator"), std::move(port), tokens});
  }
  return MakeKmsKeyrings(*kms, Text(what, "generator"), Texts(what, "others"), tokens);
}

Result<KeyringPtr> MakeKeyring(const json::object& what) {
  const std::string type = Text(what, "type");
  if (type == "aes") {
    SR_TRY(const Bytes key, FromHex(Text(what, "key")));
    SR_TRY(SecretBuffer secret, SecretBuffer::CopyOf(key));
    return MakeRawAesKeyring(Text(what, "namespace"), Text(what, "name"), std::move(secret));
  }
  if (type == "rsa") return MakeRsa(what);
  if (type == "multi") {
    std::vector<KeyringPtr> children;
    for (const json::value& child : what.at("children").as_array()) {
      SR_TRY(KeyringPtr keyring, MakeKeyring(child.as_object()));
      children.push_back(std::move(keyring));
    }
    KeyringPtr generator;
    if (what.contains("generator")) {
      SR_TRY(generator, MakeKeyring(what.at("generator").as_object()));
    }
    return MakeMultiKeyring(std::move(generator), std::move(children));
  }
  return MakeKms(type, what);
}

Result<json::object> Encrypt(const json::object& job, Cmm& cmm, ByteView input, const Sink& sink) {
  SR_TRY(const Bytes id, FromHex(Text(job, "suite")));
  const Suite* suite = FindSuite(static_cast<std::uint16_t>(id.at(0) << 8 | id.at(1)));
  EncryptOptions options{.suite = suite->id,
                         .frame_length = static_cast<std::uint32_t>(job.at("frame").as_int64()),
                         .plaintext_bound = input.size()};
  if (!suite->commits) options.policy = CommitmentPolicy::kForbidEncryptAllowDecrypt;
  EncryptionContext context;
  for (const auto& [key, value] : job.at("context").as_object()) context.emplace(key, value.as_string());
  SR_TRY(Encryptor encryptor, Encryptor::Start(cmm, std::move(context), options, sink));
  SR_CHECK(encryptor.Write(input));
  SR_TRY(const MessageFacts facts, encryptor.Finish());
  return json::object{{"expectedBytes", MessageBytes(facts.header, input.size())}, {"bytes", facts.message_bytes}};
}

Result<json::object> Decrypt(Cmm& cmm, ByteView input, const Sink& sink) {
  const DecryptOptions options{.policy = CommitmentPolicy::kRequireEncryptAllowDecrypt};
  SR_TRY(Decryptor decryptor, Decryptor::Start(cmm, options, sink));
  SR_CHECK(decryptor.Write(input));
  SR_TRY(const MessageFacts facts, decryptor.Finish());
  json::object context;
  for (const auto& [key, value] : facts.header.context) context.emplace(key, value);
  return json::object{{"context", std::move(context)},
                      {"keys", facts.header.encrypted_data_keys.size()},
                      {"suite", fmt::format("{:04x}", static_cast<std::uint16_t>(facts.header.suite))}};
}

Result<json::object> Do(const json::object& job) {
  SR_TRY(KeyringPtr keyring, MakeKeyring(job.at("keyring").as_object()));
  const CmmPtr cmm = MakeDefaultCmm(std::move(keyring));
  const std::string input = Slurp(Text(job, "in"));
  std::ofstream out(Text(job, "out"), std::ios::binary | std::ios::trunc);
  const Sink sink = [&out](ByteView piece) -> Status {
    out.write(AsText(piece).data(), static_cast<std::streamsize>(piece.size()));
    return {};
  };
  if (Text(job, "do") == "encrypt") return Encrypt(job, *cmm, AsBytes(input), sink);
  return Decrypt(*cmm, AsBytes(input), sink);
}

}  // namespace
}  // namespace strongroom::encryption_sdk

int main() {
  using namespace strongroom;
  for (std::string line; std::getline(std::cin, line);) {
    auto answer = encryption_sdk::Do(boost::json::parse(line).as_object());
    boost::json::object said = answer.ok() ? *answer : boost::json::object{{"error", answer.error().public_message()}};
    std::cout << boost::json::serialize(said) << std::endl;
  }
  return 0;
}
