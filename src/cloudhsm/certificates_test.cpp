#include "cloudhsm/certificates.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "crypto/certificate.h"

namespace strongroom::cloudhsm {
namespace {

std::string File(const std::string& name) {
  std::ifstream in(std::string(STRONGROOM_VECTORS) + "/cloudhsm/" + name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string Crlf(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out + "\r\n\r\n";
}

struct Row {
  std::string name, signed_cert, trust_anchor;
  std::chrono::hours after_issue;
  std::string want;  // "" means success
};

constexpr std::chrono::hours kNow{1};
constexpr std::chrono::hours kDay{24};

const std::string kBadCert = "The SignedCert is not a valid PEM-encoded certificate.";
const std::string kBadAnchor = "The TrustAnchor is not a valid PEM-encoded certificate.";

std::vector<Row> Rows() {
  const std::string cert = File("signed.crt"), anchor = File("anchor.crt");
  const std::string not_self = "The TrustAnchor is not a self-signed certificate.";
  const std::string not_issued = "The SignedCert was not issued by the TrustAnchor.";
  return {
      {"Version1LeafIsTaken", cert, anchor, kNow, ""},
      {"WindowsLineEndsAreTaken", Crlf(cert), Crlf(anchor), kNow, ""},
      {"NoPemAsCert", "hello", anchor, kNow, kBadCert},
      {"EmptyCert", "", anchor, kNow, kBadCert},
      {"TwoCerts", cert + cert, anchor, kNow, kBadCert},
      {"RequestInPlaceOfCert", File("csr.pem"), anchor, kNow, kBadCert},
      {"OverlongCert", cert + std::string(5000, '\n'), anchor, kNow, kBadCert},
      {"NoPemAsAnchor", cert, "hello", kNow, kBadAnchor},
      {"TwoAnchors", cert, anchor + anchor, kNow, kBadAnchor},
      {"BothWrongNamesTheCert", "x", "x", kNow, kBadCert},
      {"IntermediateAsAnchor", File("signed_by_intermediate.crt"), File("anchor_intermediate.crt"), kNow, not_self},
      {"LeafAsAnchor", cert, cert, kNow, not_self},
      {"EllipticAnchor", File("signed_by_ec.crt"), File("anchor_ec.crt"), kNow,
       "The TrustAnchor key must be RSA 2048 or RSA 4096."},
      {"OtherAnchorOfTheSameName", cert, File("anchor_same_name.crt"), kNow, not_issued},
      {"AnchorOfAnotherName", File("signed_by_ec.crt"), anchor, kNow, not_issued},
      {"OtherKey", File("signed_other_key.crt"), anchor, kNow,
       "The SignedCert public key does not match the cluster CSR."},
      {"OtherSubject", File("signed_other_subject.crt"), anchor, kNow,
       "The SignedCert subject does not match the cluster CSR."},
      {"CertExpired", File("signed_one_day.crt"), anchor, 2 * kDay,
       "The SignedCert is not within its validity period."},
      {"AnchorExpired", cert, File("anchor_one_day.crt"), 2 * kDay,
       "The TrustAnchor is not within its validity period."},
      {"CertNotYetValid", cert, anchor, -kDay, "The SignedCert is not within its validity period."},
      {"Sha1Signature", File("signed_sha1.crt"), anchor, kNow,
       "The SignedCert uses an unsupported signature algorithm."},
  };
}

class InitializationTable : public ::testing::TestWithParam<Row> {};

TEST_P(InitializationTable, AnswersAsTheRowSays) {
  const Row& row = GetParam();
  const auto issued = crypto::Certificate::FromPem(File("signed.crt")).value().not_before();
  const Status status =
      CheckInitialization(File("csr.pem"), row.signed_cert, row.trust_anchor, issued + row.after_issue);
  EXPECT_EQ(status.ok() ? "" : status.error().public_message(), row.want);
  if (!status.ok()) {
    EXPECT_EQ(status.error().code(), Errc::kInvalidArgument);
  }
}

INSTANTIATE_TEST_SUITE_P(Certificates, InitializationTable, ::testing::ValuesIn(Rows()),
                         [](const auto& tested) { return tested.param.name; });

TEST(Certificates, RequestsKeepTheirBytesAsPem) {
  const std::string pem = File("csr.pem");
  const auto parsed = crypto::ParseCsr(pem);
  ASSERT_TRUE(parsed.ok());
  std::string base64;
  std::istringstream lines(pem);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("-----")) base64 += line;
  }
  EXPECT_EQ(CsrToPem(FromBase64(base64).value()), pem);
}

}  // namespace
}  // namespace strongroom::cloudhsm
