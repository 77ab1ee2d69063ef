// Private keys from elsewhere: what is taken, what is refused, and that the encoding leaves no trace.
#include "crypto/foreign_key.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>

#include <functional>

#include "crypto/internal/keys.h"
#include "crypto/internal/openssl_cli_for_tests.h"
#include "secret/peek_for_tests.h"

namespace strongroom::crypto {
namespace {

Bytes Der(std::uint8_t tag, ByteView content) {
  Bytes out{tag};
  if (content.size() >= 0x100) {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(content.size() >> 8));
  } else if (content.size() >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(content.size()));
  Append(out, content);
  return out;
}
Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) Append(out, part);
  return out;
}
Bytes Sequence(std::initializer_list<Bytes> parts) { return Der(0x30, Joined(parts)); }
Bytes Integer(const BIGNUM* number) {
  Bytes content(static_cast<std::size_t>(BN_num_bytes(number)) + 1);
  ::BN_bn2binpad(number, content.data(), static_cast<int>(content.size()));
  if (content.size() > 1 && (content[1] & 0x80) == 0) content.erase(content.begin());
  return Der(2, content);
}
Bytes SmallInteger(std::uint8_t value) { return Der(2, Bytes{value}); }
const Bytes kRsaAlgorithm = *FromHex("300d06092a864886f70d0101010500");
const Bytes kP256Algorithm = *FromHex("301306072a8648ce3d020106082a8648ce3d030107");
const Bytes kP384Algorithm = *FromHex("301006072a8648ce3d020106052b81040022");
const Bytes kEdAlgorithm = *FromHex("300506032b6570");
Bytes Pkcs8(const Bytes& algorithm, const Bytes& inner, const Bytes& behind = {}) {
  return Sequence({SmallInteger(0), algorithm, Der(4, inner), behind});
}

SecretBuffer Secret(ByteView bytes) { return SecretBuffer::CopyOf(bytes).value(); }
Bytes Shown(const SecretBuffer& secret) { return ToBytes(secret::Peek::At(secret)); }
Result<PrivateKey> Read(KeySpec spec, ByteView der) {
  const SecretBuffer text = Secret(der);
  return ReadForeignKey(spec, text);
}
Bytes Stored(const Result<PrivateKey>& key) { return key.ok() ? Shown(*key->ToPkcs8()) : Bytes(); }

/// Exactly these and nothing else are errors about a key.
testing::AssertionResult Refused(const Result<PrivateKey>& key) {
  if (key.ok()) return testing::AssertionFailure() << "it was taken";
  if (key.error().code() != Errc::kInvalidArgument ||
      key.error().public_message() != "This is not a private key of the kind that is wanted." ||
      !key.error().detail().empty())
    return testing::AssertionFailure() << key.error().ForLog();
  return testing::AssertionSuccess();
}

struct Numbers {
  BignumPtr n, e, d, p, q, dp, dq, qi;
};
BignumPtr New() { return BignumPtr(::BN_new()); }
/// n, d and the CRT numbers from p, q and e. d is the largest that does below phi, so never the smallest, modulo lcm.
Numbers FromPrimes(const BIGNUM* p, const BIGNUM* q, const BIGNUM* e) {
  const std::unique_ptr<BN_CTX, Freer<BN_CTX_free>> context(::BN_CTX_new());
  Numbers k{New(), BignumPtr(::BN_dup(e)), New(), BignumPtr(::BN_dup(p)), BignumPtr(::BN_dup(q)), New(), New(), New()};
  const BignumPtr p1 = New(), q1 = New(), phi = New();
  ::BN_sub(p1.get(), p, ::BN_value_one());
  ::BN_sub(q1.get(), q, ::BN_value_one());
  ::BN_mul(k.n.get(), p, q, context.get());
  ::BN_mul(phi.get(), p1.get(), q1.get(), context.get());
  EXPECT_NE(::BN_mod_inverse(k.d.get(), e, phi.get(), context.get()), nullptr);
  const BignumPtr gcd = New(), lcm = New(), next = New();
  ::BN_gcd(gcd.get(), p1.get(), q1.get(), context.get());
  ::BN_div(lcm.get(), nullptr, phi.get(), gcd.get(), context.get());
  for (::BN_add(next.get(), k.d.get(), lcm.get()); ::BN_cmp(next.get(), phi.get()) < 0;
       ::BN_add(next.get(), k.d.get(), lcm.get()))
    ::BN_copy(k.d.get(), next.get());
  ::BN_mod(k.dp.get(), k.d.get(), p1.get(), context.get());
  ::BN_mod(k.dq.get(), k.d.get(), q1.get(), context.get());
  EXPECT_NE(::BN_mod_inverse(k.qi.get(), q, p, context.get()), nullptr);
  return k;
}
Bytes Pkcs8(const Numbers& k) {
  return Pkcs8(kRsaAlgorithm, Sequence({SmallInteger(0), Integer(k.n.get()), Integer(k.e.get()), Integer(k.d.get()),
                                        Integer(k.p.get()), Integer(k.q.get()), Integer(k.dp.get()),
                                        Integer(k.dq.get()), Integer(k.qi.get())}));
}
BignumPtr Prime(int bits, unsigned long coprime_to = 65537) {
  for (;;) {
    BignumPtr prime = New();
    EXPECT_EQ(::BN_generate_prime_ex(prime.get(), bits, 0, nullptr, nullptr, nullptr), 1);
    const BignumPtr less = New();
    ::BN_sub(less.get(), prime.get(), ::BN_value_one());
    if (::BN_mod_word(less.get(), coprime_to) != 0) return prime;
  }
}
BignumPtr Word(unsigned long value) {
  BignumPtr number = New();
  ::BN_set_word(number.get(), value);
  return number;
}

