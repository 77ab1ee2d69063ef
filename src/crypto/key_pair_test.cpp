#include "crypto/key_pair.h"

#include <set>
#include <thread>

#include "crypto/internal/openssl_cli_for_tests.h"
#include "crypto/random.h"
#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

using secret::Peek;

SecretBuffer Secret(ByteView bytes) { return SecretBuffer::CopyOf(bytes).value(); }

struct Row {
  std::string name;
  KeySpec spec;
  SignatureScheme scheme;
  std::string openssl_options;  // how the openssl command verifies it
};
const std::string kPss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest ";
const Row kRows[] = {
    {"Rsa2048Pkcs1", KeySpec::kRsa2048, SignatureScheme::kPkcs1Sha256, "-sha256"},
    {"Rsa2048Pss", KeySpec::kRsa2048, SignatureScheme::kPssSha512, kPss + "-sha512"},
    {"Rsa3072Pss", KeySpec::kRsa3072, SignatureScheme::kPssSha384, kPss + "-sha384"},
    {"P256", KeySpec::kP256, SignatureScheme::kEcdsaSha256, "-sha256"},
    {"P384", KeySpec::kP384, SignatureScheme::kEcdsaSha384, "-sha384"},
    {"P521", KeySpec::kP521, SignatureScheme::kEcdsaSha512, "-sha512"},
    {"Secp256k1", KeySpec::kSecp256k1, SignatureScheme::kEcdsaSha256, "-sha256"},
};
class KeyTable : public OpenSslCli, public ::testing::WithParamInterface<Row> {};

TEST_P(KeyTable, SignsWhatOpenSslVerifiesAndSurvivesPkcs8) {
  const Row& row = GetParam();
  const auto made = PrivateKey::Generate(row.spec);
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(made->spec(), row.spec);
  const SecretBuffer der = made->ToPkcs8().value();
  const auto key = PrivateKey::FromPkcs8(der);
  ASSERT_TRUE(key.ok()) << key.error();
  EXPECT_EQ(key->public_key(), made->public_key());
  EXPECT_TRUE(key->ToPkcs8()->EqualsInConstantTime(der));

  const Bytes message = ToBytes(AsBytes("a message"));
  const auto signature = key->Sign(row.scheme, MessageForm::kRaw, message);
  ASSERT_TRUE(signature.ok()) << signature.error();
  const auto read = PublicKey::FromSpki(key->public_key().ToSpki());
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->Verify(row.scheme, MessageForm::kRaw, message, *signature).ok());
  EXPECT_EQ(read->Verify(row.scheme, MessageForm::kRaw, AsBytes("b message"), *signature).error().code(),
            Errc::kBadSignature);
  EXPECT_EQ(read->Verify(row.scheme, MessageForm::kRaw, message, {}).error().code(), Errc::kBadSignature);
  EXPECT_EQ(read->Verify(row.scheme, MessageForm::kDigest, Bytes(7), *signature).error().code(),
            Errc::kInvalidArgument);

  Write("key.der", Peek::At(der));
  Write("message", message);
  Write("signature", *signature);
  OpenSsl("pkey -inform DER -in key.der -check -noout");
  EXPECT_EQ(exit_code_, 0);
  OpenSsl("pkey -inform DER -in key.der -pubout -out public.pem");
  EXPECT_NE(
      OpenSsl("dgst " + row.openssl_options + " -verify public.pem -signature signature message").find("Verified OK"),
      std::string::npos);
  OpenSsl("dgst " + row.openssl_options + " -keyform DER -sign key.der -out theirs message");
  EXPECT_TRUE(read->Verify(row.scheme, MessageForm::kRaw, message, AsBytes(Read("theirs"))).ok());
}

TEST_P(KeyTable, PublicNumbersRebuildTheKey) {
  const PublicKey key = PrivateKey::Generate(GetParam().spec)->public_key();
  const auto rebuilt = IsRsa(key.spec()) ? PublicKey::FromRsa(key.RsaModulus(), key.RsaExponent())
                                         : PublicKey::FromPoint(key.spec(), key.Point());
  ASSERT_TRUE(rebuilt.ok()) << rebuilt.error();
  EXPECT_EQ(*rebuilt, key);
}
INSTANTIATE_TEST_SUITE_P(KeyPair, KeyTable, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return info.param.name; });

