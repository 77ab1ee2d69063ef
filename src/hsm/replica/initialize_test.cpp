#include "hsm/replica/testing/test_cluster.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers

constexpr char kCustomerCluster[] = "cluster-customer000";

/// A customer's cluster on an HSM that the domain cluster (a) has certified, and its owner's CA.
class InitializeTest : public ClusterTest {
 protected:
  InitializeTest() : c(loop, store, "hsm-c") {}
  void SetUp() override {
    ClusterTest::SetUp();
    c.now_millis = a.now_millis;
    ASSERT_TRUE(c.Open().ok());
    ASSERT_TRUE(Certify(loop, a, c).ok());
    proto::CreateCluster create;
    create.set_cluster_id(kCustomerCluster);
    create.set_fips(true);
    *create.mutable_self() = MemberOf("hsm-c");
    const Status created = Await(loop, c.replica->CreateCluster(create));
    ASSERT_TRUE(created.ok()) << created.error();
    csr.emplace(*crypto::ParseCsr(CsrDerToPem(c.state().identity().csr)));
  }
  crypto::PrivateKey NewKey(crypto::KeySpec spec = crypto::KeySpec::kRsa2048) {
    return *crypto::PrivateKey::Generate(spec);
  }
  crypto::Certificate NewCa(const crypto::PrivateKey& key, int days = 3652) {
    crypto::CertificateOptions options;
    options.ca = true;
    options.days = days;
    return *crypto::MakeSelfSigned({{"CN", "Owner"}}, key, options);
  }
  Status Install(const crypto::Certificate& certificate, const crypto::Certificate& anchor) {
    proto::InstallClusterCertificate install;
    install.set_certificate(std::string(AsText(certificate.ToDer())));
    install.set_trust_anchor(std::string(AsText(anchor.ToDer())));
    return Await(loop, c.replica->InstallClusterCertificate(install));
  }
  std::string Refusal(const crypto::Certificate& certificate, const crypto::Certificate& anchor) {
    const Status installed = Install(certificate, anchor);
    EXPECT_EQ(c.state().lifecycle(), installed.ok() ? proto::INITIALIZED : proto::UNINITIALIZED);
    return installed.ok() ? "" : installed.error().public_message();
  }

  TestHsm c;
  std::optional<crypto::CertificateRequest> csr;
};

TEST_F(InitializeTest, ACustomersClusterBeginsWithItsPreco) {
  EXPECT_EQ(c.state().lifecycle(), proto::UNINITIALIZED);
  ASSERT_NE(c.state().FindUser("admin"), nullptr);
  EXPECT_EQ(c.state().FindUser("admin")->info.type(), proto::PRECO);
  EXPECT_EQ(c.state().FindUser("admin")->info.id(), 1u);
  EXPECT_EQ(c.state().FindUser("app_user")->info.id(), 2u);
  EXPECT_EQ(c.state().next_user_id(), 3u);
  EXPECT_EQ(c.replica->HsmStatus().lifecycle(), proto::UNINITIALIZED);
  EXPECT_FALSE(c.replica->HsmStatus().csr().empty());
  EXPECT_EQ(CertifyDevice(c.state(), Bytes{1}).error().code(), Errc::kUnsupported) << "only the domain cluster does";
}

