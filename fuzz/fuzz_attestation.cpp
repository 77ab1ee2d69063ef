#include "fuzz/target.h"
#include "kms/attestation/cbor_reader.h"
#include "kms/attestation/document.h"
#include "kms/testing/attestation_maker.h"

namespace strongroom {

std::vector<Bytes> fuzz::Seeds() {
  const kms::testing::AttestationMaker enclave;
  const auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048).value();
  using kms::testing::cbor::Array;
  using kms::testing::cbor::Unsigned;
  return {enclave.Document(key.public_key()), Array({Array({Unsigned(1)}), Unsigned(300)})};
}

}  // namespace strongroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strongroom;
  (void)kms::ParseAttestationDocument(ByteView(data, size));
  kms::CborReader reader{ByteView(data, size)};
  while (!reader.AtEnd() && reader.Skip().ok()) {
  }
  return 0;
}