TEST(KeyPair, SchemesAndThreadsTakeTurnsWithOneKey) {
  struct Use {
    PrivateKey key;
    std::vector<SignatureScheme> schemes;
  };
  const Use uses[] = {
      {PrivateKey::Generate(KeySpec::kRsa2048).value(),
       {SignatureScheme::kPkcs1Sha256, SignatureScheme::kPssSha256, SignatureScheme::kPssSha512,
        SignatureScheme::kPkcs1Sha512}},
      {PrivateKey::Generate(KeySpec::kP256).value(), {SignatureScheme::kEcdsaSha256, SignatureScheme::kEcdsaSha512}}};
  const auto take_turns = [](const Use& use, int thread) {
    for (int round = 0; round < 6; ++round) {
      for (std::size_t i = 0; i < use.schemes.size(); ++i) {
        const SignatureScheme scheme = use.schemes[i], other = use.schemes[(i + 1) % use.schemes.size()];
        const Bytes message(static_cast<std::size_t>(thread * 7 + round + 1), static_cast<std::uint8_t>(round));
        const PublicKey& known = use.key.public_key();
        const auto signature = use.key.Sign(scheme, MessageForm::kRaw, message);
        ASSERT_TRUE(signature.ok()) << signature.error();
        EXPECT_TRUE(known.Verify(scheme, MessageForm::kRaw, message, *signature).ok()) << Name(scheme);
        EXPECT_EQ(known.Verify(other, MessageForm::kRaw, message, *signature).error().code(), Errc::kBadSignature);
        EXPECT_EQ(known.Verify(scheme, MessageForm::kRaw, Bytes(500), *signature).error().code(), Errc::kBadSignature);
        EXPECT_EQ(known.Verify(scheme, MessageForm::kRaw, message, Bytes(5)).error().code(), Errc::kBadSignature);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] { take_turns(uses[thread % 2], thread / 2); });
  for (std::thread& thread : threads) thread.join();
}

/// With one nonce twice the private key could be computed; the same message would have the same signature then.
TEST(KeyPair, NoNonceIsUsedTwice) {
  for (const auto& [spec, scheme] : {std::pair{KeySpec::kP256, SignatureScheme::kEcdsaSha256},
                                     std::pair{KeySpec::kSecp256k1, SignatureScheme::kEcdsaSha256},
                                     std::pair{KeySpec::kP521, SignatureScheme::kEcdsaSha512}}) {
    const PrivateKey key = PrivateKey::Generate(spec).value();
    std::set<Bytes> signatures;
    for (int i = 0; i < 20; ++i)
      signatures.insert(key.Sign(scheme, MessageForm::kRaw, AsBytes("the same message")).value());
    EXPECT_EQ(signatures.size(), 20U);
  }
}

TEST(KeyPair, DigestAndMessageGiveSignaturesThatVerifyAsEither) {
  const PrivateKey key = PrivateKey::Generate(KeySpec::kP256).value();
  const Bytes message = ToBytes(AsBytes("m"));
  const Sha256Digest digest = Sha256(ByteView(message));
  const Bytes signature = key.Sign(SignatureScheme::kEcdsaSha256, MessageForm::kDigest, digest).value();
  EXPECT_TRUE(key.public_key().Verify(SignatureScheme::kEcdsaSha256, MessageForm::kRaw, message, signature).ok());
  EXPECT_TRUE(key.public_key().Verify(SignatureScheme::kEcdsaNoHash, MessageForm::kDigest, digest, signature).ok());
}

TEST(KeyPair, Ed25519SignsMessagesOnly) {
  const PrivateKey key = PrivateKey::Generate(KeySpec::kEd25519).value();
  const PrivateKey again = PrivateKey::FromPkcs8(key.ToPkcs8().value()).value();
  EXPECT_EQ(again.public_key(), key.public_key());
  EXPECT_EQ(PublicKey::FromPoint(KeySpec::kEd25519, key.public_key().Point()).value(), key.public_key());
  const Bytes signature = key.Sign(SignatureScheme::kEd25519, MessageForm::kRaw, {}).value();
  EXPECT_TRUE(key.public_key().Verify(SignatureScheme::kEd25519, MessageForm::kRaw, {}, signature).ok());
  EXPECT_EQ(key.Sign(SignatureScheme::kEd25519, MessageForm::kDigest, Bytes(64)).error().code(),
            Errc::kInvalidArgument);
}

TEST(KeyPair, Ed25519phSignsAsRfc8032Says) {
  // RFC 8032, 7.3.
  const PrivateKey key =
      PrivateKey::FromPkcs8(Secret(FromHex("302e020100300506032b657004220420"
                                           "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
                                       .value()))
          .value();
  const Bytes signature = key.Sign(SignatureScheme::kEd25519Ph, MessageForm::kRaw, AsBytes("abc")).value();
  EXPECT_EQ(Hex(signature),
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
            "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406");
  const PublicKey& known = key.public_key();
  EXPECT_TRUE(known.Verify(SignatureScheme::kEd25519Ph, MessageForm::kRaw, AsBytes("abc"), signature).ok());
  EXPECT_EQ(known.Verify(SignatureScheme::kEd25519Ph, MessageForm::kRaw, AsBytes("abd"), signature).error().code(),
            Errc::kBadSignature);
  EXPECT_EQ(known.Verify(SignatureScheme::kEd25519, MessageForm::kRaw, AsBytes("abc"), signature).error().code(),
            Errc::kBadSignature);
  EXPECT_EQ(known.Verify(SignatureScheme::kEd25519Ph, MessageForm::kRaw, AsBytes("abc"), Bytes(63)).error().code(),
            Errc::kBadSignature);
}

TEST(KeyPair, SchemeOfAnotherKindIsWrongUsage) {
  const PrivateKey ec = PrivateKey::Generate(KeySpec::kP256).value();
  for (const SignatureScheme scheme : {SignatureScheme::kPkcs1Sha256, SignatureScheme::kPssSha256,
                                       SignatureScheme::kEd25519, SignatureScheme::kPkcs1NoHash}) {
    EXPECT_EQ(ec.Sign(scheme, MessageForm::kRaw, Bytes(1)).error().code(), Errc::kWrongKeyUsage) << Name(scheme);
  }
  EXPECT_EQ(ec.DecryptOaep(OaepHash::kSha256, {}, Bytes(32)).error().code(), Errc::kWrongKeyUsage);
  EXPECT_EQ(ec.public_key().EncryptOaep(OaepHash::kSha256, {}, SecretBuffer()).error().code(), Errc::kWrongKeyUsage);
  EXPECT_EQ(ec.Agree(PrivateKey::Generate(KeySpec::kP384)->public_key()).error().code(), Errc::kInvalidArgument);
}

TEST(KeyPair, OaepTakesUpToItsMostAndBindsTheLabel) {
  const PrivateKey key = PrivateKey::Generate(KeySpec::kRsa2048).value();
  EXPECT_EQ(key.public_key().MaxOaepBytes(OaepHash::kSha256), 190U);
  EXPECT_EQ(key.public_key().MaxOaepBytes(OaepHash::kSha1), 214U);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{190}}) {
    const SecretBuffer text = RandomSecret(size).value();
    const Bytes sealed = key.public_key().EncryptOaep(OaepHash::kSha256, AsBytes("label"), text).value();
    EXPECT_TRUE(key.DecryptOaep(OaepHash::kSha256, AsBytes("label"), sealed)->EqualsInConstantTime(text));
    EXPECT_EQ(key.DecryptOaep(OaepHash::kSha256, {}, sealed).error().code(), Errc::kBadCiphertext);
    EXPECT_EQ(key.DecryptOaep(OaepHash::kSha1, AsBytes("label"), sealed).error().code(), Errc::kBadCiphertext);
  }
  EXPECT_EQ(key.public_key().EncryptOaep(OaepHash::kSha256, {}, RandomSecret(191).value()).error().code(),
            Errc::kInvalidArgument);
  EXPECT_EQ(key.DecryptOaep(OaepHash::kSha256, {}, Bytes(255)).error().code(), Errc::kBadCiphertext);
}

