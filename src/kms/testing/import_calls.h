#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "crypto/aes_kw.h"
#include "crypto/key_import.h"
#include "crypto/key_pair.h"
#include "crypto/random.h"
#include "kms/testing/fake_service.h"
#include "secret/peek_for_tests.h"

namespace strongroom::kms::testing {

// What the tests of imported key material have in common.

inline const boost::json::object kForEver{{"ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"}};

inline SecretBuffer Secret(ByteView bytes) { return SecretBuffer::CopyOf(bytes).value(); }
inline Bytes Pkcs8(const crypto::PrivateKey& key) {
  const SecretBuffer encoded = key.ToPkcs8().value();
  return ToBytes(secret::Peek::At(encoded));
}
inline Bytes Bytes32(std::uint8_t value) { return Bytes(32, value); }
inline std::string ArnOf(const std::string& id, std::string_view region = kRegion) {
  return "arn:aws:kms:" + std::string(region) + ":111122223333:key/" + id;
}
inline double SecondsFromNow(double seconds) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count() + seconds;
}

inline Bytes Wrap(const std::string& algorithm, const Bytes& spki, ByteView material) {
  const crypto::WrappingAlgorithm& how = *crypto::FindWrappingAlgorithm(algorithm);
  const auto key = crypto::PublicKey::FromSpki(spki).value();
  if (!how.oaep) return key.EncryptSm2(Secret(material)).value();
  if (!how.aes_key_wrap) return key.EncryptOaep(*how.oaep, {}, Secret(material)).value();
  const SecretBuffer aes = crypto::RandomSecret(32).value();
  Bytes wrapped = key.EncryptOaep(*how.oaep, {}, aes).value();
  Append(wrapped, crypto::AesKeyWrapPadded(aes, Secret(material)).value());
  return wrapped;
}

class ImportCalls : public ::testing::Test {
 protected:
  std::string NewKey(const std::string& spec = "SYMMETRIC_DEFAULT", const std::string& usage = "ENCRYPT_DECRYPT",
                     bool multi_region = false) {
    const Answer made = service.Call(
        "CreateKey", {{"Origin", "EXTERNAL"}, {"KeySpec", spec}, {"KeyUsage", usage}, {"MultiRegion", multi_region}});
    EXPECT_EQ(made.Text("KeyMetadata.KeyState"), "PendingImport") << made.raw;
    return made.Text("KeyMetadata.KeyId");
  }
  Answer Parameters(const std::string& id, const std::string& algorithm = "RSAES_OAEP_SHA_256",
                    const std::string& wrapping = "RSA_2048", std::string_view region = kRegion) {
    return service.Call("GetParametersForImport",
                        {{"KeyId", id}, {"WrappingAlgorithm", algorithm}, {"WrappingKeySpec", wrapping}}, kAccount,
                        region);
  }
  /// A request that imports this material for ever.
  boost::json::object Request(const std::string& id, ByteView material,
                              const std::string& algorithm = "RSAES_OAEP_SHA_256", std::string_view region = kRegion) {
    const Answer parameters = Parameters(id, algorithm, "RSA_2048", region);
    EXPECT_TRUE(parameters.ok()) << parameters.raw;
    boost::json::object request = kForEver;
    request["KeyId"] = id;
    request["ImportToken"] = parameters.Text("ImportToken");
    request["EncryptedKeyMaterial"] = Base64(Wrap(algorithm, FromB64(parameters.Text("PublicKey")), material));
    return request;
  }
  Answer Import(const std::string& id, ByteView material, const boost::json::object& more = {},
                std::string_view region = kRegion) {
    boost::json::object request = Request(id, material, "RSA_AES_KEY_WRAP_SHA_256", region);
    for (const auto& [name, value] : more) {
      if (value.is_null()) {
        request.erase(name);
      } else {
        request[name] = value;
      }
    }
    return service.Call("ImportKeyMaterial", request, kAccount, region);
  }
  std::string Imported(const std::string& id, ByteView material, const boost::json::object& more = {},
                       std::string_view region = kRegion) {
    const Answer answer = Import(id, material, more, region);
    EXPECT_TRUE(answer.ok()) << answer.raw;
    EXPECT_EQ(answer.Text("KeyId"), ArnOf(id, region));
    return answer.Text("KeyMaterialId");
  }
  std::string Metadata(const std::string& id, const std::string& member, std::string_view region = kRegion) {
    return service.Call("DescribeKey", {{"KeyId", id}}, kAccount, region).Text("KeyMetadata." + member);
  }
  std::string State(const std::string& id, std::string_view region = kRegion) {
    return Metadata(id, "KeyState", region);
  }
  Answer Delete(const std::string& id, const std::string& material_id = "", std::string_view region = kRegion) {
    boost::json::object request{{"KeyId", id}};
    if (!material_id.empty()) request["KeyMaterialId"] = material_id;
    return service.Call("DeleteImportedKeyMaterial", request, kAccount, region);
  }
  /// "CURRENT IMPORTED", newest first.
  std::vector<std::string> Materials(const std::string& id, std::string_view region = kRegion) {
    const Answer listed =
        service.Call("ListKeyRotations", {{"KeyId", id}, {"IncludeKeyMaterial", "ALL_KEY_MATERIAL"}}, kAccount, region);
    EXPECT_TRUE(listed.ok()) << listed.raw;
    std::vector<std::string> shown;
    for (const boost::json::value& entry : listed.body.at("Rotations").as_array())
      shown.push_back(std::string(entry.at("KeyMaterialState").as_string()) + " " +
                      std::string(entry.at("ImportState").as_string()));
    return shown;
  }
  std::string Decrypted(const Bytes& blob, std::string_view region = kRegion) {
    const Answer opened = service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}}, kAccount, region);
    if (!opened.ok()) return opened.type;
    return std::string(AsText(FromB64(opened.Text("Plaintext"))));
  }
  FakeService service;
};

using Strings = std::vector<std::string>;

}  // namespace strongroom::kms::testing
