#include "hsm/replica/device.h"

#include "crypto/random.h"
#include "crypto/seal.h"
#include "hsm/replica/byte_io.h"
#include "hsm/replica/files.h"
#include "hsm/replica/sealed_body.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;

// Fields of the sealed plaintext. Each is `u8 field | u32 n, bytes`; secrets of epochs have the epoch in front.
enum Field : std::uint8_t {
  kDeviceKey = 1,
  kSerial,
  kAwsHardware,
  kManufacturerHardware,
  kAwsRoot,
  kManufacturerRoot,
  kHsmCertificate,
  kClusterId,
  kEpochSecret,
  kBackupCertificate,
  kLeftCluster,
};

Bytes Header(const std::string& hsm_id) {
  Bytes header = ToBytes(AsBytes("SRD"));
  header.push_back(kVersion);
  PutCounted(header, AsBytes(hsm_id), 1);
  return header;
}

Bytes Info(const std::string& hsm_id) {
  Bytes info = Purpose("strongroom device v1");
  PutCounted(info, AsBytes(hsm_id), 1);
  return info;
}

void PutField(SecretBytes& out, Field field, ByteView bytes) {
  if (bytes.empty()) return;
  out.push_back(field);
  PutCounted(out, bytes, 4);
}

Error Damaged(std::string detail) {
  return Error(Errc::kCorrupted,
               "The HSM's device.sealed cannot be opened: it is damaged, or the root key is another one. Nothing was "
               "overwritten.")
      .WithDetail(std::move(detail));
}

}  // namespace

Device::Device(std::filesystem::path directory, std::string hsm_id, SharedSecret root_key)
    : directory_(std::move(directory)), hsm_id_(std::move(hsm_id)), root_key_(std::move(root_key)) {}

Result<Device> Device::Open(const std::filesystem::path& directory, std::string hsm_id, SharedSecret root_key) {
  if (!root_key || root_key->size() != 32) return Error(Errc::kInvalidArgument, "The root key must have 32 bytes.");
  if (hsm_id.empty() || hsm_id.size() > 255) return Error(Errc::kInvalidArgument, "The HSM's id is not usable.");
  Device device(directory, std::move(hsm_id), std::move(root_key));
  SR_TRY(const auto content, ReadFile(directory / "device.sealed", kMaxFileBytes));
  if (!content) return device;
  ByteReader in(*content);
  const auto magic = in.Take(3);
  if (!magic || AsText(*magic) != "SRD") return Damaged("no magic");
  const auto version = in.Integer(1);
  if (!version) return Damaged("cut short");
  if (*version != kVersion)
    return Error(Errc::kUnsupported, "The HSM's device.sealed has version " + std::to_string(*version) +
                                         ", which this software does not know.");
  const auto id = in.Counted(1);
  if (!id) return Damaged("cut short");
  if (AsText(*id) != device.hsm_id_)
    return Error(Errc::kCorrupted,
                 "The HSM's device.sealed belongs to " + std::string(AsText(*id)) + ", not to " + device.hsm_id_ + ".");
  const ByteView sealed = ByteView(*content).subspan(in.at());
  if (sealed.size() < crypto::kSealOverheadBytes) return Damaged("cut short");
  SecretBytes plaintext(sealed.size() - crypto::kSealOverheadBytes);
  const Status opened =
      crypto::OpenInto(*device.root_key_, Info(device.hsm_id_), Header(device.hsm_id_), sealed, plaintext);
  if (!opened.ok()) return Damaged(opened.error().ForLog());
  SR_CHECK(device.Parse(plaintext));
  return device;
}

Status Device::Parse(ByteView plaintext) {
  ByteReader in(plaintext);
  while (!in.done()) {
    const auto field = in.Integer(1);
    const auto bytes = in.Counted(4);
    if (!field || !bytes) return Damaged("a field is cut short");
    switch (*field) {
      case kDeviceKey: {
        SR_TRY(const SecretBuffer pkcs8, SecretBuffer::CopyOf(*bytes));
        SR_TRY(key_, crypto::PrivateKey::FromPkcs8(pkcs8));
        break;
      }
      case kSerial: serial_ = AsText(*bytes); break;
      case kAwsHardware: certificates_.aws_hardware = ToBytes(*bytes); break;
      case kManufacturerHardware: certificates_.manufacturer_hardware = ToBytes(*bytes); break;
      case kAwsRoot: certificates_.aws_root = ToBytes(*bytes); break;
      case kManufacturerRoot: certificates_.manufacturer_root = ToBytes(*bytes); break;
      case kHsmCertificate: certificates_.hsm = ToBytes(*bytes); break;
      case kClusterId: cluster_id_ = AsText(*bytes); break;
      case kEpochSecret: {
        if (bytes->size() != 8 + 32) return Damaged("an epoch's secret has another size");
        SR_TRY(SecretBuffer secret, SecretBuffer::CopyOf(bytes->subspan(8)));
        secrets_[*ByteReader(*bytes).Integer(8)] = Share(std::move(secret));
        break;
      }
      case kBackupCertificate: certificates_.backup = ToBytes(*bytes); break;
      case kLeftCluster: left_cluster_ = AsText(*bytes); break;
      default: return Damaged("field " + std::to_string(*field) + " is not known");
    }
  }
  return {};
}