class RsaKeys : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    p = new BignumPtr(Prime(1024));
    q = new BignumPtr(Prime(1024));
    if (::BN_cmp(p->get(), q->get()) < 0) std::swap(*p, *q);
  }
  static void TearDownTestSuite() {
    delete p;
    delete q;
  }
  static Numbers Key(unsigned long e = 65537) { return FromPrimes(p->get(), q->get(), Word(e).get()); }
  static inline BignumPtr *p = nullptr, *q = nullptr;
};

TEST_F(RsaKeys, AreTheSameHoweverTheyWereEncoded) {
  const auto plain = Read(KeySpec::kRsa2048, Pkcs8(Key()));
  ASSERT_TRUE(plain.ok()) << plain.error().ForLog();
  const Bytes stored = Stored(plain);
  // d modulo phi in the input, modulo lcm in what is stored.
  EXPECT_NE(stored, Pkcs8(Key()));
  EXPECT_EQ(Stored(Read(KeySpec::kRsa2048, stored)), stored);
  EXPECT_EQ(Stored(Read(KeySpec::kRsa2048, Pkcs8(FromPrimes(q->get(), p->get(), Word(65537).get())))), stored);
  // An attribute (RFC 5208; here a key usage) is read over.
  const Bytes attribute = *FromHex("a00d300b0603551d0f310403020780");
  const Bytes without = Pkcs8(Key());
  const Bytes with_attribute = Sequence({Bytes(without.begin() + 4, without.end()), attribute});
  EXPECT_EQ(Stored(Read(KeySpec::kRsa2048, with_attribute)), stored);
  const auto signature = plain->Sign(SignatureScheme::kPssSha256, MessageForm::kRaw, AsBytes("message"));
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(
      plain->public_key().Verify(SignatureScheme::kPssSha256, MessageForm::kRaw, AsBytes("message"), *signature).ok());
}

TEST_F(RsaKeys, WithAWrongNumberAreRefused) {
  using Spoil = std::function<void(Numbers&)>;
  const std::pair<const char*, Spoil> rows[] = {
      {"Modulus", [](Numbers& k) { ::BN_add_word(k.n.get(), 2); }},
      {"EvenExponent", [](Numbers& k) { ::BN_add_word(k.e.get(), 1); }},
      {"OtherExponent", [](Numbers& k) { ::BN_add_word(k.e.get(), 2); }},
      {"PrivateExponent", [](Numbers& k) { ::BN_add_word(k.d.get(), 2); }},
      {"PrivateExponentZero", [](Numbers& k) { ::BN_zero(k.d.get()); }},
      {"PrivateExponentBeyondTheModulus", [](Numbers& k) { ::BN_lshift(k.d.get(), k.d.get(), 64); }},
      {"FirstPrime", [](Numbers& k) { ::BN_add_word(k.p.get(), 2); }},
      {"SecondPrime", [](Numbers& k) { ::BN_add_word(k.q.get(), 2); }},
      {"PrimesZero", [](Numbers& k) { ::BN_zero(k.p.get()), ::BN_zero(k.q.get()); }},
      {"FirstCrtExponent", [](Numbers& k) { ::BN_add_word(k.dp.get(), 1); }},
      {"SecondCrtExponent", [](Numbers& k) { ::BN_add_word(k.dq.get(), 1); }},
      {"Coefficient", [](Numbers& k) { ::BN_add_word(k.qi.get(), 1); }}};
  for (const auto& [name, spoil] : rows) {
    Numbers key = Key();
    spoil(key);
    EXPECT_TRUE(Refused(Read(KeySpec::kRsa2048, Pkcs8(key)))) << name;
  }
}

