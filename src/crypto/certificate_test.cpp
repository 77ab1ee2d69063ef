#include "crypto/certificate.h"

#include "crypto/internal/openssl_cli_for_tests.h"

namespace strongroom::crypto {
namespace {

const std::vector<NameEntry> kClusterSubject = {{"C", "US"},
                                                {"ST", "CA"},
                                                {"O", "Cavium"},
                                                {"OU", "N3FIPS"},
                                                {"L", "SanJose"},
                                                {"CN", "HSM:A0123456789ABCDEF0123456789ABC:PARTN:1, for FIPS mode"},
                                                {"emailAddress", "hsm@example.com"}};

const PrivateKey& Key() {
  static const PrivateKey* const key = new PrivateKey(PrivateKey::Generate(KeySpec::kRsa2048).value());
  return *key;
}
const PrivateKey& OtherKey() {
  static const PrivateKey* const key = new PrivateKey(PrivateKey::Generate(KeySpec::kP256).value());
  return *key;
}
Certificate Root() { return MakeSelfSigned({{"CN", "Root"}}, Key(), {.ca = true}).value(); }

class CertificateCli : public OpenSslCli {};

TEST_F(CertificateCli, SelfSignedIsWhatOpenSslReads) {
  const auto made = MakeSelfSigned(kClusterSubject, Key(), {.days = 10, .serial = FromHex("b7fa7a40976cbe82").value()});
  ASSERT_TRUE(made.ok()) << made.error();
  Write("c.pem", made->ToPem());
  // Said, since OpenSSL 3.2 and later print no spaces unless asked.
  EXPECT_EQ(OpenSsl("x509 -in c.pem -noout -subject -nameopt oneline"), "subject=" + made->subject().Printed() + "\n");
  EXPECT_EQ(OpenSsl("x509 -in c.pem -noout -subject -nameopt compat"), "subject=" + made->subject().OneLine() + "\n");
  EXPECT_EQ(made->subject().OneLine(),
            "/C=US/ST=CA/O=Cavium/OU=N3FIPS/L=SanJose/CN=HSM:A0123456789ABCDEF0123456789ABC:PARTN:1, for FIPS mode"
            "/emailAddress=hsm@example.com");
  EXPECT_EQ(made->subject().entries, kClusterSubject);
  EXPECT_EQ(OpenSsl("x509 -in c.pem -noout -subject_hash"), made->subject_hash() + "\n");
  EXPECT_EQ(OpenSsl("x509 -in c.pem -noout -serial"), "serial=B7FA7A40976CBE82\n");
  EXPECT_EQ(made->serial(), "B7FA7A40976CBE82");
  EXPECT_EQ(made->signature_digest(), "SHA256");
  EXPECT_EQ(made->version(), 3);
  EXPECT_NE(OpenSsl("verify -CAfile c.pem -partial_chain c.pem").find("OK"), std::string::npos);
  std::string fingerprint = OpenSsl("x509 -in c.pem -noout -fingerprint -sha256");
  std::erase(fingerprint, ':');
  std::ranges::transform(fingerprint, fingerprint.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
  EXPECT_NE(fingerprint.find(Hex(made->fingerprint())), std::string::npos);
  const auto validity = made->not_after() - made->not_before();
  EXPECT_EQ(std::chrono::duration_cast<std::chrono::hours>(validity).count(), 241);
  EXPECT_TRUE(made->IsSelfSigned());
  EXPECT_EQ(made->public_key().value(), Key().public_key());
}

TEST_F(CertificateCli, IssuedChainVerifiesWithOpenSsl) {
  const Certificate root = Root();
  const auto leaf = Issue({{"CN", "leaf"}}, OtherKey().public_key(), root, Key(),
                          {.dns_names = {"host.example", "*.example"},
                           .ip_addresses = {"127.0.0.1", "::1"},
                           .uses = {ExtendedUse::kServerAuth, ExtendedUse::kClientAuth}});
  ASSERT_TRUE(leaf.ok()) << leaf.error();
  EXPECT_TRUE(leaf->VerifyIssuedBy(root).ok());
  EXPECT_FALSE(leaf->IsSelfSigned());
  Write("root.pem", root.ToPem());
  Write("leaf.pem", leaf->ToPem());
  EXPECT_NE(OpenSsl("verify -x509_strict -purpose sslserver -CAfile root.pem leaf.pem").find("leaf.pem: OK"),
            std::string::npos);
  const std::string text = OpenSsl("x509 -in leaf.pem -noout -text");
  EXPECT_NE(text.find("DNS:host.example, DNS:*.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("TLS Web Server Authentication, TLS Web Client Authentication"), std::string::npos);
}

TEST_F(CertificateCli, VersionOneCertificatesOfOpenSslAreTaken) {
  OpenSsl("req -new -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=Owner -out ca.csr");
  OpenSsl("x509 -req -in ca.csr -signkey ca.key -days 3652 -out ca.pem");
  Write("hsm.csr", MakeCsr(kClusterSubject, Key()).value());
  OpenSsl("x509 -req -in hsm.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3652 -sha256 -out hsm.pem");
  const auto anchor = Certificate::FromPem(Read("ca.pem"));
  const auto signed_one = Certificate::FromPem(Read("hsm.pem"));
  ASSERT_TRUE(anchor.ok()) << anchor.error();
  ASSERT_TRUE(signed_one.ok()) << signed_one.error();
  // Later ones make no such any more.
  EXPECT_EQ(signed_one->version(), OPENSSL_VERSION_PREREQ(3, 2) ? 3 : 1);
  EXPECT_TRUE(anchor->IsSelfSigned());
  EXPECT_TRUE(signed_one->VerifyIssuedBy(*anchor).ok());
  const CertificateRequest request = ParseCsr(Read("hsm.csr")).value();
  EXPECT_EQ(request.subject, signed_one->subject());
  EXPECT_EQ(request.public_key_spki, signed_one->public_key_spki());
  EXPECT_EQ(request.public_key_spki, Key().public_key().ToSpki());
  // A certificate of a version 1 issuer of ours is made and verifies too.
  const auto key = PrivateKey::FromPem(SecretBuffer::CopyOf(AsBytes(Read("ca.key"))).value());
  const auto below = Issue({{"CN", "below"}}, OtherKey().public_key(), *anchor, *key, {});
  ASSERT_TRUE(below.ok()) << below.error();
  EXPECT_TRUE(below->VerifyIssuedBy(*anchor).ok());
}

TEST_F(CertificateCli, RequestIsWhatOpenSslReads) {
  for (const PrivateKey* key : {&Key(), &OtherKey()}) {
    const auto csr = MakeCsr(kClusterSubject, *key);
    ASSERT_TRUE(csr.ok()) << csr.error();
    Write("r.csr", *csr);
    EXPECT_NE(OpenSsl("req -in r.csr -noout -verify").find("verify OK"), std::string::npos);
    const std::string text = OpenSsl("req -in r.csr -noout -text");
    EXPECT_EQ(text.find("X509v3"), std::string::npos);
    EXPECT_NE(text.find("HSM:A0123456789ABCDEF0123456789ABC:PARTN:1, for FIPS mode"), std::string::npos);
  }
}

TEST(Certificate, AnotherIssuerIsUntrusted) {
  const Certificate root = Root();
  const Certificate impostor = MakeSelfSigned({{"CN", "Root"}}, OtherKey(), {.ca = true}).value();
  const Certificate other_name = MakeSelfSigned({{"CN", "root2"}}, Key(), {.ca = true}).value();
  const Certificate leaf = Issue({{"CN", "leaf"}}, OtherKey().public_key(), root, Key(), {}).value();
  EXPECT_EQ(leaf.VerifyIssuedBy(impostor).error().code(), Errc::kUntrusted);
  EXPECT_EQ(leaf.VerifyIssuedBy(other_name).error().code(), Errc::kUntrusted);
}

TEST(Certificate, DerAndPemGoRound) {
  const Certificate root = Root();
  EXPECT_EQ(Certificate::FromDer(root.ToDer()).value(), root);
  EXPECT_EQ(Certificate::FromPem(root.ToPem()).value(), root);
  std::string crlf;
  for (const char c : root.ToPem()) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(Certificate::FromPem("  \r\n" + crlf + " \t\r\n\r\n").value(), root);
  Bytes longer = root.ToDer();
  longer.push_back(0);
  EXPECT_FALSE(Certificate::FromDer(longer).ok());
  EXPECT_FALSE(Certificate::FromDer({}).ok());
}

struct PemRow {
  std::string name;
  std::string (*text)(const std::string& pem);
};
const PemRow kBadPem[] = {
    {"Empty", [](const std::string&) { return std::string(); }},
    {"BlanksOnly", [](const std::string&) { return std::string(" \n"); }},
    {"NotPem", [](const std::string&) { return std::string("certificate"); }},
    {"Two", [](const std::string& pem) { return pem + pem; }},
    {"TextBefore", [](const std::string& pem) { return "subject=/CN=x\n" + pem; }},
    {"TextBehind", [](const std::string& pem) { return pem + "x"; }},
    {"TooLong", [](const std::string& pem) { return pem + std::string(5000, '\n'); }},
    {"Cut", [](const std::string& pem) { return pem.substr(0, pem.size() / 2); }},
    {"NulInside", [](const std::string& pem) { return pem + std::string(1, '\0'); }},
    {"BodyIsNotBase64",
     [](const std::string&) { return std::string("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"); }},
    {"BodyIsEmpty",
     [](const std::string&) { return std::string("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"); }},
    {"HeaderOnly", [](const std::string&) { return std::string("-----BEGIN CERTIFICATE-----"); }},
};
class BadPem : public ::testing::TestWithParam<PemRow> {};
TEST_P(BadPem, IsRefused) {
  const auto read = Certificate::FromPem(GetParam().text(Root().ToPem()));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Errc::kInvalidArgument);
}
INSTANTIATE_TEST_SUITE_P(Certificate, BadPem, ::testing::ValuesIn(kBadPem),
                         [](const auto& info) { return info.param.name; });

struct OptionsRow {
  std::string name;
  std::vector<NameEntry> subject;
  CertificateOptions options;
};
const OptionsRow kBadOptions[] = {
    {"NoSubject", {}, {}},
    {"UnknownType", {{"XYZ", "a"}}, {}},
    {"CountryOfThreeLetters", {{"C", "USA"}}, {}},
    {"NotUtf8", {{"CN", "\xff\xfe"}}, {}},
    {"NoDays", {{"CN", "a"}}, {.days = 0}},
    {"TooManyDays", {{"CN", "a"}}, {.days = 100000}},
    {"BadAddress", {{"CN", "a"}}, {.ip_addresses = {"300.1.1.1"}}},
    {"BadDnsName", {{"CN", "a"}}, {.dns_names = {"a b"}}},
    {"LongSerial", {{"CN", "a"}}, {.serial = Bytes(21, 1)}},
};
class BadOptions : public ::testing::TestWithParam<OptionsRow> {};
TEST_P(BadOptions, AreRefused) {
  const auto made = MakeSelfSigned(GetParam().subject, OtherKey(), GetParam().options);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Errc::kInvalidArgument);
}
INSTANTIATE_TEST_SUITE_P(Certificate, BadOptions, ::testing::ValuesIn(kBadOptions),
                         [](const auto& info) { return info.param.name; });

TEST(Certificate, IssuingWithAnotherKeyIsRefused) {
  const auto made = Issue({{"CN", "x"}}, OtherKey().public_key(), Root(), OtherKey(), {});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Errc::kInvalidArgument);
}

TEST(Csr, TamperedOneIsRefused) {
  const std::string pem = MakeCsr({{"CN", "x"}}, OtherKey()).value();
  const std::string head = "-----BEGIN CERTIFICATE REQUEST-----\n", tail = "-----END CERTIFICATE REQUEST-----\n";
  std::string body = pem.substr(head.size(), pem.size() - head.size() - tail.size());
  std::erase(body, '\n');
  Bytes der = FromBase64(body).value();
  const auto at = std::ranges::search(der, AsBytes("x")).begin();
  ASSERT_NE(at, der.end());
  *at = 'y';
  const auto parsed = ParseCsr(head + Base64(der) + "\n" + tail);
  ASSERT_FALSE(parsed.ok());
  EXPECT_TRUE(ParseCsr(pem).ok());
  EXPECT_EQ(ParseCsr(Root().ToPem()).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::crypto