TEST(KeyPair, Pkcs1WithoutHashPadsTheDigestInfo) {
  const PrivateKey key = PrivateKey::Generate(KeySpec::kRsa2048).value();
  Bytes info = FromHex("3031300d060960864801650304020105000420").value();
  const Sha256Digest digest = Sha256(AsBytes("m"));
  Append(info, digest);
  const Bytes signature = key.Sign(SignatureScheme::kPkcs1NoHash, MessageForm::kDigest, info).value();
  EXPECT_TRUE(key.public_key().Verify(SignatureScheme::kPkcs1Sha256, MessageForm::kRaw, AsBytes("m"), signature).ok());
  EXPECT_EQ(key.Sign(SignatureScheme::kPkcs1NoHash, MessageForm::kDigest, Bytes(246)).error().code(),
            Errc::kInvalidArgument);
}

TEST_F(OpenSslCli, PemOfEachTraditionalFormIsRead) {
  OpenSsl("genrsa -traditional -out rsa.pem 2048");
  OpenSsl("ecparam -name secp384r1 -genkey -noout -out ec.pem");
  OpenSsl("genpkey -algorithm ED25519 -out ed.pem");
  OpenSsl("genrsa -aes256 -passout pass:secret -out locked.pem 2048");
  EXPECT_EQ(PrivateKey::FromPem(Secret(AsBytes(Read("rsa.pem"))))->spec(), KeySpec::kRsa2048);
  EXPECT_EQ(PrivateKey::FromPem(Secret(AsBytes(Read("ec.pem"))))->spec(), KeySpec::kP384);
  const PrivateKey ed = PrivateKey::FromPem(Secret(AsBytes(Read("ed.pem")))).value();
  EXPECT_EQ(ed.spec(), KeySpec::kEd25519);
  const SecretBuffer pem = ed.ToPem().value();
  EXPECT_EQ(AsText(Peek::At(pem)), Read("ed.pem"));
  EXPECT_EQ(PrivateKey::FromPem(Secret(AsBytes(Read("locked.pem")))).error().code(), Errc::kInvalidArgument);
}