TEST_F(RsaKeys, OfAnotherShapeAreRefused) {
  EXPECT_TRUE(Refused(Read(KeySpec::kRsa3072, Pkcs8(Key())))) << "another size";
  EXPECT_TRUE(Refused(Read(KeySpec::kP256, Pkcs8(Key())))) << "no curve";
  const BignumPtr p3 = Prime(1024, 3), q3 = Prime(1024, 3);
  EXPECT_TRUE(Refused(Read(KeySpec::kRsa2048, Pkcs8(FromPrimes(p3.get(), q3.get(), Word(3).get()))))) << "e = 3";
  const BignumPtr small = Prime(896), large = Prime(1152);
  EXPECT_TRUE(Refused(Read(KeySpec::kRsa2048, Pkcs8(FromPrimes(large.get(), small.get(), Word(65537).get())))))
      << "primes of unequal length";
  const BignumPtr a = Prime(512), b = Prime(512), composite = New();
  const std::unique_ptr<BN_CTX, Freer<BN_CTX_free>> context(::BN_CTX_new());
  ::BN_mul(composite.get(), a.get(), b.get(), context.get());
  if (::BN_num_bits(composite.get()) == 1024) {
    EXPECT_TRUE(Refused(Read(KeySpec::kRsa2048, Pkcs8(FromPrimes(composite.get(), q->get(), Word(65537).get())))))
        << "a factor that is no prime";
  }
  const BignumPtr one_bit_more = New();
  ::BN_lshift(one_bit_more.get(), ::BN_value_one(), 256);
  ::BN_add_word(one_bit_more.get(), 1);
  EXPECT_TRUE(Refused(Read(KeySpec::kRsa2048, Pkcs8(FromPrimes(p->get(), q->get(), one_bit_more.get())))))
      << "an exponent of 257 bits";
}

using ForeignKeys = OpenSslCli;

TEST_F(ForeignKeys, OfEverySpecAreTaken) {
  const std::tuple<KeySpec, std::string> rows[] = {
      {KeySpec::kRsa2048, "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"},
      {KeySpec::kRsa3072, "-algorithm RSA -pkeyopt rsa_keygen_bits:3072"},
      {KeySpec::kP256, "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"},
      {KeySpec::kP384, "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"},
      {KeySpec::kP521, "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"},
      {KeySpec::kSecp256k1, "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1"},
      {KeySpec::kEd25519, "-algorithm ED25519"},
      {KeySpec::kSm2, "-algorithm SM2"}};
  for (const auto& [spec, options] : rows) {
    OpenSsl("genpkey " + options + " -outform DER -out key.der");
    ASSERT_EQ(exit_code_, 0) << options;
    OpenSsl("pkcs8 -topk8 -nocrypt -inform DER -in key.der -outform DER -out pkcs8.der");
    ASSERT_EQ(exit_code_, 0) << options;
    OpenSsl("pkey -inform DER -in key.der -pubout -outform DER -out public.der");
    const std::string der = Read("pkcs8.der");
    const auto key = crypto::Read(spec, AsBytes(der));
    ASSERT_TRUE(key.ok()) << options << key.error().ForLog();
    EXPECT_EQ(AsText(key->public_key().ToSpki()), Read("public.der")) << options;
    EXPECT_EQ(key->spec(), spec);
    const Bytes stored = Stored(key);
    EXPECT_EQ(Stored(crypto::Read(spec, stored)), stored) << options;
    const auto again = PrivateKey::FromPkcs8(Secret(stored), KeyCheck::kFull);
    ASSERT_TRUE(again.ok()) << options;
    EXPECT_EQ(again->public_key(), key->public_key());
    for (const auto& [other, ignored] : rows) {
      if (other != spec) {
        EXPECT_TRUE(Refused(crypto::Read(other, AsBytes(der)))) << options;
      }
    }
  }
}

