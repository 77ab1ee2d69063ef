#include "cloudhsm/nodes/proof.h"

#include "crypto/certificate.h"
#include "wire/zeroize_statement.h"

namespace strongroom::cloudhsm {
namespace {

std::string RowName(const std::string& hsm_id) { return "device/" + hsm_id; }

Error NotProved(const char* why) {
  return Error(Errc::kUntrusted, "The HSM did not prove that it zeroised itself: " + std::string(why) + ".");
}

}  // namespace

Status RememberDevice(store::Transaction& t, const std::string& hsm_id, ByteView certificate) {
  SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                     {store::Text(RowName(hsm_id)), store::Blob(certificate)}));
  return {};
}

Status ForgetDevice(store::Transaction& t, const std::string& hsm_id) {
  SR_CHECK(t.Execute("DELETE FROM deployment WHERE name = $1", {store::Text(RowName(hsm_id))}));
  return {};
}

Status CheckZeroized(store::Transaction& t, const std::string& hsm_id, const proto::Zeroize& proof) {
  SR_TRY(const auto row, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(RowName(hsm_id))}));
  if (!row) return {};
  if (proof.statement().empty()) return NotProved("it says nothing");
  const auto says = wire::ParseZeroizeStatement(AsBytes(proof.statement()));
  if (!says) return NotProved("its statement is not readable");
  if (says->hsm_id != hsm_id) return NotProved("the statement is another HSM's");
  if (AsText(row->Blob(0)) != proof.device_certificate()) return NotProved("the device is another one");
  SR_TRY(const auto certificate, crypto::Certificate::FromDer(row->Blob(0)));
  SR_TRY(const auto key, certificate.public_key());
  const auto scheme =
      crypto::IsRsa(key.spec()) ? crypto::SignatureScheme::kPssSha256 : crypto::SignatureScheme::kEcdsaSha256;
  const Bytes signed_form = wire::SignedForm(AsBytes(proof.statement()));
  if (!key.Verify(scheme, crypto::MessageForm::kRaw, signed_form, AsBytes(proof.signature())).ok())
    return NotProved("the signature does not verify");
  return {};
}

std::string CountsAsCompromised(const std::string& hsm_id) {
  return "HSM " + hsm_id +
         " was removed without a proof that it zeroised itself and counts as compromised: replace the cluster's keys, "
         "certificate and passwords.";
}

}  // namespace strongroom::cloudhsm