TEST_F(OpenSslCli, KeysOutsideTheListAreUnsupported) {
  // The command writes PKCS#8 in PEM, but traditional forms in DER.
  OpenSsl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa.pem");
  OpenSsl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp224r1 -out curve.pem");
  OpenSsl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -out explicit.pem");
  OpenSsl("genpkey -algorithm X25519 -out x.pem");
  for (const char* file : {"rsa.pem", "curve.pem", "explicit.pem", "x.pem"}) {
    EXPECT_EQ(PrivateKey::FromPem(Secret(AsBytes(Read(file)))).error().code(), Errc::kUnsupported) << file;
  }
}

TEST(KeyPair, NonsenseIsRefused) {
  const SecretBuffer der = PrivateKey::Generate(KeySpec::kP256)->ToPkcs8().value();
  Bytes longer = ToBytes(Peek::At(der));
  longer.push_back(0);
  EXPECT_EQ(PrivateKey::FromPkcs8(Secret(longer)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(PrivateKey::FromPkcs8(SecretBuffer()).error().code(), Errc::kInvalidArgument);
  for (std::size_t size = 1; size < der.size(); size += 7) {
    EXPECT_FALSE(PrivateKey::FromPkcs8(Secret(Peek::At(der).first(size))).ok()) << size;
  }
  Bytes spki = PrivateKey::Generate(KeySpec::kP256)->public_key().ToSpki();
  spki.push_back(0);
  EXPECT_EQ(PublicKey::FromSpki(spki).error().code(), Errc::kInvalidArgument);
  spki.pop_back();
  spki.back() ^= 1;  // off the curve
  EXPECT_EQ(PublicKey::FromSpki(spki).error().code(), Errc::kInvalidArgument);
  EXPECT_FALSE(PublicKey::FromSpki({}).ok());
  EXPECT_FALSE(PublicKey::FromPoint(KeySpec::kP256, Bytes(65, 4)).ok());
  EXPECT_FALSE(PublicKey::FromRsa({}, {}).ok());
}

TEST(KeyPair, PublicHalfOfAnotherKeyIsInconsistent) {
  const SecretBuffer one = PrivateKey::Generate(KeySpec::kP256)->ToPkcs8().value();
  const SecretBuffer two = PrivateKey::Generate(KeySpec::kP256)->ToPkcs8().value();
  // The public point is the last 65 bytes of the encoding.
  Bytes mixed = ToBytes(Peek::At(one));
  std::ranges::copy(Peek::At(two).last(65), mixed.end() - 65);
  EXPECT_EQ(PrivateKey::FromPkcs8(Secret(mixed)).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::crypto