TEST_F(ForeignKeys, OfACurveAreTheSameHoweverTheyWereEncoded) {
  OpenSsl("ecparam -name prime256v1 -genkey -noout -out key.pem");
  const auto pkcs8 = [this](const std::string& options) {
    OpenSsl("ec -in key.pem " + options + " -out other.pem");
    EXPECT_EQ(exit_code_, 0) << options;
    OpenSsl("pkcs8 -topk8 -nocrypt -in other.pem -outform DER -out other.der");
    return Read("other.der");
  };
  const std::string plain = pkcs8("");
  const Bytes stored = Stored(crypto::Read(KeySpec::kP256, AsBytes(plain)));
  ASSERT_FALSE(stored.empty());
  for (const char* options : {"-no_public", "-conv_form compressed", "-conv_form hybrid"}) {
    const std::string other = pkcs8(options);
    EXPECT_EQ(Stored(crypto::Read(KeySpec::kP256, AsBytes(other))), stored) << options;
  }
  EXPECT_NE(pkcs8("-no_public"), plain);
  EXPECT_TRUE(Refused(crypto::Read(KeySpec::kP256, AsBytes(pkcs8("-param_enc explicit"))))) << "curve in numbers";
}

TEST_F(ForeignKeys, InOtherFormsAreRefused) {
  OpenSsl("ecparam -name prime256v1 -genkey -noout -out key.pem");
  const std::pair<std::string, std::string> rows[] = {
      {"SEC 1", "ec -in key.pem -outform DER -out out"},
      {"PEM", "pkcs8 -topk8 -nocrypt -in key.pem -out out"},
      {"encrypted", "pkcs8 -topk8 -in key.pem -passout pass:secret -outform DER -out out"},
      {"public", "ec -in key.pem -pubout -outform DER -out out"}};
  for (const auto& [name, command] : rows) {
    OpenSsl(command);
    ASSERT_EQ(exit_code_, 0) << name;
    EXPECT_TRUE(Refused(crypto::Read(KeySpec::kP256, AsBytes(Read("out"))))) << name;
  }
  OpenSsl("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -outform DER -out out");
  EXPECT_TRUE(Refused(crypto::Read(KeySpec::kRsa2048, AsBytes(Read("out"))))) << "RSA-PSS";
  OpenSsl(
      "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3 -outform DER -out key.der");
  OpenSsl("pkcs8 -topk8 -nocrypt -inform DER -in key.der -outform DER -out out");
  EXPECT_TRUE(Refused(crypto::Read(KeySpec::kRsa2048, AsBytes(Read("out"))))) << "three primes";
}

Bytes P256(const Bytes& scalar, const Bytes& more = {}, const Bytes& algorithm = kP256Algorithm) {
  return Pkcs8(algorithm, Sequence({SmallInteger(1), Der(4, scalar), more}));
}

