#include "kms/attestation/verifier.h"

#include <chrono>

#include "crypto/certificate_chain.h"
#include "crypto/raw_signature.h"

namespace strongroom::kms {
namespace {

constexpr std::chrono::minutes kOldest{5}, kMostAhead{1};

Error Refused(std::string_view why) {
  return Error(Errc::kInvalidArgument, "The attestation document is refused: " + std::string(why));
}

Result<crypto::Certificate> ReadCertificate(const Bytes& der) {
  auto certificate = crypto::Certificate::FromDer(der);
  if (!certificate.ok()) return Refused("a certificate in it cannot be read.").WithDetail(certificate.error().ForLog());
  return certificate;
}

Result<crypto::PublicKey> RecipientKey(const Bytes& spki) {
  if (spki.empty()) return Refused("it holds no public_key.");
  auto key = crypto::PublicKey::FromSpki(spki);
  if (!key.ok() || !crypto::IsRsa(key->spec())) return Refused("its public_key is no RSA key of 2048 to 4096 bits.");
  return key;
}

}  // namespace

Result<std::shared_ptr<const AttestationVerifier>> AttestationVerifier::Make(std::string_view roots_pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END CERTIFICATE-----";
  std::vector<crypto::Certificate> roots;
  // What stands between the certificates is for people.
  for (std::size_t begin = roots_pem.find(kBegin); begin != std::string_view::npos;
       begin = roots_pem.find(kBegin, begin + kBegin.size())) {
    const std::size_t end = roots_pem.find(kEnd, begin);
    if (end == std::string_view::npos)
      return Error(Errc::kInvalidArgument, "The attestation roots end within a certificate.");
    SR_TRY(crypto::Certificate root, crypto::Certificate::FromPem(roots_pem.substr(begin, end + kEnd.size() - begin)));
    roots.push_back(std::move(root));
  }
  if (roots.empty()) return Error(Errc::kInvalidArgument, "The attestation roots hold no PEM certificate.");
  return std::make_shared<const AttestationVerifier>(std::move(roots));
}

Result<AttestedRecipient> AttestationVerifier::Verify(ByteView bytes, ports::WallTime now) const {
  SR_TRY(const AttestationDocument document, ParseAttestationDocument(bytes));
  if (document.made < now - kOldest) return Refused("it is older than five minutes.");
  if (document.made > now + kMostAhead) return Refused("its timestamp is in the future.");
  SR_TRY(const crypto::Certificate leaf, ReadCertificate(document.certificate));
  std::vector<crypto::Certificate> between;
  between.reserve(document.cabundle.size());
  for (const Bytes& der : document.cabundle) {
    SR_TRY(crypto::Certificate certificate, ReadCertificate(der));
    between.push_back(std::move(certificate));
  }
  const Status chain = crypto::VerifyChain(leaf, between, roots_, now);
  if (!chain.ok())
    return Refused("its certificates do not lead to a root that this deployment trusts.")
        .WithDetail(chain.error().ForLog());
  const auto signer = leaf.public_key();
  if (!signer.ok() || signer->spec() != crypto::KeySpec::kP384) return Refused("its signer's key is not of P-384.");
  SR_TRY(const Bytes signature, crypto::EcdsaDerFromRaw(document.signature));
  const Status verified = signer->Verify(crypto::SignatureScheme::kEcdsaSha384, crypto::MessageForm::kRaw,
                                         document.to_be_signed, signature);
  if (!verified.ok()) return Refused("its signature does not verify.");
  SR_TRY(crypto::PublicKey key, RecipientKey(document.public_key));
  AttestedRecipient recipient{std::move(key), {}, document.module_id, {}};
  for (const auto& [number, value] : document.pcrs) {
    const std::string hex = Hex(value);
    if (number == 0) recipient.conditions["kms:RecipientAttestation:ImageSha384"] = {hex};
    recipient.conditions["kms:RecipientAttestation:PCR" + std::to_string(number)] = {hex};
    recipient.pcrs[number] = hex;
  }
  return recipient;
}

}  // namespace strongroom::kms
