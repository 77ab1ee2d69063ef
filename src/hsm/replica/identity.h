#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control.pb.h"
#include "crypto/certificate.h"
#include "hsm/replica/device.h"
#include "hsm/replica/proposal.h"

namespace strongroom::hsm::replica {

/// Names and certificates of HSMs and clusters. Source: cloudhsm.md 3.1 to 3.4.

/// C=US, ST=CA, O=Cavium, OU=N3FIPS, L=SanJose, CN=HSM:<serial>
std::vector<crypto::NameEntry> HardwareSubject(std::string_view serial);
/// The same with CN=HSM:<serial>:PARTN:<n>, for FIPS mode (or ", for non-FIPS mode")
std::vector<crypto::NameEntry> PartitionSubject(std::string_view serial, std::uint32_t partition, bool fips);

/// O=Strongroom, CN=Strongroom Backup Key
std::vector<crypto::NameEntry> BackupKeySubject();

/// PKCS#10 between PEM, as the crypto component has it, and DER, as the control link has it.
Result<Bytes> CsrPemToDer(std::string_view pem);
std::string CsrDerToPem(ByteView der);

/// Certifies a device key under both of the deployment's roots: same subject, same key, CA rights, 20 years.
/// Errors: kUnsupported when the identity is not the domain cluster's; kInvalidArgument, kBadSignature for a bad
/// request.
Result<proto::CertifyDeviceReply> CertifyDevice(const Identity& identity, ByteView device_csr);
inline Result<proto::CertifyDeviceReply> CertifyDevice(const State& state, ByteView device_csr) {
  return CertifyDevice(state.identity(), device_csr);
}

/// The domain cluster certifies the device that holds its state, and the device keeps the certificates.
/// Errors: as CertifyDevice; those of Device.
Status CertifyOwnDevice(const Identity& identity, Device& device);

/// The device key certifies the cluster's public key, so that anyone can follow it to both roots.
Result<Bytes> MakeHsmCertificate(const Device& device, const Identity& identity);

/// Hardware certificates fit each other, their roots and this device's key. Errors: kUntrusted, kInvalidArgument.
Status CheckDeviceCertificates(const Device::Certificates& certificates, const crypto::PublicKey& device_key);
/// A certificate under the manufacturer root, now. Errors: kUntrusted, kInvalidArgument.
Result<crypto::PublicKey> CheckMemberCertificate(ByteView certificate, ByteView manufacturer_root,
                                                 std::int64_t now_millis);

/// The checks of cloudhsm.md 3.4 (3 to 8), in their order and words. Errors: kInvalidArgument.
Status CheckClusterCertificate(const Identity& identity, ByteView certificate, ByteView trust_anchor,
                               std::int64_t now_millis);

/// The first record's changes, with segments; makes the device key and, for the domain cluster, both roots and the
/// device's certificates. Takes some seconds of key generation. Errors: kInvalidState when a customer's HSM is not
/// certified yet; kInvalidArgument for keys in the request that are none.
Result<Proposal> MakeGenesis(const proto::CreateCluster& request, Device& device);

/// Adds a fresh secret for the ids of imported key material. Errors: kInternal, kResourceExhausted.
Status AddMaterialIdSecret(Proposal& proposal);

}  // namespace strongroom::hsm::replica