TEST_F(InitializeTest, TheOwnersCertificateIsInstalledOnceAndForGood) {
  const auto ca_key = NewKey();
  const auto ca = NewCa(ca_key);
  const auto key = *crypto::PublicKey::FromSpki(csr->public_key_spki);
  const auto good = *crypto::Issue(csr->subject.entries, key, ca, ca_key, {});
  const auto other_key = NewKey();
  const auto other_ca = NewCa(other_key);
  const auto ec_key = NewKey(crypto::KeySpec::kP256);
  const auto ec_ca = NewCa(ec_key);

  EXPECT_EQ(Refusal(good, good), "The TrustAnchor is not a self-signed certificate.");
  EXPECT_EQ(Refusal(good, ec_ca), "The TrustAnchor key must be RSA 2048 or RSA 4096.");
  EXPECT_EQ(Refusal(good, other_ca), "The SignedCert was not issued by the TrustAnchor.");
  EXPECT_EQ(Refusal(*crypto::Issue(csr->subject.entries, other_key.public_key(), ca, ca_key, {}), ca),
            "The SignedCert public key does not match the cluster CSR.");
  EXPECT_EQ(Refusal(*crypto::Issue({{"CN", "other"}}, key, ca, ca_key, {}), ca),
            "The SignedCert subject does not match the cluster CSR.");
  const auto now = *c.now_millis;
  *c.now_millis = now + std::int64_t{20} * 366 * 86'400'000;
  EXPECT_EQ(Refusal(good, ca), "The SignedCert is not within its validity period.");
  *c.now_millis = now - std::int64_t{2} * 86'400'000;
  EXPECT_EQ(Refusal(good, ca), "The SignedCert is not within its validity period.");
  *c.now_millis = now;
  EXPECT_EQ(Refusal(good, ca), "");
  EXPECT_TRUE(Install(good, ca).ok()) << "a repeat";
  EXPECT_EQ(Install(*crypto::Issue(csr->subject.entries, key, ca, ca_key, {}), ca).error().code(), Errc::kInvalidState);
  RunUntil(loop, [&] { return c.lifecycle_calls > 0; });
  c.Kill();
  ASSERT_TRUE(c.Open().ok());
  EXPECT_EQ(c.state().lifecycle(), proto::INITIALIZED);
  EXPECT_EQ(c.state().identity().cluster_certificate, good.ToDer());
}

TEST_F(InitializeTest, NonsenseFromTheControlPlaneIsRefused) {
  proto::InstallClusterCertificate install;
  install.set_certificate("x");
  EXPECT_EQ(Await(loop, c.replica->InstallClusterCertificate(install)).error().code(), Errc::kInvalidArgument);
  proto::InstallDevice device;
  device.set_manufacturer_hardware_certificate("x");
  EXPECT_FALSE(Await(loop, c.replica->InstallDevice(device)).ok());
  TestHsm fresh(loop, store, "hsm-d");
  ASSERT_TRUE(fresh.Open().ok());
  EXPECT_EQ(Await(loop, fresh.replica->InstallDevice(device)).error().code(), Errc::kInvalidState);
  ASSERT_TRUE(Await(loop, fresh.replica->DeviceRequest()).ok());
  EXPECT_EQ(Await(loop, fresh.replica->InstallDevice(device)).error().code(), Errc::kInvalidArgument);
  proto::InstallDevice stolen;
  const auto& certificates = c.replica->device().certificates();
  stolen.set_aws_hardware_certificate(std::string(AsText(certificates.aws_hardware)));
  stolen.set_manufacturer_hardware_certificate(std::string(AsText(certificates.manufacturer_hardware)));
  stolen.set_aws_root(std::string(AsText(certificates.aws_root)));
  stolen.set_manufacturer_root(std::string(AsText(certificates.manufacturer_root)));
  EXPECT_EQ(Await(loop, fresh.replica->InstallDevice(stolen)).error().code(), Errc::kUntrusted);
  proto::CreateCluster create;
  create.set_cluster_id("cluster-uncertified0");
  *create.mutable_self() = MemberOf("hsm-d");
  EXPECT_EQ(Await(loop, fresh.replica->CreateCluster(create)).error().code(), Errc::kInvalidState);
  *create.mutable_self() = MemberOf("hsm-e");
  EXPECT_EQ(Await(loop, fresh.replica->CreateCluster(create)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(Await(loop, fresh.replica->CatchUp(Reason::kForced)).error().code(), Errc::kInvalidState);
}

}  // namespace
}  // namespace strongroom::hsm::replica