Status Device::Save() const {
  SecretBytes plaintext;
  if (key_) {
    SR_TRY(const SecretBuffer pkcs8, key_->ToPkcs8());
    plaintext.push_back(kDeviceKey);
    VaultSealer::AppendSegment(plaintext, pkcs8);
  }
  PutField(plaintext, kSerial, AsBytes(serial_));
  PutField(plaintext, kAwsHardware, certificates_.aws_hardware);
  PutField(plaintext, kManufacturerHardware, certificates_.manufacturer_hardware);
  PutField(plaintext, kAwsRoot, certificates_.aws_root);
  PutField(plaintext, kManufacturerRoot, certificates_.manufacturer_root);
  PutField(plaintext, kHsmCertificate, certificates_.hsm);
  PutField(plaintext, kBackupCertificate, certificates_.backup);
  PutField(plaintext, kClusterId, AsBytes(cluster_id_));
  PutField(plaintext, kLeftCluster, AsBytes(left_cluster_));
  for (const auto& [epoch, secret] : secrets_) {
    SecretBytes counted;
    VaultSealer::AppendSegment(counted, *secret);
    plaintext.push_back(kEpochSecret);
    PutInteger(plaintext, 8 + secret->size(), 4);
    PutInteger(plaintext, epoch, 8);
    PutBytes(plaintext, ByteView(counted).subspan(4));
  }
  Bytes content = Header(hsm_id_);
  SR_TRY(const Bytes sealed, crypto::Seal(*root_key_, Info(hsm_id_), content, plaintext));
  Append(content, sealed);
  return ReplaceFile(directory_ / "device.sealed", content);
}

Status Device::EnsureKey() {
  if (key_) return {};
  SR_TRY(crypto::PrivateKey key, crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048));
  std::array<std::uint8_t, 15> serial{};
  SR_CHECK(crypto::Random(serial));
  key_ = std::move(key);
  serial_ = Hex(serial);
  for (char& c : serial_) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  Status saved = Save();
  if (!saved.ok()) {
    key_.reset();
    serial_.clear();
  }
  return saved;
}

Status Device::SetCertificates(Certificates certificates) {
  std::swap(certificates_, certificates);
  Status saved = Save();
  if (!saved.ok()) std::swap(certificates_, certificates);
  return saved;
}

SharedSecret Device::SecretOf(std::uint64_t epoch) const {
  const auto found = secrets_.find(epoch);
  return found == secrets_.end() ? nullptr : found->second;
}

Status Device::AddSecrets(const std::string& cluster_id, const std::map<std::uint64_t, SharedSecret>& secrets) {
  if (!cluster_id_.empty() && cluster_id_ != cluster_id)
    return Error(Errc::kInvalidState, "This HSM belongs to " + cluster_id_ + ".");
  auto old_secrets = secrets_;
  const std::string old_cluster = cluster_id_, old_left = left_cluster_;
  if (cluster_id_.empty()) cluster_id_ = cluster_id;
  left_cluster_.clear();
  for (const auto& [epoch, secret] : secrets) secrets_[epoch] = secret;
  Status saved = Save();
  if (!saved.ok()) {
    secrets_ = std::move(old_secrets);
    cluster_id_ = old_cluster;
    left_cluster_ = old_left;
  }
  return saved;
}

Status Device::LeaveCluster() {
  Device left = *this;
  if (!cluster_id_.empty()) left.left_cluster_ = cluster_id_;
  left.cluster_id_.clear();
  left.secrets_.clear();
  left.certificates_.hsm.clear();
  SR_CHECK(left.Save());
  *this = std::move(left);
  return {};
}

Status Device::Destroy() {
  key_.reset();
  serial_.clear();
  certificates_ = {};
  cluster_id_.clear();
  left_cluster_.clear();
  secrets_.clear();
  return RemoveFile(directory_ / "device.sealed");
}

}  // namespace strongroom::hsm::replica