TEST(CurveKeys, AnswerAsTheRowSays) {
  const Bytes one = *FromHex("0000000000000000000000000000000000000000000000000000000000000001");
  const Bytes order = *FromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  Bytes last = order;
  last.back() -= 1;
  const Bytes generator = *FromHex(
      "04"
      "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
      "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
  const auto with_point = [](Bytes point) { return Der(0xa1, Der(3, Joined({Bytes{0}, point}))); };
  Bytes off_curve = generator;
  off_curve.back() ^= 1;
  Bytes negated = generator;  // -G is on the curve, but is not 1 * G
  const Bytes other_y = *FromHex("b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a");
  std::copy(other_y.begin(), other_y.end(), negated.begin() + 33);
  const Bytes p384_inside = *FromHex("a00706052b81040022"), p256_inside = *FromHex("a00a06082a8648ce3d030107");
  const struct {
    const char* name;
    Bytes der;
    bool taken;
  } rows[] = {
      {"SmallestScalar", P256(one), true},
      {"LargestScalar", P256(last), true},
      {"WithItsPoint", P256(one, with_point(generator)), true},
      {"WithItsCurveInside", P256(one, p256_inside), true},
      {"ZeroScalar", P256(Bytes(32)), false},
      {"TheOrder", P256(order), false},
      {"BeyondTheOrder", P256(Bytes(32, 0xff)), false},
      {"HugeScalar", P256(Bytes(2000, 0x55)), false},
      {"PointOffTheCurve", P256(one, with_point(off_curve)), false},
      {"PointOfAnotherScalar", P256(one, with_point(negated)), false},
      {"PointAtInfinity", P256(one, with_point(Bytes{0})), false},
      {"AnotherCurveInside", P256(one, p384_inside), false},
      {"AnotherCurve", P256(one, {}, kP384Algorithm), false},
      {"NoScalar", Pkcs8(kP256Algorithm, Sequence({SmallInteger(1)})), false},
      {"WithoutAnInnerText", Pkcs8(kP256Algorithm, {}), false},
      {"BehindTheInnerText", Pkcs8(kP256Algorithm, Joined({Sequence({SmallInteger(1), Der(4, one)}), {0}})), false},
      {"BehindTheKey", Joined({P256(one), Bytes{0}}), false},
      {"WithoutAnAlgorithm", Pkcs8(Sequence({}), Sequence({SmallInteger(1), Der(4, one)})), false},
      {"EncryptedLookalike", Sequence({kP256Algorithm, Der(4, one)}), false},
      {"Indefinite", *FromHex("3080020100301306072a8648ce3d020106082a8648ce3d0301070000"), false},
      {"LengthBeyondTheEnd", *FromHex("30820fff020100"), false},
      {"Empty", {}, false},
      {"OneByte", Bytes{0x30}, false},
      {"TooLong", Bytes(kMaxForeignKeyBytes + 1, 0x30), false}};
  for (const auto& row : rows) {
    const auto key = Read(KeySpec::kP256, row.der);
    if (row.taken) {
      EXPECT_TRUE(key.ok()) << row.name;
    } else {
      EXPECT_TRUE(Refused(key)) << row.name;
    }
  }
  const auto smallest = Read(KeySpec::kP256, P256(one));
  EXPECT_EQ(smallest->public_key().Point(), generator);
  EXPECT_EQ(Stored(Read(KeySpec::kP256, P256(Bytes{1}))), Stored(smallest)) << "a scalar without its zeros";
}

TEST(Ed25519Keys, AnswerAsTheRowSays) {
  // RFC 8032, 7.1, test 1.
  const Bytes seed = *FromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const auto key = Read(KeySpec::kEd25519, Pkcs8(kEdAlgorithm, Der(4, seed)));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->public_key().Point(), *FromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  const Bytes with_parameter = *FromHex("300706032b65700500");
  for (const Bytes& der : {Pkcs8(kEdAlgorithm, Der(4, Bytes(31, 1))), Pkcs8(kEdAlgorithm, Der(4, Bytes(33, 1))),
                           Pkcs8(kEdAlgorithm, seed), Pkcs8(with_parameter, Der(4, seed)),
                           Pkcs8(kP256Algorithm, Der(4, seed)), Pkcs8(kEdAlgorithm, Joined({Der(4, seed), {0}}))})
    EXPECT_TRUE(Refused(Read(KeySpec::kEd25519, der)));
}

TEST(ForeignKeysOfTheFuture, AreSaidToBeUnsupported) {
  EXPECT_EQ(Read(KeySpec::kMlDsa44, Bytes(64)).error().code(), Errc::kUnsupported);
}

// Every place of a good text damaged in several ways: it is refused, or it is a key that signs what its own public half
// verifies.
TEST(ForeignKeysDamaged, AreRefusedOrConsistent) {
  const auto generated = PrivateKey::Generate(KeySpec::kRsa2048);
  const Bytes rsa = Shown(*generated->ToPkcs8());
  const Bytes curve = Shown(*PrivateKey::Generate(KeySpec::kP384)->ToPkcs8());
  std::size_t tried = 0, taken = 0;
  const auto attempt = [&](KeySpec spec, SignatureScheme scheme, const Bytes& der) {
    ++tried;
    const auto key = Read(spec, der);
    if (!key.ok()) {
      EXPECT_TRUE(Refused(key));
      return;
    }
    ++taken;
    const auto signature = key->Sign(scheme, MessageForm::kRaw, AsBytes("m"));
    ASSERT_TRUE(signature.ok());
    EXPECT_TRUE(key->public_key().Verify(scheme, MessageForm::kRaw, AsBytes("m"), *signature).ok());
  };
  const auto damage = [&](KeySpec spec, SignatureScheme scheme, const Bytes& good, std::size_t step) {
    for (std::size_t at = 0; at < good.size(); at += at < 40 ? 1 : step) {
      for (const std::uint8_t mask : {0x01, 0x80, 0xff}) {
        Bytes bad = good;
        bad[at] ^= mask;
        attempt(spec, scheme, bad);
      }
      attempt(spec, scheme, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at)));
      Bytes longer = good;
      longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(at), 0);
      attempt(spec, scheme, longer);
    }
  };
  damage(KeySpec::kP384, SignatureScheme::kEcdsaSha384, curve, 1);
  damage(KeySpec::kRsa2048, SignatureScheme::kPssSha256, rsa, 67);
  EXPECT_GT(tried, 900U);
  EXPECT_LT(taken, 40U) << "such as numbers with a zero in front";
}

}  // namespace
}  // namespace strongroom::crypto
