#include "crypto/internal/wycheproof_for_tests.h"
#include "crypto/key_pair.h"

namespace strongroom::crypto {
namespace {

using namespace wycheproof;

struct VerifyFile {
  std::string name;
  SignatureScheme scheme;
};
class WycheproofVerify : public ::testing::TestWithParam<VerifyFile> {};
TEST_P(WycheproofVerify, EveryCase) {
  ForEach(GetParam().name + "_test", [](const auto& group, const auto& test, const std::string& want) {
    const auto key = PublicKey::FromSpki(Hexed(group, "publicKeyDer"));
    ASSERT_TRUE(key.ok()) << key.error();
    const Status status = key->Verify(GetParam().scheme, MessageForm::kRaw, Hexed(test, "msg"), Hexed(test, "sig"));
    if (want != "acceptable") {
      EXPECT_EQ(status.ok(), want == "valid");
    }
    if (!status.ok()) {
      EXPECT_EQ(status.error().code(), Errc::kBadSignature);
    }
  });
}
INSTANTIATE_TEST_SUITE_P(Crypto, WycheproofVerify,
                         ::testing::Values(VerifyFile{"ecdsa_secp256r1_sha256", SignatureScheme::kEcdsaSha256},
                                           VerifyFile{"ecdsa_secp384r1_sha384", SignatureScheme::kEcdsaSha384},
                                           VerifyFile{"ecdsa_secp521r1_sha512", SignatureScheme::kEcdsaSha512},
                                           VerifyFile{"ecdsa_secp256k1_sha256", SignatureScheme::kEcdsaSha256},
                                           VerifyFile{"ed25519", SignatureScheme::kEd25519},
                                           VerifyFile{"rsa_signature_2048_sha256", SignatureScheme::kPkcs1Sha256},
                                           VerifyFile{"rsa_signature_3072_sha384", SignatureScheme::kPkcs1Sha384},
                                           VerifyFile{"rsa_signature_4096_sha512", SignatureScheme::kPkcs1Sha512},
                                           VerifyFile{"rsa_pss_2048_sha256_mgf1_32", SignatureScheme::kPssSha256},
                                           VerifyFile{"rsa_pss_2048_sha384_mgf1_48", SignatureScheme::kPssSha384},
                                           VerifyFile{"rsa_pss_3072_sha256_mgf1_32", SignatureScheme::kPssSha256},
                                           VerifyFile{"rsa_pss_4096_sha512_mgf1_64", SignatureScheme::kPssSha512}),
                         [](const auto& info) { return info.param.name; });

struct OaepFile {
  std::string name;
  OaepHash hash;
};
class WycheproofOaep : public ::testing::TestWithParam<OaepFile> {};
TEST_P(WycheproofOaep, EveryCase) {
  ForEach(GetParam().name + "_test", [](const auto& group, const auto& test, const std::string& want) {
    const auto key = PrivateKey::FromPkcs8(HexedSecret(group, "privateKeyPkcs8"), KeyCheck::kParseOnly);
    ASSERT_TRUE(key.ok()) << key.error();
    const auto opened = key->DecryptOaep(GetParam().hash, Hexed(test, "label"), Hexed(test, "ct"));
    if (want == "valid") {
      ASSERT_TRUE(opened.ok()) << opened.error();
      EXPECT_EQ(Shown(*opened), Hexed(test, "msg"));
    } else if (want == "invalid") {
      ASSERT_FALSE(opened.ok());
      EXPECT_EQ(opened.error().code(), Errc::kBadCiphertext);
    }
  });
}
INSTANTIATE_TEST_SUITE_P(Crypto, WycheproofOaep,
                         ::testing::Values(OaepFile{"rsa_oaep_2048_sha1_mgf1sha1", OaepHash::kSha1},
                                           OaepFile{"rsa_oaep_2048_sha256_mgf1sha256", OaepHash::kSha256},
                                           OaepFile{"rsa_oaep_3072_sha256_mgf1sha256", OaepHash::kSha256},
                                           OaepFile{"rsa_oaep_4096_sha256_mgf1sha256", OaepHash::kSha256}),
                         [](const auto& info) { return info.param.name; });

/// PKCS#8 around a bare scalar, the public key left to be computed.
Bytes Pkcs8OfScalar(Bytes scalar, std::size_t field_bytes, std::string_view curve_oid_hex) {
  while (scalar.size() > field_bytes && scalar.front() == 0) scalar.erase(scalar.begin());
  scalar.insert(scalar.begin(), field_bytes - scalar.size(), 0);
  const auto wrap = [](std::uint8_t tag, const Bytes& content) {
    Bytes out{tag, static_cast<std::uint8_t>(content.size())};
    Append(out, content);
    return out;
  };
  Bytes sec1{2, 1, 1};
  Append(sec1, wrap(0x04, scalar));
  Bytes algorithm = FromHex("06072a8648ce3d0201").value();
  Append(algorithm, FromHex(curve_oid_hex).value());
  Bytes info{2, 1, 0};
  Append(info, wrap(0x30, algorithm));
  Append(info, wrap(0x04, wrap(0x30, sec1)));
  return wrap(0x30, info);
}

struct EcdhFile {
  std::string name;
  std::size_t field_bytes;
  std::string oid;
};
class WycheproofEcdh : public ::testing::TestWithParam<EcdhFile> {};
TEST_P(WycheproofEcdh, EveryCase) {
  const EcdhFile& file = GetParam();
  ForEach(file.name + "_test", [&file](const auto&, const auto& test, const std::string& want) {
    const auto der = SecretBuffer::CopyOf(Pkcs8OfScalar(Hexed(test, "private"), file.field_bytes, file.oid));
    const auto key = PrivateKey::FromPkcs8(*der);
    ASSERT_TRUE(key.ok()) << key.error();
    const auto peer = PublicKey::FromSpki(Hexed(test, "public"));
    if (want == "valid") {
      ASSERT_TRUE(peer.ok()) << peer.error();
      const auto shared = key->Agree(*peer);
      ASSERT_TRUE(shared.ok()) << shared.error();
      EXPECT_EQ(Shown(*shared), Hexed(test, "shared"));
      return;
    }
    if (!peer.ok()) return;
    const auto shared = key->Agree(*peer);
    if (want == "invalid") {
      EXPECT_FALSE(shared.ok());
    } else if (shared.ok()) {
      EXPECT_EQ(Shown(*shared), Hexed(test, "shared"));
    }
  });
}
INSTANTIATE_TEST_SUITE_P(Crypto, WycheproofEcdh,
                         ::testing::Values(EcdhFile{"ecdh_secp256r1", 32, "06082a8648ce3d030107"},
                                           EcdhFile{"ecdh_secp384r1", 48, "06052b81040022"},
                                           EcdhFile{"ecdh_secp521r1", 66, "06052b81040023"}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::crypto
