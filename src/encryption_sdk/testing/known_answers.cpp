#include "encryption_sdk/testing/known_answers.h"

#include <algorithm>

namespace strongroom::encryption_sdk::testing {
namespace {

/// Hex with blanks for the eye.
Bytes Spelled(std::string_view hex) {
  std::string text;
  std::copy_if(hex.begin(), hex.end(), std::back_inserter(text), [](char c) { return c != ' '; });
  return FromHex(text).value();
}

}  // namespace

Bytes K1() {
  return Spelled(
      "02 0478 404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f 0008 0001 0001 61 0001 62 0001 "
      "0002 7372 0016 7731 00000080 0000000c 606162636465666768696a6b "
      "0030 cafab9769f65a548543fd3005ea0ef6c 1644bbbab05104ee9b98ba5740cfc937 36076d9d6cbf0c592c3b061fd166d94b "
      "02 00000010 bbe9a13c6144de6db8a0b1a0e8f11783 cd66fc015b916c8c1ee27fb7953e8fad "
      "da3aeacabe4fb956fd4e55580c9de674 "
      "00000001 000000000000000000000001 dfb29571f9328613cf00f8b313dfdd80 d66dea82e311455f6a9219a05fe40369 "
      "ffffffff 00000002 000000000000000000000002 00000004 13970097 b703b16bc67c7652d5d8ab40b00c451b");
}

Bytes K2() {
  return Spelled(
      "020578404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f005f000100156177732d63727970746f2d7075626c"
      "69632d6b657900444136714879694b2b697755336a72484848764d67725852754854746969366562"
      "6d466e335165434356436f3456514c79586239564b57773656463434636e594b74773d3d0001000273720016773100000080000000"
      "0c606162636465666768696a6b0030cafab9769f65a548543fd3005ea0ef6c1644bbbab05104ee9b98ba57"
      "40cfc9372f977feb6e94edc51d99de2d5c4dda520200000020bbe9a13c6144de6db8a0b1a0e8f11783cd66fc015b916c8c1ee27fb7953e"
      "8fad1180f7c62298739063213bd2a556638cffffffff00000001000000000000000000000001000000"
      "149b080dd472420c49de834aa3dde7d29a1ae93ab1f56e42d85302d1d3a5ceb64c2afda7b80067306502305a1e8d8e66a87f5492b285ee"
      "0c6d02f3328b5ef0bb2127dbbb05184de9a6eff872f850ca6240e00ee32e3e3e763432c50231008353"
      "24ba6a64781952048463e6a8e6962bce10e6e0b6280398530972a00277591e1eb93ac355f72dff5b006bf38176d2");
}

Bytes K3() {
  return Spelled(
      "01800178404142434445464748494a4b4c4d4e4f000000010002737200167731000000800000000c606162636465666768696a6b0030cafa"
      "b9769f65a548543fd3005ea0ef6c1644bbbab05104ee9b98ba5740cfc937e4b41213abd722fb5560"
      "758c601456a601000000000c00000000000000000000000000000000835046db873c788cbb28984bd90f4cbf0000000000000000000000"
      "01000000000000001460b09d3860e08b12f61a94960a0ce134e1648d9d3c756791056a1bf1c8103e54"
      "00eb826f");
}

Bytes Counting(std::uint8_t first, std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

SecretBuffer CountingSecret(std::uint8_t first, std::size_t size) {
  return SecretBuffer::CopyOf(Counting(first, size)).value();
}

crypto::PrivateKey SigningKeyOne(SuiteCurve curve) {
  // RFC 5958 and RFC 5915, without the public key.
  Bytes der = curve == SuiteCurve::kP256
                  ? Spelled("3041 020100 3013 06072a8648ce3d0201 06082a8648ce3d030107 0427 3025 020101 0420")
                  : Spelled("304e 020100 3010 06072a8648ce3d0201 06052b81040022 0437 3035 020101 0430");
  der.resize(der.size() + (curve == SuiteCurve::kP256 ? 31 : 47));
  der.push_back(1);
  return crypto::PrivateKey::FromPkcs8(SecretBuffer::CopyOf(der).value()).value();
}

KeyringPtr WrappingKey() { return MakeRawAesKeyring("sr", "w1", CountingSecret(0, 32)).value(); }
CmmPtr WrappingCmm() { return MakeDefaultCmm(WrappingKey()); }

}  // namespace strongroom::encryption_sdk::testing
