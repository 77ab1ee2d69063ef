#include "crypto/password.h"
#include "crypto/random.h"
#include "hsm/replica/identity.h"

namespace strongroom::hsm::replica {
namespace {

constexpr int kTwentyYears = 7305;
constexpr std::uint32_t kFirstPartition = 1;
constexpr std::string_view kFirstPassword = "password";  // documented: loginHSM PRECO admin password

std::string Text(const Bytes& bytes) { return std::string(AsText(bytes)); }

struct Root {
  SharedSecret key;
  Bytes certificate;
};

Result<Root> MakeRoot(std::string common_name) {
  SR_TRY(const auto key, crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048));
  crypto::CertificateOptions options;
  options.days = kTwentyYears;
  options.ca = true;
  SR_TRY(const auto certificate,
         crypto::MakeSelfSigned({{"O", "Strongroom"}, {"CN", std::move(common_name)}}, key, options));
  SR_TRY(SecretBuffer pkcs8, key.ToPkcs8());
  return Root{Share(std::move(pkcs8)), certificate.ToDer()};
}

void AddUser(Proposal& proposal, std::uint32_t id, proto::UserType type, std::string name, std::string hash) {
  auto* put = proposal.changes.emplace_back().mutable_user_put();
  put->mutable_user()->set_id(id);
  put->mutable_user()->set_type(type);
  put->mutable_user()->set_name(std::move(name));
  put->set_password_hash(std::move(hash));
}

// The domain cluster is its own owner: it issues its cluster certificate itself, under its manufacturer root.
Status AddDomainParts(const proto::CreateCluster& request, const crypto::PrivateKey& cluster_key,
                      const std::vector<crypto::NameEntry>& subject, const Identity& identity, Proposal& proposal) {
  SR_TRY(const auto root, crypto::Certificate::FromDer(identity.manufacturer_root));
  SR_TRY(const auto root_key, crypto::PrivateKey::FromPkcs8(*identity.manufacturer_key));
  crypto::CertificateOptions options;
  options.days = kTwentyYears - 1;
  SR_TRY(const auto certificate, crypto::Issue(subject, cluster_key.public_key(), root, root_key, options));
  auto* installed = proposal.changes.emplace_back().mutable_cluster_certificate();
  installed->set_certificate(Text(certificate.ToDer()));
  installed->set_trust_anchor(Text(identity.manufacturer_root));

  SR_CHECK(crypto::PublicKey::FromSpki(AsBytes(request.front_end_public_key())));
  auto* front_end = proposal.changes.emplace_back().mutable_front_end_enrolled();
  front_end->set_public_key(request.front_end_public_key());
  front_end->set_name(request.front_end_name());

  SR_TRY(SecretBuffer domain_key, crypto::RandomSecret(32));
  auto* generation = proposal.changes.emplace_back().mutable_domain_key_generation();
  generation->set_generation(1);
  generation->set_segment(static_cast<std::uint32_t>(proposal.segments.size()));
  proposal.segments.push_back(Share(std::move(domain_key)));
  if (request.self().feature_level() < kLevelOfImports) return {};
  return AddMaterialIdSecret(proposal);
}

// What customers' backups are wrapped to. Its certificate is the manufacturer's word that the private half is here
// only.
Status MakeBackupKey(Identity& identity) {
  SR_TRY(const auto key, crypto::PrivateKey::Generate(crypto::KeySpec::kRsa3072));
  SR_TRY(const auto root, crypto::Certificate::FromDer(identity.manufacturer_root));
  SR_TRY(const auto root_key, crypto::PrivateKey::FromPkcs8(*identity.manufacturer_key));
  crypto::CertificateOptions options;
  options.days = kTwentyYears - 1;
  SR_TRY(const auto certificate, crypto::Issue(BackupKeySubject(), key.public_key(), root, root_key, options));
  SR_TRY(SecretBuffer pkcs8, key.ToPkcs8());
  identity.backup_certificate = certificate.ToDer();
  identity.backup_key = Share(std::move(pkcs8));
  return {};
}

Status MakeDomainRoots(Device& device, Identity& identity) {
  SR_TRY(Root manufacturer, MakeRoot("Strongroom Manufacturer Root"));
  SR_TRY(Root aws, MakeRoot("Strongroom Hardware Root G1"));
  identity.manufacturer_root = std::move(manufacturer.certificate);
  identity.manufacturer_key = std::move(manufacturer.key);
  identity.aws_root = std::move(aws.certificate);
  identity.aws_root_key = std::move(aws.key);
  SR_CHECK(MakeBackupKey(identity));
  return CertifyOwnDevice(identity, device);
}

}  // namespace

Status AddMaterialIdSecret(Proposal& proposal) {
  SR_TRY(SecretBuffer secret, crypto::RandomSecret(32));
  auto* made = proposal.changes.emplace_back().mutable_material_id_secret();
  made->set_segment(static_cast<std::uint32_t>(proposal.segments.size()));
  proposal.segments.push_back(Share(std::move(secret)));
  return {};
}

Status CertifyOwnDevice(const Identity& identity, Device& device) {
  SR_TRY(const auto request, crypto::MakeCsr(HardwareSubject(device.serial()), device.key()));
  SR_TRY(const Bytes request_der, CsrPemToDer(request));
  SR_TRY(const auto certified, CertifyDevice(identity, request_der));
  Device::Certificates certificates;
  certificates.aws_hardware = ToBytes(AsBytes(certified.aws_hardware_certificate()));
  certificates.manufacturer_hardware = ToBytes(AsBytes(certified.manufacturer_hardware_certificate()));
  certificates.aws_root = identity.aws_root;
  certificates.manufacturer_root = identity.manufacturer_root;
  certificates.backup = identity.backup_certificate;
  return device.SetCertificates(std::move(certificates));
}

Result<Proposal> MakeGenesis(const proto::CreateCluster& request, Device& device) {
  Identity identity;
  identity.cluster_id = request.cluster_id();
  identity.domain = request.domain();
  identity.fips = request.fips();
  identity.partition = kFirstPartition;
  identity.recovery_public_key = ToBytes(AsBytes(request.recovery_public_key()));
  SR_CHECK(device.EnsureKey());
  identity.hsm_serial = device.serial();
  if (identity.domain) {
    if (!identity.recovery_public_key.empty()) SR_CHECK(crypto::PublicKey::FromSpki(identity.recovery_public_key));
    SR_CHECK(MakeDomainRoots(device, identity));
  } else {
    if (device.certificates().manufacturer_hardware.empty())
      return Error(Errc::kInvalidState, "The HSM's device key has not been certified yet.");
    identity.manufacturer_root = device.certificates().manufacturer_root;
    identity.aws_root = device.certificates().aws_root;
    identity.backup_certificate = device.certificates().backup;
  }

  SR_TRY(const auto cluster_key, crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048));
  const auto subject = PartitionSubject(identity.hsm_serial, identity.partition, identity.fips);
  SR_TRY(const auto csr_pem, crypto::MakeCsr(subject, cluster_key));
  SR_TRY(identity.csr, CsrPemToDer(csr_pem));
  SR_TRY(SecretBuffer cluster_pkcs8, cluster_key.ToPkcs8());

  Proposal proposal;
  proto::Genesis* genesis = proposal.changes.emplace_back().mutable_genesis();
  genesis->set_cluster_id(identity.cluster_id);
  genesis->set_domain(identity.domain);
  genesis->set_fips(identity.fips);
  genesis->set_partition(identity.partition);
  genesis->set_hsm_serial(identity.hsm_serial);
  genesis->set_csr(Text(identity.csr));
  *genesis->mutable_first() = request.self();
  genesis->mutable_first()->set_hsm_id(device.hsm_id());
  genesis->set_first_device_certificate(Text(device.certificates().manufacturer_hardware));
  genesis->set_manufacturer_root(Text(identity.manufacturer_root));
  genesis->set_aws_root(Text(identity.aws_root));
  genesis->set_recovery_public_key(Text(identity.recovery_public_key));
  genesis->set_backup_certificate(Text(identity.backup_certificate));
  genesis->set_feature_level(request.self().feature_level());
  genesis->set_cluster_key_segment(0);
  proposal.segments.push_back(Share(std::move(cluster_pkcs8)));
  if (identity.domain) {
    genesis->set_manufacturer_key_segment(1);
    genesis->set_aws_root_key_segment(2);
    proposal.segments.push_back(identity.manufacturer_key);
    proposal.segments.push_back(identity.aws_root_key);
    genesis->set_backup_key_segment(3);
    proposal.segments.push_back(identity.backup_key);
    SR_CHECK(AddDomainParts(request, cluster_key, subject, identity, proposal));
  } else {
    SR_TRY(const SecretBuffer password, SecretBuffer::CopyOf(AsBytes(kFirstPassword)));
    SR_TRY(std::string hash, crypto::HashPassword(password));
    AddUser(proposal, 1, proto::PRECO, "admin", std::move(hash));
  }
  // The appliance user has no password that could match, ever. In the domain cluster it is the only user.
  AddUser(proposal, 2, proto::AU, "app_user", "");
  return proposal;
}

}  // namespace strongroom::hsm::replica
